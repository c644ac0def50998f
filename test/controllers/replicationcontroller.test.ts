/** ReplicationControllers on the real API server. */
import { afterEach, expect, test } from 'vitest';
import pods from '#api/core/pod/index.js';
import replicationControllers from '#api/core/replicationcontroller.js';
import type { ReplicationController } from '#api/gen/core-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import { TestCluster } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const web: ReplicationController = {
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 3,
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
};
const status = async () => (await cluster.get(replicationControllers, 'web')).status;
const patch = (spec: object) =>
  cluster.client.of(replicationControllers).patch('web', { spec }, { type: 'merge', namespace: 'default' });

test('a ReplicationController keeps its number of pods, lets go what no longer matches and takes it back', async () => {
  cluster = await TestCluster.start();
  await cluster.client.of(replicationControllers).create(web);
  await cluster.until(async () => (await status())?.availableReplicas === 3);
  const [one] = await cluster.list(pods);
  const { name = '' } = one!.metadata;
  const relabel = (app: string) =>
    cluster.client.of(pods).patch(name, { metadata: { labels: { app } } }, { type: 'merge', namespace: 'default' });
  await relabel('other');
  await cluster.until(async () => (await cluster.list(pods)).length === 4);
  expect(controllerOf(await cluster.get(pods, name))).toBeUndefined();
  await relabel('web');
  await cluster.until(async () => (await cluster.list(pods)).length === 3);
  await patch({ replicas: 1 });
  await cluster.until(async () => (await cluster.list(pods)).length === 1 && (await status())?.replicas === 1);
  expect(await status()).toEqual({
    replicas: 1,
    fullyLabeledReplicas: 1,
    readyReplicas: 1,
    availableReplicas: 1,
    observedGeneration: 2,
  });
});

test('a pod that cannot be made is told in a condition', async () => {
  cluster = await TestCluster.start();
  const { spec } = web;
  const template = {
    ...spec!.template!,
    spec: { containers: [{ name: 'c', image: 'i' }], serviceAccountName: 'none' },
  };
  await cluster.client.of(replicationControllers).create({ ...web, spec: { ...spec, template } });
  await cluster.until(async () => (await status())?.conditions?.[0]?.type === 'ReplicaFailure');
  expect((await status())!.conditions![0]).toMatchObject({ status: 'True', reason: 'FailedCreate' });
});
