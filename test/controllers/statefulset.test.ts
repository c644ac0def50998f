/** StatefulSets on the real API server: order, names, volumes, rollouts and their history. */
import { afterEach, expect, test } from 'vitest';
import controllerRevisions from '#api/apps/controllerrevision.js';
import statefulSets from '#api/apps/statefulset.js';
import configMaps from '#api/core/configmap.js';
import events from '#api/core/event.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { StatefulSet, StatefulSetSpec } from '#api/gen/apps-v1.js';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.js';
import { TestCluster, type TestClusterOptions } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const start = async (options?: TestClusterOptions) => {
  cluster = await TestCluster.start(options);
};

function web(spec: Partial<StatefulSetSpec> = {}): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 3,
      serviceName: 'nginx',
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'v1' }] } },
      ...spec,
    },
  };
}

const data: NonNullable<StatefulSetSpec['volumeClaimTemplates']>[number] = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

const create = (spec?: Partial<StatefulSetSpec>) => cluster.client.of(statefulSets).create(web(spec));
const patchSpec = (spec: object) =>
  cluster.client.of(statefulSets).patch('web', { spec }, { type: 'merge', namespace: 'default' });
const setImage = (image: string) => patchSpec({ template: { spec: { containers: [{ name: 'c', image }] } } });
const status = async () => (await cluster.get(statefulSets, 'web')).status!;
const ready = (count: number) => async () => {
  const { metadata, status: now } = await cluster.get(statefulSets, 'web');
  if (now?.observedGeneration !== metadata.generation) return false;
  return (now?.readyReplicas ?? 0) === count && now?.replicas === count;
};
const rolledOut = (count: number) => async () => {
  const now = await status();
  return (await ready(count)()) && now.updatedReplicas === count && now.currentRevision === now.updateRevision;
};
const names = async () => (await cluster.list(pods)).map(({ metadata }) => metadata.name).sort();
const images = async () =>
  Object.fromEntries(
    (await cluster.list(pods)).map(({ metadata, spec }) => [metadata.name, spec.containers[0]!.image]),
  );

/** The names of pods in the order in which they first exist, and in which they are first asked to go. */
function watched(): { made: string[]; ended: string[] } {
  const seen = { made: [] as string[], ended: [] as string[] };
  const uids = new Set<string>();
  const look = ({ metadata }: Pod) => {
    const { name = '', uid = '' } = metadata;
    if (!uids.has(uid)) seen.made.push(name);
    uids.add(uid);
    if (metadata.deletionTimestamp && !uids.has(`${uid} ends`)) {
      uids.add(`${uid} ends`);
      seen.ended.push(name);
    }
  };
  cluster.informers.of(pods).onEvent({ added: look, updated: look });
  return seen;
}

test('a StatefulSet makes pods one after the other, each when the one before is ready, and ends them the other way', async () => {
  await start();
  const seen = watched();
  await create();
  let most = 0;
  await cluster.until(ready(3), {
    watch: () => {
      const unready = cluster.informers
        .of(pods)
        .list()
        .filter(({ status: now }) => now?.phase !== 'Running');
      most = Math.max(most, unready.length);
    },
  });
  expect(seen.made).toEqual(['web-0', 'web-1', 'web-2']);
  expect(most).toBe(1);
  const pod = await cluster.get(pods, 'web-1');
  const { updateRevision } = await status();
  expect(pod.metadata.labels).toMatchObject({
    app: 'web',
    'apps.kubernetes.io/pod-index': '1',
    'controller-revision-hash': updateRevision,
    'statefulset.kubernetes.io/pod-name': 'web-1',
  });
  expect(pod.spec).toMatchObject({ hostname: 'web-1', subdomain: 'nginx' });
  await patchSpec({ replicas: 1 });
  await cluster.until(ready(1));
  expect(seen.ended).toEqual(['web-2', 'web-1']);
  const told = (await cluster.list(events)).map(({ reason, message }) => `${reason}: ${message}`);
  expect(told).toContain('SuccessfulCreate: Create Pod web-0 in StatefulSet web successful');
  expect(told).toContain('SuccessfulDelete: Delete Pod web-2 in StatefulSet web successful');
});

test('a pod that is deleted comes back under its name', async () => {
  await start();
  await create();
  await cluster.until(ready(3));
  const before = await cluster.get(pods, 'web-1');
  await cluster.client.of(pods).delete('web-1', { namespace: 'default' });
  await cluster.until(async () => {
    const now = (await cluster.list(pods)).find(({ metadata }) => metadata.name === 'web-1');
    return now !== undefined && now.metadata.uid !== before.metadata.uid && (await ready(3)());
  });
  expect(await names()).toEqual(['web-0', 'web-1', 'web-2']);
});

test('in parallel, pods do not wait for each other', async () => {
  await start({ readyAfterMs: () => undefined });
  await create({ podManagementPolicy: 'Parallel' });
  await cluster.until(async () => (await names()).length === 3);
  await patchSpec({ replicas: 0 });
  await cluster.until(async () => (await names()).length === 0);
});

test('in order, a pod that is not ready holds up the ones after it', async () => {
  await start({ readyAfterMs: ({ metadata }) => (metadata.name === 'web-1' ? undefined : 1000) });
  await create();
  await cluster.until(async () => (await names()).length === 2);
  await cluster.advance(60_000);
  expect(await names()).toEqual(['web-0', 'web-1']);
});

test('a rolling update replaces pods from the last to the first, one at a time', async () => {
  await start();
  await create();
  await cluster.until(rolledOut(3));
  const seen = watched();
  seen.made.length = 0;
  const before = await status();
  await setImage('v2');
  await cluster.until(rolledOut(3));
  expect(seen.ended).toEqual(['web-2', 'web-1', 'web-0']);
  expect(await images()).toEqual({ 'web-0': 'v2', 'web-1': 'v2', 'web-2': 'v2' });
  const after = await status();
  expect(after.currentRevision).not.toBe(before.currentRevision);
  expect(after).toMatchObject({ currentReplicas: 3, updatedReplicas: 3, collisionCount: 0 });
});

test('a partition keeps the pods below it as they were, even when they come back', async () => {
  await start();
  await create({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } });
  await cluster.until(rolledOut(3));
  await setImage('v2');
  await cluster.until(async () => (await images())['web-2'] === 'v2' && (await ready(3)()));
  await cluster.client.of(pods).delete('web-0', { namespace: 'default' });
  await cluster.advance(1000);
  await cluster.until(ready(3));
  expect(await images()).toEqual({ 'web-0': 'v1', 'web-1': 'v1', 'web-2': 'v2' });
  expect(await status()).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
  await patchSpec({ updateStrategy: { rollingUpdate: { partition: 0 } } });
  await cluster.until(rolledOut(3));
});

test('on delete, only a pod that somebody deletes is replaced', async () => {
  await start();
  await create({ updateStrategy: { type: 'OnDelete' } });
  await cluster.until(ready(3));
  await setImage('v2');
  await cluster.advance(60_000);
  expect(new Set(Object.values(await images()))).toEqual(new Set(['v1']));
  await cluster.client.of(pods).delete('web-1', { namespace: 'default' });
  await cluster.until(async () => (await images())['web-1'] === 'v2' && (await ready(3)()));
  expect((await images())['web-0']).toBe('v1');
});

test('going back to an earlier template takes its revision again, and old revisions go', async () => {
  await start();
  await create({ replicas: 1, revisionHistoryLimit: 1 });
  await cluster.until(rolledOut(1));
  const first = (await status()).currentRevision;
  await setImage('v2');
  await cluster.until(rolledOut(1));
  await setImage('v1');
  await cluster.until(async () => (await images())['web-0'] === 'v1' && (await rolledOut(1)()));
  expect((await status()).currentRevision).toBe(first);
  const numbers = async () => (await cluster.list(controllerRevisions)).map(({ revision }) => revision).sort();
  expect(await numbers()).toEqual([2, 3]);
  await setImage('v3');
  await cluster.until(async () => (await images())['web-0'] === 'v3' && (await rolledOut(1)()));
  await cluster.until(async () => String(await numbers()) === '3,4');
});

test('each pod has claims of its own, which stay when it goes unless they are to go with it', async () => {
  await start();
  await create({ replicas: 2, volumeClaimTemplates: [data] });
  await cluster.until(ready(2));
  const claimNames = async () => (await cluster.list(claims)).map(({ metadata }) => metadata.name).sort();
  expect(await claimNames()).toEqual(['data-web-0', 'data-web-1']);
  const claim = await cluster.get(claims, 'data-web-0');
  expect(claim.metadata.labels).toEqual({ app: 'web' });
  const pod = await cluster.get(pods, 'web-0');
  expect(pod.spec.volumes![0]).toEqual({ name: 'data', persistentVolumeClaim: { claimName: 'data-web-0' } });
  await patchSpec({ replicas: 1 });
  await cluster.until(ready(1));
  expect(await claimNames()).toEqual(['data-web-0', 'data-web-1']);
  await patchSpec({
    replicas: 2,
    persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Delete' },
  });
  await cluster.until(async () => {
    const owners = (await cluster.get(claims, 'data-web-1')).metadata.ownerReferences ?? [];
    return owners[0]?.kind === 'StatefulSet' && (await ready(2)());
  });
  const updates = (await cluster.list(events)).filter(({ reason }) => reason === 'SuccessfulUpdate');
  expect(updates.map(({ message }) => message)).toContain('Update Pod web-0 in StatefulSet web successful');
  await patchSpec({ replicas: 1 });
  await cluster.until(async () => String(await claimNames()) === 'data-web-0');
  await cluster.client.of(statefulSets).delete('web', { namespace: 'default' });
  await cluster.until(async () => (await claimNames()).length === 0);
});

test('ordinals may begin elsewhere than at 0', async () => {
  await start();
  await create({ replicas: 2, ordinals: { start: 5 } });
  await cluster.until(ready(2));
  expect(await names()).toEqual(['web-5', 'web-6']);
});

test('a pod whose claim is on its way out waits for a new one, and the set says so', async () => {
  await start();
  const hold = ['example.com/hold'];
  await create({ replicas: 1, volumeClaimTemplates: [{ ...data, metadata: { name: 'data', finalizers: hold } }] });
  await cluster.until(ready(1));
  await cluster.client.of(claims).delete('data-web-0', { namespace: 'default' });
  await cluster.client.of(pods).delete('web-0', { namespace: 'default' });
  const told = async () => (await cluster.list(events)).map(({ reason, message }) => `${reason}: ${message}`);
  const message = 'Create Pod web-0 in StatefulSet web failed error: pvc data-web-0 is being deleted';
  await cluster.until(async () => (await told()).includes(`FailedCreate: ${message}`));
  const patch = { metadata: { finalizers: null } };
  await cluster.client.of(claims).patch('data-web-0', patch, { type: 'merge', namespace: 'default' });
  await cluster.until(ready(1));
});

test('a claim that another controls is not taken from it, and the set says so', async () => {
  await start({ readyAfterMs: () => 20_000 });
  const persistentVolumeClaimRetentionPolicy = { whenScaled: 'Delete', whenDeleted: 'Delete' };
  const other = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'other', namespace: 'default' } };
  const { uid = '' } = (await cluster.client.of(configMaps).create(other)).metadata;
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'other', uid, controller: true };
  const metadata = { name: 'data-web-0', namespace: 'default', ownerReferences: [owner] };
  await cluster.client.of(claims).create({ ...data, metadata } as PersistentVolumeClaim);
  await create({ replicas: 1, volumeClaimTemplates: [data], persistentVolumeClaimRetentionPolicy });
  const reasons = async () => (await cluster.list(events)).map(({ reason }) => reason);
  await cluster.until(async () => (await reasons()).includes('ConflictingController'));
  expect((await cluster.get(claims, 'data-web-0')).metadata.ownerReferences).toMatchObject([owner]);
});
