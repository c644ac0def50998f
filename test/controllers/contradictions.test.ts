/** Specs that contradict each other or the cluster: nobody fights for ever, and what is wrong is told. */
import { afterEach, expect, test } from 'vitest';
import replicaSets from '#api/apps/replicaset.js';
import events from '#api/core/event.js';
import pods from '#api/core/pod/index.js';
import resourceQuotas from '#api/core/resourcequota.js';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { ReplicaSet } from '#api/gen/apps-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import { TestCluster } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const namespace = 'default';
const labels = { app: 'shared' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };

function replicaSet(name: string, replicas: number, spec: object = template.spec): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace },
    spec: { replicas, selector: { matchLabels: labels }, template: { ...template, spec } as never },
  };
}

const create = (one: ReplicaSet) => cluster.client.of(replicaSets).create(one);
const ready = async (name: string) => (await cluster.get(replicaSets, name)).status?.readyReplicas ?? 0;
const ownersOf = async () => (await cluster.list(pods)).map((pod) => controllerOf(pod)?.name).sort();
const told = async (reason: string) => (await cluster.list(events)).filter((event) => event.reason === reason);

test('two ReplicaSets with one selector keep their own pods, and an orphan goes to one of them', async () => {
  cluster = await TestCluster.start();
  await create(replicaSet('a', 2));
  await create(replicaSet('b', 2));
  await cluster.until(async () => (await ready('a')) === 2 && (await ready('b')) === 2);
  expect(await ownersOf()).toEqual(['a', 'a', 'b', 'b']);
  const metadata = { name: 'orphan', namespace, labels };
  await cluster.client.of(pods).create({ apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec });
  await cluster.advance(30_000);
  expect(await ownersOf()).toEqual(['a', 'a', 'b', 'b']);
});

test('a template that a quota refuses is told of, tried ever more rarely, and made when there is room', async () => {
  cluster = await TestCluster.start();
  const metadata = { name: 'none', namespace };
  const hard = { pods: '0' };
  await cluster.client.of(resourceQuotas).create({ apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard } });
  await cluster.until(async () => (await cluster.get(resourceQuotas, 'none')).status?.used !== undefined);
  await create(replicaSet('refused', 100));
  const conditions = async () => (await cluster.get(replicaSets, 'refused')).status?.conditions;
  await cluster.until(async () => (await conditions()) !== undefined);
  expect(await conditions()).toEqual([
    expect.objectContaining({
      type: 'ReplicaFailure',
      status: 'True',
      reason: 'FailedCreate',
      message: expect.stringContaining('exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0'),
    }),
  ]);
  await cluster.advance(120_000);
  const count = (await told('FailedCreate')).reduce((sum, event) => sum + (event.count ?? 1), 0);
  expect(count).toBeGreaterThan(1);
  expect(count).toBeLessThan(30);
  const patch = { spec: { hard: { pods: '1000' } } };
  await cluster.client.of(resourceQuotas).patch('none', patch, { type: 'merge', namespace });
  await cluster.until(async () => (await ready('refused')) === 100, { limitMs: 1_200_000, stepMs: 1000 });
  expect(await conditions()).toBeUndefined();
});

test('a name at the limit of what names may be still makes pods', async () => {
  cluster = await TestCluster.start();
  const name = `${'n'.repeat(63)}.`.repeat(3) + 'n'.repeat(61);
  await create(replicaSet(name, 1));
  await cluster.until(async () => (await ready(name)) === 1);
  const [pod] = await cluster.list(pods);
  expect(pod!.metadata.name!.length).toBeLessThanOrEqual(253);
  expect(controllerOf(pod!)?.name).toBe(name);
});

test('two services with one selector each publish all pods', async () => {
  cluster = await TestCluster.start();
  await create(replicaSet('a', 3));
  for (const name of ['s', 't']) {
    const spec = { selector: labels, ports: [{ port: 80 }] };
    await cluster.client
      .of(services)
      .create({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec });
  }
  await cluster.until(async () => (await ready('a')) === 3);
  const published = async (service: string) =>
    (await cluster.list(endpointSlices))
      .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service)
      .flatMap(({ endpoints = [] }) => endpoints).length;
  await cluster.until(async () => (await published('s')) === 3 && (await published('t')) === 3);
});

test('a clock that goes back holds nothing up', async () => {
  cluster = await TestCluster.start();
  await create(replicaSet('a', 2));
  await cluster.until(async () => (await ready('a')) === 2);
  cluster.clock.jump(-3_600_000);
  await cluster.client.of(replicaSets).patch('a', { spec: { replicas: 4 } }, { type: 'merge', namespace });
  await cluster.until(async () => (await ready('a')) === 4);
  await cluster.client.of(replicaSets).patch('a', { spec: { replicas: 1 } }, { type: 'merge', namespace });
  await cluster.until(async () => (await cluster.list(pods)).length === 1);
});
