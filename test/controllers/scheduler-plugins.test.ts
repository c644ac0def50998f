/** Plugins that the library's user writes: pods that wait for leave, and what is told when they get none. */
import { afterEach, expect, test } from 'vitest';
import leases from '#api/coordination/lease.js';
import events from '#api/core/event.js';
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { type SchedulerPlugin, startTestCluster, type TestCluster } from '#testing/index.js';

let cluster: TestCluster;
afterEach(() => cluster.stop());

const namespace = 'default';
const enabled = (name: string) => ({ profiles: [{ plugins: { multiPoint: { enabled: [{ name }] } } }] });

async function start(plugin: SchedulerPlugin): Promise<void> {
  const scheduler = { configuration: enabled(plugin.name), plugins: [plugin] };
  cluster = await startTestCluster({ scheduler });
}

async function addPod(name: string): Promise<void> {
  const spec = { containers: [{ name: 'c', image: 'i', resources: {} }] };
  await cluster.client().of(pods).create({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec });
}

const pod = (name: string) => cluster.client().of(pods).get(name, { namespace });
const failures = async () => {
  const { items } = await cluster.client().of(events).list({ namespace });
  return items.filter(({ reason }) => reason === 'FailedScheduling').map(({ message }) => message);
};

test('a pod waits until the plugin that holds it lets it go, and the plugin hears that it is bound', async () => {
  let allow: (() => void) | undefined;
  const bound: string[] = [];
  await start({
    name: 'Together',
    permit: ({ pod: { metadata } }, { waiting }) => {
      allow = () => waiting.get(metadata.uid!)?.allow('Together');
      return { waitMs: 60_000 };
    },
    postBind: ({ pod: { metadata }, nodeName }) => bound.push(`${metadata.name} on ${nodeName}`),
  });
  await addPod('p');
  await cluster.until(() => allow !== undefined);
  await cluster.advance(30_000);
  expect((await pod('p')).spec.nodeName).toBeUndefined();
  allow!();
  await cluster.until(async () => (await pod('p')).spec.nodeName === 'node-0');
  await cluster.until(() => bound.length > 0);
  expect(bound).toEqual(['p on node-0']);
});

test('a pod that waited in vain is told of it, and tried again', async () => {
  let attempts = 0;
  await start({
    name: 'Together',
    permit: () => {
      attempts++;
      return attempts === 1 ? { waitMs: 10_000 } : attempts === 2 ? { rejected: 'not now' } : 'allow';
    },
    requeueOn: ['node added'],
  });
  await addPod('p');
  await cluster.until(async () => (await failures()).length > 0);
  expect(await failures()).toEqual([
    '0/1 nodes are available: 1 rejected due to timeout after waiting 10s at plugin Together.',
  ]);
  const condition = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === 'PodScheduled');
  expect(condition(await pod('p'))).toMatchObject({ status: 'False', reason: 'Unschedulable' });
  await cluster.addNode({ name: 'b' });
  await cluster.until(async () => (await failures()).includes('0/1 nodes are available: 1 not now.'));
  await cluster.addNode({ name: 'c' });
  await cluster.until(async () => (await pod('p')).spec.nodeName !== undefined);
  expect(attempts).toBe(3);
});

test('with leader election, the scheduler works once it holds its Lease', async () => {
  const leaderElection = { leaderElect: true, resourceName: 'kube-scheduler' };
  cluster = await startTestCluster({
    scheduler: { configuration: { leaderElection } },
  });
  await addPod('p');
  await cluster.until(async () => (await pod('p')).spec.nodeName === 'node-0');
  const lease = await cluster.client().of(leases).get('kube-scheduler', { namespace: 'kube-system' });
  expect(lease.spec).toMatchObject({
    leaseDurationSeconds: 15,
    holderIdentity: expect.stringMatching(/_[0-9a-f-]{36}$/),
  });
});
