/** The scheduler on a whole cluster: what it writes, in which order, and what it waits for. */
import { afterEach, expect, test } from 'vitest';
import nodes from '#api/core/node.js';
import persistentVolumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import events from '#api/events/event.js';
import type { PersistentVolume, Pod, PodSpec } from '#api/gen/core-v1.js';
import storageClasses from '#api/storage/storageclass.js';
import { startTestCluster, type TestCluster, type TestClusterOptions } from '#testing/index.js';

let cluster: TestCluster;

async function start(options: TestClusterOptions = {}) {
  cluster = await startTestCluster(options);
  const client = cluster.client();
  const create = (name: string, spec: Partial<PodSpec> = {}, labels: Record<string, string> = {}) =>
    client.of(pods).create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', labels },
      spec: { containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }], ...spec },
    });
  const get = (name: string) => client.of(pods).get(name, { namespace: 'default' });
  const isRunning = async (name: string) => (await get(name)).status?.phase === 'Running';
  return { client, create, get, isRunning };
}

afterEach(async () => {
  expect(cluster.errors).toEqual([]);
  await cluster.stop();
});

const scheduled = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === 'PodScheduled');

test('a pod that other pods keep away waits until they are gone', async () => {
  const { client, create, get, isRunning } = await start();
  const labels = { app: 'web' };
  const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  await create('first', {}, labels);
  await cluster.until(() => isRunning('first'));
  await create('second', { affinity });
  await cluster.until(async () => scheduled(await get('second'))?.status === 'False');
  expect(scheduled(await get('second'))).toMatchObject({
    reason: 'Unschedulable',
    observedGeneration: 1,
    message:
      "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
  });
  await client.of(pods).delete('first', { namespace: 'default', gracePeriodSeconds: 0 });
  await cluster.until(() => isRunning('second'));
});

test('a pod whose claim waits for it is bound after its claim: to a volume of the node that has one', async () => {
  const { client, create, get, isRunning } = await start({ nodes: 2 });
  await client.of(storageClasses).create({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'local' },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  await client.of(claims).create({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'default' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'local',
      resources: { requests: { storage: '1Gi' } },
    },
  });
  await create('user', { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] });
  await cluster.until(async () => scheduled(await get('user'))?.status === 'False');
  expect(scheduled(await get('user'))?.message).toContain(
    "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
  );
  const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-1'] }];
  const volume = await client.of(persistentVolumes).create({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'disk' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'local',
      persistentVolumeReclaimPolicy: 'Retain',
      local: { path: '/mnt/disk' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
    },
  });
  const isAvailable = { status: { phase: 'Available' } };
  await client.of(persistentVolumes).patch('disk', isAvailable, { type: 'merge', subresource: 'status' });
  let taken: PersistentVolume = volume;
  await cluster.until(async () => {
    taken = await client.of(persistentVolumes).get('disk');
    return taken.spec?.claimRef !== undefined;
  });
  expect(taken.spec?.claimRef).toMatchObject({ kind: 'PersistentVolumeClaim', name: 'data', namespace: 'default' });
  expect(taken.metadata.annotations).toMatchObject({ 'pv.kubernetes.io/bound-by-controller': 'yes' });
  // The binder has the last word; where none runs, the test says it.
  const bound = {
    metadata: { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
    spec: { volumeName: 'disk' },
  };
  await client.of(claims).patch('data', bound, { type: 'merge', namespace: 'default' });
  await cluster.until(async () => (await get('user')).spec.nodeName === 'node-1');
  expect(await isRunning('user')).toBeDefined();
});

test('what was done is told by events of the newer form; what happens again is a series of one', async () => {
  const { client, create, isRunning } = await start();
  const told = async (reason: string) =>
    (await client.of(events).list({ namespace: 'default', fieldSelector: `reason=${reason}` })).items;
  const labels = { app: 'web' };
  const near = [{ topologyKey: 'rack', labelSelector: { matchLabels: labels } }];
  await create('choosy', { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: near } } });
  await cluster.until(async () => (await told('FailedScheduling')).length === 1);
  await cluster.until(
    async () => (await client.of(pods).get('choosy', { namespace: 'default' })).status?.conditions?.length === 1,
  );
  // The first event was of the pod before its condition was written; from the second on they are alike.
  for (const name of ['a', 'b', 'c']) {
    await create(name, {}, labels);
    await cluster.advance(11_000);
  }
  await cluster.until(async () => (await told('FailedScheduling')).some(({ series }) => series?.count === 2));
  // Further counts are written each half hour.
  await cluster.until(async () => (await told('FailedScheduling')).some(({ series }) => (series?.count ?? 0) > 2), {
    limitMs: 45 * 60_000,
    stepMs: 30_000,
  });
  await client.of(nodes).patch('node-0', { metadata: { labels: { rack: 'r' } } }, { type: 'merge' });
  await cluster.until(() => isRunning('choosy'));
  const bound = async () => (await told('Scheduled')).find(({ regarding }) => regarding?.name === 'choosy');
  await cluster.until(async () => (await bound()) !== undefined);
  const scheduledEvent = await bound();
  expect(scheduledEvent).toMatchObject({
    type: 'Normal',
    action: 'Binding',
    note: 'Successfully assigned default/choosy to node-0',
    reportingController: 'default-scheduler',
    regarding: { kind: 'Pod', name: 'choosy', namespace: 'default' },
  });
  expect(scheduledEvent?.reportingInstance).toMatch(/^default-scheduler-/);
});

test('a pod is not tried again for changes that cannot help it', async () => {
  const { client, create, isRunning } = await start();
  const note = async (name: string) =>
    (await client.of(events).list({ namespace: 'default', fieldSelector: `regarding.name=${name}` })).items.length;
  const affinity = (labels: Record<string, string>) => ({
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } },
      ],
    },
  });
  // As a kubelet of an earlier version, until this one says anew what it can do.
  const before = { status: { declaredFeatures: [] } };
  await client.of(nodes).patch('node-0', before, { type: 'merge', subresource: 'status' });
  await create('choosy', { nodeSelector: { disk: 'ssd' } });
  await create('shy', { affinity: affinity({ app: 'web' }) });
  const unknown = { action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [3] } };
  const container = { name: 'main', image: 'i', restartPolicy: 'Never', restartPolicyRules: [unknown] };
  await create('modern', { restartPolicy: 'Never', containers: [container] });
  await cluster.until(async () => (await Promise.all(['choosy', 'shy', 'modern'].map(note))).every((n) => n === 1));
  expect(scheduled(await client.of(pods).get('modern', { namespace: 'default' }))?.message).toContain(
    "0/1 nodes are available: 1 node(s) didn't match Pod's required features.",
  );
  await cluster.advance(20_000);
  await client.of(nodes).patch('node-0', { metadata: { labels: { disk: 'hdd' } } }, { type: 'merge' });
  await create('other', {}, { app: 'db' });
  await cluster.until(() => isRunning('other'));
  expect(await Promise.all(['choosy', 'shy'].map(note))).toEqual([1, 1]);
  await client.of(nodes).patch('node-0', { metadata: { labels: { disk: 'ssd' } } }, { type: 'merge' });
  await create('web', {}, { app: 'web' });
  const isPlaced = async (name: string) =>
    (await client.of(pods).get(name, { namespace: 'default' })).spec.nodeName !== undefined;
  await cluster.until(async () => (await Promise.all(['choosy', 'shy', 'modern'].map(isPlaced))).every((one) => one));
});
