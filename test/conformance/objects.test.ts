/** Objects without a controller: leases, pod templates, ConfigMaps and Secrets, priority classes, nodes. */
import { expect } from 'vitest';
import leases from '#api/coordination/lease.js';
import configmaps from '#api/core/configmap.js';
import nodes from '#api/core/node.js';
import podtemplates from '#api/core/podtemplate.js';
import secrets from '#api/core/secret.js';
import type { Lease } from '#api/gen/coordination-v1.js';
import type { ConfigMap, PodTemplate, Secret } from '#api/gen/core-v1.js';
import type { PriorityClass } from '#api/gen/scheduling-v1.js';
import priorityclasses from '#api/scheduling/priorityclass.js';
import { copy } from '#base/json.js';
import { conformance } from './conformance.js';
import { image, refusal } from './objects.js';

conformance('[sig-node] Lease lease API should be available [Conformance]', async ({ client, namespace }) => {
  const name = 'lease';
  const spec: Lease['spec'] = {
    holderIdentity: 'holder',
    leaseDurationSeconds: 30,
    acquireTime: '2023-08-01T12:00:00.000000Z',
    renewTime: '2023-08-01T12:00:05.000000Z',
    leaseTransitions: 0,
  };
  await client
    .of(leases)
    .create({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace }, spec });
  const read = await client.of(leases).get(name, { namespace });
  expect(read.spec).toEqual(spec);
  const next = { ...spec, holderIdentity: 'holder2', leaseDurationSeconds: 60, leaseTransitions: 1 };
  await client.of(leases).update({ ...copy(read), spec: next });
  const updated = await client.of(leases).get(name, { namespace });
  expect(updated.spec).toEqual(next);
  await client.of(leases).patch(name, { spec: { leaseDurationSeconds: 70 } }, { type: 'strategic', namespace });
  expect((await client.of(leases).get(name, { namespace })).spec).toEqual({ ...next, leaseDurationSeconds: 70 });
  const other = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'lease2', namespace, labels: { deletecollection: 'true' } },
  };
  await client.of(leases).create({ ...other, spec });
  expect((await client.of(leases).list({ namespace })).items.length).toBe(2);
  await client.of(leases).deleteCollection({ namespace, labelSelector: 'deletecollection=true' });
  expect((await client.of(leases).list({ namespace })).items.map(({ metadata }) => metadata.name)).toEqual([name]);
  await client.of(leases).delete(name, { namespace });
  await refusal(client.of(leases).get(name, { namespace }), 'NotFound');
});

const templateOf = (name: string, namespace: string, labels: Record<string, string>): PodTemplate => ({
  apiVersion: 'v1',
  kind: 'PodTemplate',
  metadata: { name, namespace, labels },
  template: { spec: { containers: [{ name: 'nginx', image }] } },
});

conformance(
  '[sig-node] PodTemplates should run the lifecycle of PodTemplates [Conformance]',
  async ({ client, namespace }) => {
    const name = 'nginx-pod-template';
    const selection = { labelSelector: 'podtemplate-static=true' };
    await client.of(podtemplates).create(templateOf(name, namespace, { 'podtemplate-static': 'true' }));
    expect((await client.of(podtemplates).list(selection)).items.length).toBe(1);
    await client
      .of(podtemplates)
      .patch(name, { metadata: { labels: { podtemplate: 'patched' } } }, { type: 'strategic', namespace });
    expect((await client.of(podtemplates).get(name, { namespace })).metadata.labels?.['podtemplate']).toBe('patched');
    await client.of(podtemplates).delete(name, { namespace });
    expect((await client.of(podtemplates).list(selection)).items).toEqual([]);
  },
);

conformance(
  '[sig-node] PodTemplates should delete a collection of pod templates [Conformance]',
  async ({ client, namespace }) => {
    const selection = { namespace, labelSelector: 'podtemplate-set=true' };
    for (const at of [1, 2, 3]) {
      await client
        .of(podtemplates)
        .create(templateOf(`test-podtemplate-${at}`, namespace, { 'podtemplate-set': 'true' }));
    }
    expect((await client.of(podtemplates).list(selection)).items.length).toBe(3);
    await client.of(podtemplates).deleteCollection(selection);
    expect((await client.of(podtemplates).list(selection)).items).toEqual([]);
  },
);

conformance('[sig-node] PodTemplates should replace a pod template [Conformance]', async ({ client, namespace }) => {
  const made = await client.of(podtemplates).create(templateOf('pt', namespace, { 'podtemplate-set': 'true' }));
  const changed = copy(made);
  changed.metadata.annotations = { updated: 'true' };
  const updated = await client.of(podtemplates).update(changed);
  expect(updated.metadata.annotations).toEqual({ updated: 'true' });
});

const mapOf = (name: string, namespace: string, more: Partial<ConfigMap> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  ...more,
});

const secretOf = (name: string, namespace: string, more: Partial<Secret> = {}): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace },
  ...more,
});

conformance(
  '[sig-node] ConfigMap should fail to create ConfigMap with empty key [Conformance]',
  async ({ client, namespace }) => {
    await refusal(client.of(configmaps).create(mapOf('empty-key', namespace, { data: { '': 'value-1' } })), 'Invalid');
  },
);

conformance(
  '[sig-node] ConfigMap should update ConfigMap successfully [Conformance] [NodeConformance]',
  async ({ client, namespace }) => {
    const made = await client.of(configmaps).create(mapOf('configmap', namespace));
    await client.of(configmaps).update({ ...copy(made), data: { data: 'value' } });
    expect((await client.of(configmaps).get('configmap', { namespace })).data).toEqual({ data: 'value' });
  },
);

conformance(
  '[sig-node] ConfigMap should run through a ConfigMap lifecycle [Conformance]',
  async ({ client, namespace, observe }) => {
    const name = 'test-configmap';
    const selection = { labelSelector: 'test-configmap-static=true' };
    const watch = observe(configmaps, selection);
    const labels = { 'test-configmap-static': 'true' };
    await client
      .of(configmaps)
      .create(mapOf(name, namespace, { metadata: { name, namespace, labels }, data: { valueName: 'value' } }));
    await watch.next({ type: 'ADDED' });
    const body = { metadata: { labels: { 'test-configmap': 'patched' } }, data: { valueName: 'value1' } };
    await client.of(configmaps).patch(name, body, { type: 'strategic', namespace });
    await watch.next({ type: 'MODIFIED' });
    const read = await client.of(configmaps).get(name, { namespace });
    expect(read.data).toEqual({ valueName: 'value1' });
    expect(read.metadata.labels).toEqual({ ...labels, 'test-configmap': 'patched' });
    const { items } = await client.of(configmaps).list(selection);
    expect(items.map(({ metadata, data }) => [metadata.name, metadata.namespace, data])).toEqual([
      [name, namespace, { valueName: 'value1' }],
    ]);
    await client.of(configmaps).deleteCollection({ namespace, ...selection });
    await watch.next({ type: 'DELETED' });
    expect((await client.of(configmaps).list({ namespace, ...selection })).items).toEqual([]);
  },
);

conformance(
  '[sig-node] Secrets should fail to create secret due to empty secret key [Conformance]',
  async ({ client, namespace }) => {
    await refusal(
      client.of(secrets).create(secretOf('emptykey', namespace, { data: { '': 'dmFsdWUtMQo=' } })),
      'Invalid',
    );
  },
);

conformance('[sig-node] Secrets should patch a secret [Conformance]', async ({ client, namespace }) => {
  const name = 'test-secret';
  const labels = { 'test-secret-patched': 'false', testsecret: 'true' };
  await client
    .of(secrets)
    .create(
      secretOf(name, namespace, { metadata: { name, namespace, labels }, data: { key: 'dmFsdWU=' }, type: 'Opaque' }),
    );
  const selection = { labelSelector: 'testsecret-constant=true' };
  const listed = await client.of(secrets).list({ labelSelector: 'testsecret=true' });
  expect(listed.items.map(({ metadata }) => metadata.name)).toEqual([name]);
  const body = {
    metadata: { labels: { 'test-secret-patched': 'true', 'testsecret-constant': 'true' } },
    data: { key: 'dmFsdWUx' },
  };
  await client.of(secrets).patch(name, body, { type: 'strategic', namespace });
  const read = await client.of(secrets).get(name, { namespace });
  expect(read.data).toEqual({ key: 'dmFsdWUx' });
  expect(read.metadata.labels?.['test-secret-patched']).toBe('true');
  await client.of(secrets).deleteCollection({ namespace, ...selection });
  expect((await client.of(secrets).list(selection)).items).toEqual([]);
});

conformance(
  '[sig-storage] ConfigMap should be immutable if `immutable` field is set [Conformance]',
  async ({ client, namespace }) => {
    const made = await client.of(configmaps).create(mapOf('immutable', namespace, { data: { 'data-1': 'value-1' } }));
    const second = await client.of(configmaps).update({ ...copy(made), data: { 'data-1': 'value-2' } });
    const fixed = await client.of(configmaps).update({ ...copy(second), immutable: true });
    await refusal(client.of(configmaps).update({ ...copy(fixed), data: { 'data-1': 'value-3' } }), 'Invalid');
    await refusal(client.of(configmaps).update({ ...copy(fixed), immutable: false }), 'Invalid');
    const relabelled = copy(fixed);
    relabelled.metadata.labels = { label1: 'value1' };
    await client.of(configmaps).update(relabelled);
    await client.of(configmaps).delete('immutable', { namespace });
    await client.of(configmaps).create(mapOf('immutable', namespace, { data: { 'data-1': 'value-1' } }));
  },
);

conformance(
  '[sig-storage] Secrets should be immutable if `immutable` field is set [Conformance]',
  async ({ client, namespace }) => {
    const data = (value: string) => ({ 'data-1': Buffer.from(value).toString('base64') });
    const made = await client.of(secrets).create(secretOf('immutable', namespace, { data: data('value-1') }));
    const second = await client.of(secrets).update({ ...copy(made), data: data('value-2') });
    const fixed = await client.of(secrets).update({ ...copy(second), immutable: true });
    await refusal(client.of(secrets).update({ ...copy(fixed), data: data('value-3') }), 'Invalid');
    await refusal(client.of(secrets).update({ ...copy(fixed), immutable: false }), 'Invalid');
    const relabelled = copy(fixed);
    relabelled.metadata.labels = { label1: 'value1' };
    await client.of(secrets).update(relabelled);
    await client.of(secrets).delete('immutable', { namespace });
  },
);

conformance(
  '[sig-scheduling] SchedulerPreemption PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods [Conformance] [Serial]',
  async ({ client }) => {
    const of = (name: string, value: number): PriorityClass => ({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
    });
    const made = [
      await client.of(priorityclasses).create(of('p1', 1)),
      await client.of(priorityclasses).create(of('p2', 2)),
    ];
    for (const object of made)
      await client.of(priorityclasses).update({ ...copy(object), description: 'test-description' });
    for (const { metadata } of made) {
      const read = await client.of(priorityclasses).get(metadata.name!);
      expect(read.description).toBe('test-description');
    }
    // The value is fixed, by PUT and by PATCH.
    const [p1] = await Promise.all(['p1'].map((name) => client.of(priorityclasses).get(name)));
    await refusal(client.of(priorityclasses).update({ ...copy(p1!), value: 5 }), 'Invalid');
    await refusal(client.of(priorityclasses).patch('p1', { value: 6 }, { type: 'merge' }), 'Invalid');
    const { items } = await client.of(priorityclasses).list();
    expect(items.map(({ metadata }) => metadata.name)).toEqual(
      expect.arrayContaining(['p1', 'p2', 'system-node-critical']),
    );
    for (const { metadata } of made) await client.of(priorityclasses).delete(metadata.name!);
    for (const { metadata } of made) await refusal(client.of(priorityclasses).get(metadata.name!), 'NotFound');
  },
);

conformance(
  '[sig-architecture] Conformance Tests should have at least two untainted nodes [Conformance]',
  async ({ client }) => {
    const { items } = await client.of(nodes).list();
    const usable = items.filter(({ spec, status }) => {
      const isReady = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
      return isReady && !spec?.unschedulable && (spec?.taints ?? []).length === 0;
    });
    expect(usable.length).toBeGreaterThanOrEqual(2);
  },
);

conformance(
  '[sig-node] Node Lifecycle should run through the lifecycle of a node [Conformance]',
  async ({ client }) => {
    const name = 'e2e-fake-node';
    const capacity = { cpu: '1', memory: '1Gi' };
    await client.of(nodes).create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      spec: {},
      status: {
        phase: 'Running',
        conditions: [{ status: 'True', message: 'Set from e2e test', reason: 'E2E', type: 'Ready' }],
      },
    });
    const read = await client.of(nodes).get(name);
    const body = { metadata: { labels: { [name]: 'patched' } } };
    expect((await client.of(nodes).patch(name, body, { type: 'strategic' })).metadata.labels?.[name]).toBe('patched');
    expect(read.metadata.uid).toBeDefined();
    const { items } = await client.of(nodes).list({ labelSelector: `${name}=patched` });
    expect(items.length).toBe(1);
    const changed = copy(await client.of(nodes).get(name));
    changed.metadata.labels![name] = 'updated';
    const updated = await client.of(nodes).update(changed);
    expect(updated.metadata.labels?.[name]).toBe('updated');
    await client
      .of(nodes)
      .patch(name, { status: { capacity, allocatable: capacity } }, { type: 'merge', subresource: 'status' });
    expect((await client.of(nodes).get(name)).status?.capacity).toEqual(capacity);
    await client.of(nodes).deleteCollection({ labelSelector: `${name}=updated` });
    expect((await client.of(nodes).list({ labelSelector: `${name}=updated` })).items).toEqual([]);
  },
);
