/** Discovery in its forms: the aggregated one with custom kinds in it, and each group by itself. */
import { expect } from 'vitest';
import { conformance, type Scene, useCluster } from './conformance.js';
import { dropKind, makeKind } from './custom.js';

useCluster({ nodes: 0 });

interface Group {
  metadata: { name?: string };
  versions: { version: string; resources: { resource: string }[] }[];
}

const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

async function isDiscovered(
  { http }: Scene,
  root: '/api' | '/apis',
  group: string | undefined,
  version: string,
  resource: string,
) {
  const { items } = (await http.send(root, { headers: { accept } })).json as { items: Group[] };
  const found = items.find(({ metadata }) => metadata.name === group)?.versions.find((one) => one.version === version);
  return found?.resources.some((one) => one.resource === resource) ?? false;
}

const expected: [group: string, version: string, resource: string][] = [
  ['admissionregistration.k8s.io', 'v1', 'validatingwebhookconfigurations'],
  ['apiextensions.k8s.io', 'v1', 'customresourcedefinitions'],
  ['apiregistration.k8s.io', 'v1', 'apiservices'],
  ['apps', 'v1', 'deployments'],
  ['authentication.k8s.io', 'v1', 'tokenreviews'],
  ['authorization.k8s.io', 'v1', 'selfsubjectaccessreviews'],
  ['autoscaling', 'v1', 'horizontalpodautoscalers'],
  ['autoscaling', 'v2', 'horizontalpodautoscalers'],
  ['batch', 'v1', 'jobs'],
  ['certificates.k8s.io', 'v1', 'certificatesigningrequests'],
  ['coordination.k8s.io', 'v1', 'leases'],
  ['discovery.k8s.io', 'v1', 'endpointslices'],
  ['events.k8s.io', 'v1', 'events'],
  ['networking.k8s.io', 'v1', 'ingresses'],
  ['node.k8s.io', 'v1', 'runtimeclasses'],
  ['policy', 'v1', 'poddisruptionbudgets'],
  ['scheduling.k8s.io', 'v1', 'priorityclasses'],
  ['storage.k8s.io', 'v1', 'csinodes'],
];

conformance(
  '[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers [Conformance]',
  async (scene) => {
    for (const one of expected) expect([...one, await isDiscovered(scene, '/apis', ...one)]).toEqual([...one, true]);
    expect(await isDiscovered(scene, '/api', undefined, 'v1', 'namespaces')).toBe(true);
  },
);

conformance(
  '[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery request for CRDs [Conformance]',
  async (scene) => {
    const kind = await makeKind(scene);
    const { group, names } = kind.definition.spec;
    await scene.until(() => isDiscovered(scene, '/apis', group, 'v1', names.plural));
    await dropKind(scene, kind);
  },
);

/** As clients ask that can do both: the aggregated form first, the older ones after it. */
const clientAccept = `${accept},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json`;

conformance(
  '[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface [Conformance]',
  async (scene) => {
    for (const root of ['/api', '/apis']) {
      const { headers, json } = await scene.http.send(root, { headers: { accept: clientAccept } });
      expect(headers['content-type']).toBe(accept);
      expect(json.kind).toBe('APIGroupDiscoveryList');
    }
    for (const [group, version, resource] of expected)
      expect(await isDiscovered(scene, '/apis', group, version, resource)).toBe(true);
  },
);

conformance(
  '[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface for CRDs [Conformance]',
  async (scene) => {
    const kind = await makeKind(scene);
    const { group, names } = kind.definition.spec;
    await scene.until(async () => {
      const { json } = await scene.http.send('/apis', { headers: { accept: clientAccept } });
      const found = (json.items as Group[]).find(({ metadata }) => metadata.name === group);
      return found?.versions[0]?.resources[0]?.resource === names.plural;
    });
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] Discovery should locate the groupVersion and a resource within each APIGroup [Conformance]',
  async ({ http }) => {
    const all = [['', 'v1', 'namespaces'] as const, ...expected];
    for (const [group, version, resource] of all) {
      const { groupVersion, resources } = (await http.send(group ? `/apis/${group}/${version}` : `/api/${version}`))
        .json;
      expect(groupVersion).toBe(group ? `${group}/${version}` : version);
      expect(resources.map(({ name }: { name: string }) => name)).toContain(resource);
    }
  },
);
