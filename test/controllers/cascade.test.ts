/** What follows when something is deleted, and what stands behind services, on the real API server. */
import { afterEach, expect, test } from 'vitest';
import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import configMaps from '#api/core/configmap.js';
import endpoints from '#api/core/endpoints.js';
import events from '#api/core/event.js';
import namespaces from '#api/core/namespace.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import serviceAccounts from '#api/core/serviceaccount.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { Deployment } from '#api/gen/apps-v1.js';
import type { ConfigMap, Pod } from '#api/gen/core-v1.js';
import { nodeName, TestCluster, type TestClusterOptions } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const start = async (options?: TestClusterOptions) => {
  cluster = await TestCluster.start(options);
};

function web(namespace = 'default'): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'i', ports: [{ name: 'http', containerPort: 8080 }] }] },
      },
    },
  };
}

async function deploy(namespace = 'default'): Promise<void> {
  await cluster.client.of(deployments).create(web(namespace));
  await cluster.until(async () => (await cluster.get(deployments, 'web', namespace)).status?.availableReplicas === 2);
}

const remove = (propagationPolicy?: 'Foreground' | 'Background' | 'Orphan') =>
  cluster.client.of(deployments).delete('web', { namespace: 'default', propagationPolicy });
const counts = async () => [
  (await cluster.list(deployments)).length,
  (await cluster.list(replicaSets)).length,
  (await cluster.list(pods)).length,
];

test('deleting a Deployment in the background takes its ReplicaSet and pods along', async () => {
  await start();
  await deploy();
  await remove();
  expect((await counts())[0]).toBe(0);
  await cluster.until(async () => (await counts()).every((count) => count === 0));
});

test('deleting in the foreground keeps the owner until all below it are gone', async () => {
  await start({ endAfterMs: 5000 });
  await deploy();
  await remove('Foreground');
  await cluster.advance(3000);
  const owner = await cluster.get(deployments, 'web');
  expect(owner.metadata.finalizers).toEqual(['foregroundDeletion']);
  expect((await cluster.list(pods)).every(({ metadata }) => metadata.deletionTimestamp)).toBe(true);
  await cluster.until(async () => {
    const [owners, sets, living] = await counts();
    expect(owners).toBeGreaterThanOrEqual(living! > 0 || sets! > 0 ? 1 : 0);
    return owners === 0;
  });
  expect(await counts()).toEqual([0, 0, 0]);
});

test('deleting with Orphan leaves the ReplicaSet, which a new Deployment adopts', async () => {
  await start();
  await deploy();
  const [before] = await cluster.list(replicaSets);
  await remove('Orphan');
  await cluster.until(async () => (await counts())[0] === 0);
  const [orphan] = await cluster.list(replicaSets);
  expect(orphan?.metadata.ownerReferences ?? []).toEqual([]);
  expect(await counts()).toEqual([0, 1, 2]);
  await deploy();
  const [adopted] = await cluster.list(replicaSets);
  expect(adopted?.metadata).toMatchObject({
    uid: before?.metadata.uid,
    ownerReferences: [{ kind: 'Deployment', name: 'web' }],
  });
  expect(await counts()).toEqual([1, 1, 2]);
});

test('an object is collected when the last of its owners is gone, and at once when it never had one', async () => {
  await start();
  const make = (name: string, owners: ConfigMap[] = [], uid?: string) => {
    const refs = owners.map(({ metadata }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: metadata.name!,
      uid: uid ?? metadata.uid!,
    }));
    return cluster.client
      .of(configMaps)
      .create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', ownerReferences: refs } });
  };
  const a = await make('a');
  const b = await make('b');
  await make('child', [a, b]);
  await make('stray', [a], 'no-such-uid');
  await cluster.until(async () => !(await cluster.exists(configMaps, 'stray')));
  await cluster.client.of(configMaps).delete('a', { namespace: 'default' });
  await cluster.advance(5000);
  const child = await cluster.get(configMaps, 'child');
  expect(child.metadata.ownerReferences?.map(({ name }) => name)).toEqual(['b']);
  await cluster.client.of(configMaps).delete('b', { namespace: 'default' });
  await cluster.until(async () => !(await cluster.exists(configMaps, 'child')));
});

test('an owner of another namespace is none, and that is told', async () => {
  await start();
  await cluster.client
    .of(namespaces)
    .create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'far' }, spec: {} });
  const map = (name: string, namespace: string, owner?: ConfigMap): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace,
      ownerReferences: owner && [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid! }],
    },
  });
  const owner = await cluster.client.of(configMaps).create(map('owner', 'default'));
  await cluster.until(async () => (await cluster.list(configMaps)).some(({ metadata }) => metadata.name === 'owner'));
  await cluster.advance(1000);
  await cluster.client.of(configMaps).create(map('dependent', 'far', owner));
  await cluster.client.of(configMaps).create(map('dependent', 'default', owner));
  await cluster.until(async () => !(await cluster.exists(configMaps, 'dependent', 'far')));
  expect(await cluster.exists(configMaps, 'dependent')).toBe(true);
  await cluster.until(async () => (await cluster.list(events, 'far')).length > 0);
  expect(await cluster.list(events, 'far')).toMatchObject([
    {
      type: 'Warning',
      reason: 'OwnerRefInvalidNamespace',
      message: `ownerRef [v1/ConfigMap, namespace: far, name: owner, uid: ${owner.metadata.uid}] does not exist in namespace "far"`,
      involvedObject: { kind: 'ConfigMap', name: 'dependent', namespace: 'far' },
    },
  ]);
});

test('a namespace gets its account and CA, and finishes deleting with all that is in it', async () => {
  await start({ endAfterMs: 3000 });
  await cluster.client
    .of(namespaces)
    .create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' }, spec: {} });
  await cluster.until(
    async () =>
      (await cluster.exists(serviceAccounts, 'default', 'x')) &&
      (await cluster.exists(configMaps, 'kube-root-ca.crt', 'x')),
  );
  expect((await cluster.get(configMaps, 'kube-root-ca.crt', 'x')).data?.['ca.crt']).toContain('BEGIN CERTIFICATE');
  await deploy('x');
  const held = { name: 'held', namespace: 'x', finalizers: ['example.com/hold'] };
  await cluster.client.of(configMaps).create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: held });
  await cluster.client.of(namespaces).delete('x');
  await cluster.until(
    async () =>
      (await cluster.get(namespaces, 'x')).status?.conditions?.some(
        ({ type, status }) => type === 'NamespaceFinalizersRemaining' && status === 'True',
      ) ?? false,
  );
  const { status } = await cluster.get(namespaces, 'x');
  expect(status?.phase).toBe('Terminating');
  const messages = Object.fromEntries((status?.conditions ?? []).map(({ type, message }) => [type, message]));
  expect(messages).toMatchObject({
    NamespaceContentRemaining: 'Some resources are remaining: configmaps. has 1 resource instances',
    NamespaceFinalizersRemaining:
      'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
  });
  expect(await cluster.list(pods, 'x')).toEqual([]);
  await cluster.client
    .of(configMaps)
    .patch('held', { metadata: { finalizers: null } }, { type: 'merge', namespace: 'x' });
  await cluster.until(async () => !(await cluster.exists(namespaces, 'x')));
});

test('a deleted default account comes back', async () => {
  await start();
  await cluster.until(() => cluster.exists(serviceAccounts, 'default'));
  const before = await cluster.get(serviceAccounts, 'default');
  await cluster.client.of(serviceAccounts).delete('default', { namespace: 'default' });
  await cluster.until(() => cluster.exists(serviceAccounts, 'default'));
  expect((await cluster.get(serviceAccounts, 'default')).metadata.uid).not.toBe(before.metadata.uid);
});

test('a service shows its ready pods in slices and Endpoints, and forgets them with them', async () => {
  await start();
  const spec = { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] };
  await cluster.client
    .of(services)
    .create({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec });
  await deploy();
  const slice = async () =>
    (await cluster.list(endpointSlices)).find(
      ({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === 'web',
    );
  const ready = async () => ((await slice())?.endpoints ?? []).filter(({ conditions }) => conditions?.ready).length;
  await cluster.until(async () => (await ready()) === 2);
  expect(await slice()).toMatchObject({
    addressType: 'IPv4',
    ports: [{ port: 8080, protocol: 'TCP' }],
    endpoints: [
      { nodeName, zone: 'z', targetRef: { kind: 'Pod' } },
      { nodeName, zone: 'z' },
    ],
  });
  await cluster.until(async () => (await cluster.get(endpoints, 'web')).subsets?.[0]?.addresses?.length === 2);
  await cluster.client.of(deployments).patch('web', { spec: { replicas: 0 } }, { type: 'merge', namespace: 'default' });
  await cluster.until(async () => ((await slice())?.endpoints ?? []).length === 0);
  await cluster.client.of(services).delete('web', { namespace: 'default' });
  await cluster.until(async () => !(await slice()) && !(await cluster.exists(endpoints, 'web')));
});

const readyOf = (pod: Pod) => pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status;

test('a silent node is Unknown after 50 s, its pods are not ready, and after five minutes they go elsewhere', async () => {
  await start({ endAfterMs: 10_000_000 });
  // Another node keeps us from taking the silence for a fault of our own.
  const now = () => new Date(cluster.clock.now()).toISOString().replace(/\.\d+/, '');
  await cluster.client.of(nodes).create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n2' }, spec: {} });
  const beat = () => {
    const condition = { type: 'Ready', status: 'True', lastHeartbeatTime: now(), lastTransitionTime: now() };
    return cluster.client
      .of(nodes)
      .patch('n2', { status: { conditions: [condition] } }, { type: 'strategic', subresource: 'status' });
  };
  await beat();
  await deploy();
  cluster.isNodeSilent = true;
  for (let seconds = 0; seconds < 80; seconds += 10) {
    await beat();
    await cluster.advance(10_000);
  }
  const node = await cluster.get(nodes, nodeName);
  expect(node.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
  });
  expect(node.spec.taints?.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
    'node.kubernetes.io/unreachable:NoSchedule',
    'node.kubernetes.io/unreachable:NoExecute',
  ]);
  const before = await cluster.list(pods);
  expect(before.map(readyOf)).toEqual(['False', 'False']);
  expect(before.some(({ metadata }) => metadata.deletionTimestamp)).toBe(false);
  for (let seconds = 0; seconds < 300; seconds += 10) {
    await beat();
    await cluster.advance(10_000);
  }
  const evicted = (await cluster.list(pods)).filter(({ metadata }) => metadata.deletionTimestamp);
  expect(evicted).toHaveLength(2);
  expect(evicted[0]?.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'DisruptionTarget', reason: 'DeletionByTaintManager', observedGeneration: 1 }),
  );
});

test('the pods of a deleted node are collected', async () => {
  await start();
  await deploy();
  cluster.isNodeSilent = true;
  const before = await cluster.list(pods);
  await cluster.client.of(nodes).delete(nodeName);
  await cluster.advance(90_000);
  const names = (await cluster.list(pods)).map(({ metadata }) => metadata.name);
  for (const { metadata } of before) expect(names).not.toContain(metadata.name);
});
