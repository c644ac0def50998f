/** Controllers that deal with every kind, and kinds that come and go while they run, on the real API server. */
import { afterEach, expect, test } from 'vitest';
import crds from '#api/apiextensions/customresourcedefinition.js';
import configMaps from '#api/core/configmap.js';
import namespaces from '#api/core/namespace.js';
import resourceQuotas from '#api/core/resourcequota.js';
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.js';
import type { ConfigMap, ResourceQuota } from '#api/gen/core-v1.js';
import type { ResourceRef } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import { TestCluster } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const gadgets: ResourceRef = {
  group: 'example.org',
  versions: ['v1'],
  kind: 'Gadget',
  plural: 'gadgets',
  namespaced: true,
};

const crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.example.org' },
  spec: {
    group: 'example.org',
    scope: 'Namespaced',
    names: { plural: 'gadgets', kind: 'Gadget' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
} as CustomResourceDefinition;

async function define(): Promise<void> {
  await cluster.client.of(crds).create(structuredClone(crd));
  await cluster.until(async () => {
    const { status } = await cluster.get(crds, 'gadgets.example.org', '');
    return status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false;
  });
}

const gadget = (name: string, namespace = 'default', finalizers: string[] = []): KubeObject => ({
  apiVersion: 'example.org/v1',
  kind: 'Gadget',
  metadata: { name, namespace, finalizers },
});

const createGadget = (...args: Parameters<typeof gadget>) => cluster.client.of(gadgets).create(gadget(...args));

test('a quota counts custom kinds that come after it, and takes back what goes', async () => {
  cluster = await TestCluster.start();
  const name = 'count/gadgets.example.org';
  const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q', namespace: 'default' } };
  await cluster.client.of(resourceQuotas).create({ ...quota, spec: { hard: { [name]: '1' } } } as ResourceQuota);
  await define();
  const used = async () => (await cluster.get(resourceQuotas, 'q')).status?.used?.[name];
  await cluster.until(async () => (await used()) === '0');
  await createGadget('a');
  await expect(createGadget('b')).rejects.toThrow('exceeded quota: q');
  await cluster.client.of(gadgets).delete('a', { namespace: 'default' });
  await cluster.until(async () => (await used()) === '0');
  await createGadget('b');
});

test('what custom objects own goes with them, soon after their kind has come', async () => {
  cluster = await TestCluster.start();
  await define();
  const { metadata } = await createGadget('a');
  const owner = { apiVersion: 'example.org/v1', kind: 'Gadget', name: 'a', uid: metadata.uid! };
  await cluster.client.of(configMaps).create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'owned', namespace: 'default', ownerReferences: [owner] },
  } as ConfigMap);
  const start = cluster.clock.now();
  await cluster.client.of(gadgets).delete('a', { namespace: 'default' });
  await cluster.until(async () => !(await cluster.exists(configMaps, 'owned')));
  expect(cluster.clock.now() - start).toBeLessThan(10_000);
});

test('a namespace goes with the custom objects in it', async () => {
  cluster = await TestCluster.start();
  await define();
  await cluster.client
    .of(namespaces)
    .create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' }, spec: {} });
  await createGadget('a', 'x');
  await cluster.client.of(namespaces).delete('x');
  await cluster.until(async () => !(await cluster.exists(namespaces, 'x', '')));
  expect((await cluster.client.of(gadgets).list()).items).toEqual([]);
});
