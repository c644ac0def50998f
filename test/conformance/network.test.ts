/** Services, Endpoints and EndpointSlices as objects: what the API and the controllers make of them. */
import { expect } from 'vitest';
import endpoints from '#api/core/endpoints.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import endpointslices from '#api/discovery/endpointslice.js';
import type { Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import type { Ingress } from '#api/gen/networking-v1.js';
import ingresses from '#api/networking/ingress.js';
import { isReason } from '#apimachinery/errors.js';
import { copy } from '#base/json.js';
import { conformance, type Scene } from './conformance.js';
import { podOf, serviceOf } from './objects.js';

const slicesOf = async ({ client, namespace }: Scene, service: string): Promise<EndpointSlice[]> =>
  (await client.of(endpointslices).list({ namespace, labelSelector: `kubernetes.io/service-name=${service}` })).items;

const isMissing = async (get: Promise<unknown>): Promise<boolean> => {
  try {
    await get;
    return false;
  } catch (error) {
    return isReason(error, 'NotFound');
  }
};

conformance('[sig-network] API Server should provide secure master service [Conformance]', async ({ client }) => {
  const { spec } = await client.of(services).get('kubernetes', { namespace: 'default' });
  expect(spec?.ports?.map(({ name, port }) => [name, port])).toContainEqual(['https', 443]);
});

conformance(
  '[sig-network] API Server should have Endpoints and EndpointSlices pointing to API Server [Conformance]',
  async ({ client }) => {
    const namespace = 'default';
    await client.of(services).get('kubernetes', { namespace });
    const { subsets } = await client.of(endpoints).get('kubernetes', { namespace });
    expect(subsets?.length).toBe(1);
    const { items } = await client
      .of(endpointslices)
      .list({ namespace, labelSelector: 'kubernetes.io/service-name=kubernetes' });
    expect(items.length).toBe(1);
    const addresses = items.flatMap((slice) => slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses);
    expect(addresses).toEqual(subsets![0]!.addresses!.map(({ ip }) => ip));
    expect(items[0]!.ports?.map(({ name, port }) => [name, port])).toEqual(
      subsets![0]!.ports!.map(({ name, port }) => [name, port]),
    );
  },
);

const withoutPods = async (scene: Scene) => {
  const { client, namespace, until } = scene;
  const service = await client.of(services).create(
    serviceOf('example-empty-selector', namespace, {
      selector: { 'does-not-match-anything': 'endpoints-and-endpoint-slices-should-still-be-created' },
      ports: [{ name: 'example', port: 80, protocol: 'TCP' }],
    }),
  );
  const { name = '' } = service.metadata;
  await until(async () => {
    await client.of(endpoints).get(name, { namespace });
    return (await slicesOf(scene, name)).length > 0;
  });
  const slices = await slicesOf(scene, name);
  expect(slices.length).toBe(1);
  expect(slices[0]!.endpoints ?? []).toEqual([]);
  expect(slices[0]!.metadata.ownerReferences?.[0]?.uid).toBe(service.metadata.uid);
  await client.of(services).delete(name, { namespace });
  await until(async () => await isMissing(client.of(endpoints).get(name, { namespace })));
  await until(async () => (await slicesOf(scene, name)).length === 0);
};

conformance(
  '[sig-network] EndpointSlice should create and delete EndpointSlices for a Service with a selector that matches no pods [Conformance]',
  withoutPods,
);

conformance(
  '[sig-network] EndpointsController should create and delete Endpoints for a Service with a selector that matches no pods [Conformance]',
  withoutPods,
);

const forPods = async (scene: Scene) => {
  const { client, namespace, until } = scene;
  const port = { containerPort: 3000, name: 'example-name', protocol: 'TCP' } as const;
  const labels = (shared: string, own: string) => ({ foo: shared, [own]: 'true' });
  const make = (name: string, own: string) =>
    client.of(pods).create(
      podOf(name, namespace, {
        labels: labels('bar', own),
        spec: { containers: [{ name: 'container1', image: 'registry.k8s.io/pause:3.10', ports: [port] }] },
      }),
    );
  await make('pod1', 'one');
  await make('pod2', 'two');
  const both = { selector: { foo: 'bar' }, publishNotReadyAddresses: true };
  const ports = [{ name: 'example', port: 80, protocol: 'TCP' as const, targetPort: 'example-name' }];
  const one = { selector: { one: 'true' }, publishNotReadyAddresses: true };
  await client.of(services).create(serviceOf('example-int-port', namespace, { ...one, ports }));
  await client.of(services).create(serviceOf('example-named-port', namespace, { ...both, ports }));
  const addressesOf = async (name: string) => {
    const { subsets } = await client.of(endpoints).get(name, { namespace });
    const slices = await slicesOf(scene, name);
    return {
      old: (subsets ?? []).flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip)).sort(),
      slices: slices.flatMap((slice) => slice.endpoints?.flatMap(({ addresses }) => addresses) ?? []).sort(),
      ports: slices.flatMap((slice) => slice.ports?.map((given) => given.port) ?? []),
      refs: slices.flatMap((slice) => slice.endpoints?.map(({ targetRef }) => targetRef?.name) ?? []).sort(),
    };
  };
  const is = (name: string, names: string[]) =>
    until(async () => {
      const { old, slices, ports: given, refs } = await addressesOf(name);
      const ips = await Promise.all(
        names.map(async (pod) => (await client.of(pods).get(pod, { namespace })).status?.podIP),
      );
      const expected = ips.sort().join();
      return (
        refs.join() === names.join() && old.join() === expected && slices.join() === expected && given.join() === '3000'
      );
    });
  await is('example-int-port', ['pod1']);
  await is('example-named-port', ['pod1', 'pod2']);
};

conformance(
  '[sig-network] EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service [Conformance]',
  forPods,
);

conformance(
  '[sig-network] EndpointsController should create Endpoints for Pods matching a Service [Conformance]',
  forPods,
);

conformance('[sig-network] Endpoints should test the lifecycle of an Endpoint [Conformance]', async (scene) => {
  const { client, namespace, observe } = scene;
  const name = 'testservice';
  const labels = { 'test-endpoint-static': 'true' };
  const selection = { labelSelector: 'test-endpoint-static=true' };
  const watch = observe(endpoints, selection);
  const subsets = [{ addresses: [{ ip: '10.0.0.24' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' as const }] }];
  await client
    .of(endpoints)
    .create({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name, namespace, labels }, subsets });
  await watch.next({ type: 'ADDED' });
  expect((await client.of(endpoints).list(selection)).items.map(({ metadata }) => metadata.name)).toEqual([name]);
  const changed = copy(await client.of(endpoints).get(name, { namespace }));
  changed.metadata.labels!['test-service'] = 'updated';
  await client.of(endpoints).update(changed);
  await watch.next({ type: 'MODIFIED', where: ({ metadata }) => metadata.labels?.['test-service'] === 'updated' });
  const body = {
    metadata: { labels: { 'test-service': 'patched' } },
    subsets: [{ addresses: [{ ip: '10.0.0.25' }], ports: [{ name: 'http-test', port: 8080 }] }],
  };
  await client.of(endpoints).patch(name, body, { type: 'strategic', namespace });
  const patched = await watch.next({ where: ({ metadata }) => metadata.labels?.['test-service'] === 'patched' });
  expect(patched.subsets?.[0]?.addresses?.[0]?.ip).toBe('10.0.0.25');
  expect(patched.subsets?.[0]?.ports?.[0]).toMatchObject({ name: 'http-test', port: 8080 });
  await client.of(endpoints).deleteCollection({ namespace, ...selection });
  await watch.next({ type: 'DELETED' });
  expect((await client.of(endpoints).list(selection)).items).toEqual([]);
});

conformance(
  '[sig-network] EndpointSlice should support creating EndpointSlice API operations [Conformance]',
  async ({ client, http, namespace, observe }) => {
    expect((await http.send('/apis')).json.groups.map(({ name }: { name: string }) => name)).toContain(
      'discovery.k8s.io',
    );
    const { resources } = (await http.send('/apis/discovery.k8s.io/v1')).json;
    expect(resources.map(({ name }: { name: string }) => name)).toContain('endpointslices');
    const selection = { labelSelector: 'special-label=x' };
    const of = (name: string): EndpointSlice => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace, labels: { 'special-label': 'x' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['1.2.3.4', '5.6.7.8'] }],
    });
    for (const name of ['slice-a', 'slice-b', 'slice-c']) await client.of(endpointslices).create(of(name));
    expect((await client.of(endpointslices).get('slice-a', { namespace })).metadata.name).toBe('slice-a');
    expect((await client.of(endpointslices).list({ namespace, ...selection })).items.length).toBe(3);
    const { items, metadata } = await client.of(endpointslices).list(selection);
    expect(items.length).toBe(3);
    const watch = observe(endpointslices, { namespace, ...selection, resourceVersion: metadata.resourceVersion });
    const body = { metadata: { annotations: { patched: 'true' } } };
    const patched = await client.of(endpointslices).patch('slice-a', body, { type: 'merge', namespace });
    expect(patched.metadata.annotations?.['patched']).toBe('true');
    const changed = copy(patched);
    changed.metadata.annotations!['updated'] = 'true';
    changed.endpoints = [{ addresses: ['5.6.7.8'] }];
    await client.of(endpointslices).update(changed);
    await watch.next({ type: 'MODIFIED', where: (slice) => slice.metadata.annotations?.['patched'] === 'true' });
    const seen = await watch.next({ where: (slice) => slice.metadata.annotations?.['updated'] === 'true' });
    expect(seen.endpoints).toEqual([{ addresses: ['5.6.7.8'], conditions: {} }]);
    await client.of(endpointslices).delete('slice-a', { namespace });
    await watch.next({ type: 'DELETED' });
    expect((await client.of(endpointslices).list({ namespace, ...selection })).items.length).toBe(2);
    await client.of(endpointslices).deleteCollection({ namespace, ...selection });
    expect((await client.of(endpointslices).list({ namespace, ...selection })).items).toEqual([]);
  },
);

conformance(
  '[sig-network] Services should find a service from listing all namespaces [Conformance]',
  async ({ client }) => {
    const { items } = await client.of(services).list();
    expect(items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).toContain('default/kubernetes');
  },
);

conformance(
  '[sig-network] Services should complete a service status lifecycle [Conformance]',
  async ({ client, http, namespace, observe }) => {
    const name = 'test-service-lifecycle';
    const labels = { 'test-service-static': 'true' };
    const selection = { labelSelector: 'test-service-static=true' };
    const watch = observe(services, { namespace, ...selection });
    const spec = {
      type: 'LoadBalancer' as const,
      ports: [{ name: 'http', protocol: 'TCP' as const, port: 80, targetPort: 80 }],
    };
    await client.of(services).create(serviceOf(name, namespace, spec, labels));
    await watch.next({ type: 'ADDED' });
    const status = await http.send(`/api/v1/namespaces/${namespace}/services/${name}/status`);
    expect(status.json.status.loadBalancer).toBeDefined();
    const ingress = [{ ip: '203.0.113.1' }];
    const body = { metadata: { annotations: { patchedstatus: 'true' } }, status: { loadBalancer: { ingress } } };
    const patched = await client.of(services).patch(name, body, { type: 'merge', namespace, subresource: 'status' });
    expect(patched.metadata.annotations?.['patchedstatus']).toBe('true');
    expect(patched.status?.loadBalancer?.ingress).toEqual([{ ip: '203.0.113.1', ipMode: 'VIP' }]);
    await watch.next({ where: ({ metadata }) => metadata.annotations?.['patchedstatus'] === 'true' });
    const condition = { type: 'StatusUpdate', status: 'True' as const, reason: 'E2E', message: 'Set from e2e test' };
    const changed = copy(await client.of(services).get(name, { namespace }));
    changed.status!.conditions = [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }];
    await client.of(services).updateStatus(changed);
    await watch.next({
      where: (service: Service) => service.status?.conditions?.some(({ type }) => type === 'StatusUpdate') ?? false,
    });
    await client
      .of(services)
      .patch(name, { metadata: { labels: { 'test-service': 'patched' } } }, { type: 'strategic', namespace });
    await watch.next({ where: ({ metadata }) => metadata.labels?.['test-service'] === 'patched' });
    await client.of(services).delete(name, { namespace });
    await watch.next({ type: 'DELETED' });
  },
);

conformance(
  '[sig-network] Services should delete a collection of services [Conformance]',
  async ({ client, namespace }) => {
    const labels = { 'e2e-test-service': 'delete' };
    for (const at of [0, 1, 2]) {
      const ports = [{ name: 'http', port: 80 + at, targetPort: 80 }];
      const created = at === 2 ? { ...labels, 'e2e-test-service': 'keep' } : labels;
      await client.of(services).create(serviceOf(`e2e-svc-${at}`, namespace, { ports }, created));
    }
    expect((await client.of(services).list({ namespace })).items.length).toBe(3);
    await client.of(services).deleteCollection({ namespace, labelSelector: 'e2e-test-service=delete' });
    const { items } = await client.of(services).list({ namespace });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['e2e-svc-2']);
  },
);

conformance(
  '[sig-network] Ingress API should support creating Ingress API operations [Conformance]',
  async ({ client, http, namespace, observe }) => {
    const { resources } = (await http.send('/apis/networking.k8s.io/v1')).json;
    expect(resources.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(['ingresses', 'ingresses/status']),
    );
    const service = { name: 'test-backend', port: { number: 8080 } };
    const of = (name: string): Ingress => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name, namespace, labels: { 'special-label': 'y' } },
      spec: {
        defaultBackend: { service: { name: 'default-backend', port: { name: '', number: 80 } } },
        rules: [{ host: 'foo.bar.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service } }] } }],
      },
    });
    const selection = { labelSelector: 'special-label=y' };
    for (const name of ['a', 'b', 'c']) await client.of(ingresses).create(of(name));
    expect((await client.of(ingresses).get('a', { namespace })).spec).toEqual(
      expect.objectContaining({ rules: of('a').spec!.rules }),
    );
    const { items, metadata } = await client.of(ingresses).list({ ...selection });
    expect(items.length).toBe(3);
    const watch = observe(ingresses, { namespace, ...selection, resourceVersion: metadata.resourceVersion });
    const body = { metadata: { annotations: { patched: 'true' } } };
    const patched = await client.of(ingresses).patch('a', body, { type: 'merge', namespace });
    expect(patched.metadata.annotations?.['patched']).toBe('true');
    const changed = copy(patched);
    changed.metadata.annotations!['updated'] = 'true';
    await client.of(ingresses).update(changed);
    await watch.next({ where: (one) => one.metadata.annotations?.['updated'] === 'true' });
    const status = { loadBalancer: { ingress: [{ ip: '169.1.1.1' }] } };
    const patchedStatus = await client
      .of(ingresses)
      .patch(
        'a',
        { metadata: { annotations: { patchedstatus: 'true' } }, status },
        { type: 'merge', namespace, subresource: 'status' },
      );
    expect(patchedStatus.status?.loadBalancer).toEqual(status.loadBalancer);
    expect(patchedStatus.metadata.annotations?.['patchedstatus']).toBe('true');
    const withStatus = copy(await client.of(ingresses).get('a', { namespace }));
    withStatus.status = { loadBalancer: { ingress: [{ ip: '169.1.1.2' }] } };
    expect((await client.of(ingresses).updateStatus(withStatus)).status?.loadBalancer?.ingress).toEqual([
      { ip: '169.1.1.2' },
    ]);
    const read = await http.send(`/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses/a/status`);
    expect(read.json.status.loadBalancer.ingress).toEqual([{ ip: '169.1.1.2' }]);
    await client.of(ingresses).delete('a', { namespace });
    await watch.next({ type: 'DELETED' });
    await client.of(ingresses).deleteCollection({ namespace, ...selection });
    expect((await client.of(ingresses).list({ namespace, ...selection })).items).toEqual([]);
  },
);
