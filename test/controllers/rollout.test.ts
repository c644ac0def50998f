/** Deployments and ReplicaSets on the real API server: rollouts, undoing, scaling, adopting. */
import { afterEach, expect, test } from 'vitest';
import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import events from '#api/core/event.js';
import pods from '#api/core/pod/index.js';
import type { Deployment, DeploymentSpec } from '#api/gen/apps-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { TestCluster, type TestClusterOptions } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const start = async (options?: TestClusterOptions) => {
  cluster = await TestCluster.start(options);
};

function web(image: string, spec: Partial<DeploymentSpec> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
      ...spec,
    },
  };
}

const imageOf = (pod: Pod) => pod.spec.containers[0]?.image;
const setImage = (image: string) =>
  cluster.client
    .of(deployments)
    .patch(
      'web',
      { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } },
      { type: 'strategic', namespace: 'default' },
    );
const patchSpec = (spec: object) =>
  cluster.client.of(deployments).patch('web', { spec }, { type: 'merge', namespace: 'default' });
const conditions = async () =>
  Object.fromEntries(
    ((await cluster.get(deployments, 'web')).status?.conditions ?? []).map(({ type, status, reason }) => [
      type,
      `${status} ${reason}`,
    ]),
  );
const isDone = async () => {
  const { status, spec, metadata } = await cluster.get(deployments, 'web');
  const { replicas } = spec;
  return (
    status?.observedGeneration === metadata.generation &&
    status?.updatedReplicas === replicas &&
    status?.replicas === replicas &&
    status?.availableReplicas === replicas
  );
};
const sizes = async () =>
  (await cluster.list(replicaSets))
    .map(({ metadata, spec }) => [metadata.annotations?.['deployment.kubernetes.io/revision'], spec.replicas])
    .sort();

test('a Deployment makes a ReplicaSet, that makes pods, and says when all is well', async () => {
  await start();
  await cluster.client.of(deployments).create(web('v1'));
  await cluster.until(isDone);
  const deployment = await cluster.get(deployments, 'web');
  expect(deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
  expect(await conditions()).toEqual({
    Available: 'True MinimumReplicasAvailable',
    Progressing: 'True NewReplicaSetAvailable',
  });
  const [replicaSet] = await cluster.list(replicaSets);
  const hash = replicaSet!.metadata.labels?.['pod-template-hash'];
  expect(replicaSet!.metadata.name).toBe(`web-${hash}`);
  const all = await cluster.list(pods);
  expect(all).toHaveLength(3);
  for (const pod of all) {
    expect(pod.metadata.name).toMatch(new RegExp(`^web-${hash}-[a-z0-9]{5}$`));
    expect(pod.metadata.ownerReferences).toMatchObject([
      { kind: 'ReplicaSet', name: replicaSet!.metadata.name, controller: true, blockOwnerDeletion: true },
    ]);
  }
  const told = (await cluster.list(events)).map(({ reason, message }) => `${reason}: ${message}`);
  expect(told).toContain(`ScalingReplicaSet: Scaled up replica set web-${hash} from 0 to 3`);
  expect(told).toContain(`SuccessfulCreate: Created pod: ${all[0]!.metadata.name}`);
});

test('a rolling update never has fewer than 8 of 10 available nor more than 13 pods', async () => {
  await start();
  await cluster.client.of(deployments).create(web('v1', { replicas: 10 }));
  await cluster.until(isDone);
  await setImage('v2');
  const available: number[] = [];
  const counts: number[] = [];
  const watch = () => {
    const now = cluster.informers.of(pods).list();
    const living = now.filter(({ metadata }) => !metadata.deletionTimestamp);
    available.push(
      living.filter(({ status }) =>
        status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      ).length,
    );
    counts.push(living.length);
  };
  await cluster.until(isDone, { watch });
  expect(Math.min(...available)).toBeGreaterThanOrEqual(8);
  expect(Math.max(...counts)).toBeLessThanOrEqual(13);
  expect(Math.max(...counts)).toBeGreaterThan(10);
  await cluster.until(async () => (await cluster.list(pods)).length === 10);
  expect(new Set((await cluster.list(pods)).map(imageOf))).toEqual(new Set(['v2']));
  expect(await sizes()).toEqual([
    ['1', 0],
    ['2', 10],
  ]);
});

test('undoing brings the old ReplicaSet back under a new revision', async () => {
  await start();
  await cluster.client.of(deployments).create(web('v1'));
  await cluster.until(isDone);
  await setImage('v2');
  await cluster.until(isDone);
  await setImage('v1');
  await cluster.until(isDone);
  expect(await sizes()).toEqual([
    ['2', 0],
    ['3', 3],
  ]);
  const back = (await cluster.list(replicaSets)).find(({ spec }) => spec.replicas === 3);
  expect(back?.metadata.annotations?.['deployment.kubernetes.io/revision-history']).toBe('1');
});

test('an update that never gets ready keeps the old pods, and is told to have failed in time', async () => {
  await start({ readyAfterMs: (pod) => (imageOf(pod) === 'bad' ? undefined : 1000) });
  await cluster.client.of(deployments).create(web('v1', { progressDeadlineSeconds: 60 }));
  await cluster.until(isDone);
  await setImage('bad');
  await cluster.advance(50_000);
  expect(await conditions()).toMatchObject({ Progressing: 'True ReplicaSetUpdated' });
  await cluster.advance(20_000);
  expect(await conditions()).toEqual({
    Available: 'True MinimumReplicasAvailable',
    Progressing: 'False ProgressDeadlineExceeded',
  });
  expect((await cluster.get(deployments, 'web')).status).toMatchObject({ availableReplicas: 3, updatedReplicas: 1 });
  await setImage('v1');
  await cluster.until(isDone);
  expect(await conditions()).toMatchObject({ Progressing: 'True NewReplicaSetAvailable' });
});

test('Recreate ends all old pods before the first new one', async () => {
  await start();
  await cluster.client.of(deployments).create(web('v1', { strategy: { type: 'Recreate' } }));
  await cluster.until(isDone);
  await setImage('v2');
  const images: number[] = [];
  await cluster.until(isDone, {
    watch: () => images.push(new Set(cluster.informers.of(pods).list().map(imageOf)).size),
  });
  expect(Math.max(...images)).toBe(1);
  expect(await sizes()).toEqual([
    ['1', 0],
    ['2', 3],
  ]);
});

test('a paused Deployment scales but does not roll, and rolls when it is resumed', async () => {
  await start();
  await cluster.client.of(deployments).create(web('v1'));
  await cluster.until(isDone);
  await patchSpec({ paused: true });
  await setImage('v2');
  await patchSpec({ replicas: 5 });
  await cluster.advance(20_000);
  expect(await sizes()).toEqual([['1', 5]]);
  expect(await conditions()).toMatchObject({ Progressing: 'Unknown DeploymentPaused' });
  await patchSpec({ paused: false });
  await cluster.until(isDone);
  expect(await sizes()).toEqual([
    ['1', 0],
    ['2', 5],
  ]);
});

test('scaling in the middle of a rollout is shared', async () => {
  await start({ readyAfterMs: (pod) => (imageOf(pod) === 'bad' ? undefined : 1000) });
  await cluster.client.of(deployments).create(web('v1', { replicas: 10 }));
  await cluster.until(isDone);
  await setImage('bad');
  await cluster.advance(20_000);
  expect(await sizes()).toEqual([
    ['1', 8],
    ['2', 5],
  ]);
  await patchSpec({ replicas: 20 });
  await cluster.advance(20_000);
  const [old, newest] = await sizes();
  expect(Number(old![1]) + Number(newest![1])).toBe(25);
  expect(Number(newest![1])).toBeGreaterThan(5);
});

test('old ReplicaSets beyond revisionHistoryLimit are deleted', async () => {
  await start();
  await cluster.client.of(deployments).create(web('v1', { revisionHistoryLimit: 1 }));
  for (const image of ['v2', 'v3', 'v4']) {
    await cluster.until(isDone);
    await setImage(image);
  }
  await cluster.until(isDone);
  await cluster.until(async () => (await cluster.list(replicaSets)).length === 2);
  expect(await sizes()).toEqual([
    ['3', 0],
    ['4', 3],
  ]);
});

test('minReadySeconds delays availability', async () => {
  await start();
  await cluster.client.of(deployments).create(web('v1', { minReadySeconds: 30 }));
  await cluster.advance(20_000);
  expect((await cluster.get(deployments, 'web')).status).toMatchObject({ readyReplicas: 3 });
  expect((await cluster.get(deployments, 'web')).status?.availableReplicas ?? 0).toBe(0);
  await cluster.advance(20_000);
  expect((await cluster.get(deployments, 'web')).status?.availableReplicas).toBe(3);
});

test('a deleted pod is replaced; one that loses its labels is let go and replaced; an orphan that fits is adopted', async () => {
  await start();
  await cluster.client.of(deployments).create(web('v1'));
  await cluster.until(isDone);
  const before = await cluster.list(pods);
  await cluster.client.of(pods).delete(before[0]!.metadata.name!, { namespace: 'default' });
  await cluster.client
    .of(pods)
    .patch(
      before[1]!.metadata.name!,
      { metadata: { labels: { app: 'debug' } } },
      { type: 'merge', namespace: 'default' },
    );
  await cluster.advance(10_000);
  await cluster.until(isDone);
  const after = await cluster.list(pods);
  expect(after).toHaveLength(4);
  const released = after.find(({ metadata }) => metadata.name === before[1]!.metadata.name)!;
  expect(released.metadata.ownerReferences ?? []).toEqual([]);
  await cluster.client
    .of(pods)
    .patch(released.metadata.name!, { metadata: { labels: { app: 'web' } } }, { type: 'merge', namespace: 'default' });
  await cluster.advance(10_000);
  expect(await cluster.list(pods)).toHaveLength(3);
});

test('many pods are made once, whatever the informers show when', async () => {
  await start();
  let created = 0;
  cluster.informers.of(pods).onEvent({ added: () => created++ });
  await cluster.client.of(deployments).create(web('v1', { replicas: 60 }));
  await cluster.until(isDone);
  await patchSpec({ replicas: 5 });
  await cluster.until(isDone);
  expect(created).toBe(60);
});

test('no status is written onto one that the copy does not show yet', async () => {
  await start({ faults: { late: 0.5, lateMsMax: 500 } });
  await cluster.client.of(deployments).create(web('v1', { replicas: 20 }));
  await cluster.until(isDone);
  const { body } = await cluster.client.transport.request({ method: 'GET', path: '/metrics' });
  const statusWrites = String(body)
    .split('\n')
    .filter((line) =>
      /^apiserver_request_total.*resource="(deployments|replicasets)",.*subresource="status"/.test(line),
    );
  expect(statusWrites.filter((line) => line.includes('code="200"'))).toHaveLength(2);
  expect(statusWrites.filter((line) => line.includes('code="409"'))).toEqual([]);
});

test('an annotation of old clients takes a Deployment back to a revision, its annotations too', async () => {
  await start();
  const { client } = cluster;
  const first = web('v1');
  await client.of(deployments).create({ ...first, metadata: { ...first.metadata, annotations: { why: 'first' } } });
  await cluster.until(isDone);
  const annotate = (annotations: object) =>
    client.of(deployments).patch('web', { metadata: { annotations } }, { type: 'merge', namespace: 'default' });
  const template = { spec: { containers: [{ name: 'c', image: 'v2' }] } };
  const second = { metadata: { annotations: { why: 'second' } }, spec: { template } };
  await client.of(deployments).patch('web', second, { type: 'merge', namespace: 'default' });
  await cluster.until(isDone);
  const told = async () => (await cluster.list(events)).map(({ reason, message }) => `${reason}: ${message}`);
  const wish = 'deprecated.deployment.rollback.to';
  const isTaken = async () => (await cluster.get(deployments, 'web')).metadata.annotations?.[wish] === undefined;
  await annotate({ [wish]: '7' });
  await cluster.until(isTaken);
  await annotate({ [wish]: '2' });
  await cluster.until(isTaken);
  expect(await told()).toEqual(
    expect.arrayContaining([
      'DeploymentRollbackRevisionNotFound: Unable to find the revision to rollback to.',
      'DeploymentRollbackTemplateUnchanged: The rollback revision contains the same template as current deployment "web"',
    ]),
  );
  await annotate({ [wish]: '0' });
  await cluster.until(async () => (await isTaken()) && (await isDone()));
  const now = await cluster.get(deployments, 'web');
  expect(now.spec.template!.spec!.containers[0]!.image).toBe('v1');
  expect(now.spec.template!.metadata!.labels).toEqual({ app: 'web' });
  expect(now.metadata.annotations).toEqual({ why: 'first', 'deployment.kubernetes.io/revision': '3' });
  await cluster.until(async () =>
    (await told()).includes('DeploymentRollback: Rolled back deployment "web" to revision 1'),
  );
});
