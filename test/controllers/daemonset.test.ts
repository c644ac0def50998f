/** DaemonSets on the real API server: a pod on each fitting node, rolling updates in place and with surge. */
import { afterEach, expect, test } from 'vitest';
import controllerRevisions from '#api/apps/controllerrevision.js';
import daemonSets from '#api/apps/daemonset.js';
import events from '#api/core/event.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { DaemonSet, DaemonSetSpec } from '#api/gen/apps-v1.js';
import { type Json, sortKeys } from '#base/json.js';
import { TestCluster, type TestClusterOptions } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const start = async (options?: TestClusterOptions) => {
  cluster = await TestCluster.start(options);
  await cluster.addNode('n2', { disk: 'ssd' });
  await cluster.addNode('n3', { disk: 'ssd' });
};

function agent(spec: Partial<DaemonSetSpec> = {}): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image: 'v1' }] } },
      ...spec,
    },
  };
}

const create = (spec?: Partial<DaemonSetSpec>) => cluster.client.of(daemonSets).create(agent(spec));
const patchSpec = (spec: object) =>
  cluster.client.of(daemonSets).patch('agent', { spec }, { type: 'merge', namespace: 'default' });
const setImage = (image: string) => patchSpec({ template: { spec: { containers: [{ name: 'c', image }] } } });
const status = async () => (await cluster.get(daemonSets, 'agent')).status!;
const available = (count: number) => async () => {
  const { metadata, status: now } = await cluster.get(daemonSets, 'agent');
  if (now?.observedGeneration !== metadata.generation) return false;
  return now?.desiredNumberScheduled === count && (now.numberAvailable ?? 0) === count;
};
const updated = (count: number) => async () =>
  (await available(count)()) &&
  (await status()).updatedNumberScheduled === count &&
  (await cluster.list(pods)).length === count;
const places = async () => (await cluster.list(pods)).map(({ spec }) => spec.nodeName).sort();
const images = async () => (await cluster.list(pods)).map(({ spec }) => spec.containers[0]!.image).sort();
const label = (name: string, labels: Record<string, string | null>) =>
  cluster.client.of(nodes).patch(name, { metadata: { labels } }, { type: 'merge' });
const taint = (name: string, taints: object[]) =>
  cluster.client.of(nodes).patch(name, { spec: { taints } }, { type: 'merge' });

test('a DaemonSet has one pod on every node, and on those that come later', async () => {
  await start();
  await create();
  await cluster.until(available(3));
  expect(await places()).toEqual(['n1', 'n2', 'n3']);
  const [pod] = await cluster.list(pods);
  expect(pod!.metadata.name).toMatch(/^agent-[a-z0-9]{5}$/);
  const [revision] = await cluster.list(controllerRevisions);
  // Clients in Go compare the bytes of this patch, and write its keys in order.
  expect(JSON.stringify(revision!.data)).toBe(JSON.stringify(sortKeys(revision!.data as Json)));
  const hash = revision!.metadata.labels?.['controller-revision-hash'];
  expect(revision!.metadata.name).toBe(`agent-${hash}`);
  expect(pod!.metadata.labels).toMatchObject({ 'controller-revision-hash': hash, 'pod-template-generation': '1' });
  expect(pod!.spec.tolerations!.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
    'node.kubernetes.io/not-ready:NoExecute',
    'node.kubernetes.io/unreachable:NoExecute',
    'node.kubernetes.io/disk-pressure:NoSchedule',
    'node.kubernetes.io/memory-pressure:NoSchedule',
    'node.kubernetes.io/pid-pressure:NoSchedule',
    'node.kubernetes.io/unschedulable:NoSchedule',
  ]);
  await cluster.addNode('n4');
  await cluster.until(available(4));
  const told = (await cluster.list(events)).filter(({ involvedObject }) => involvedObject.kind === 'DaemonSet');
  expect(told[0]).toMatchObject({ reason: 'SuccessfulCreate', source: { component: 'daemonset-controller' } });
});

test('it follows the labels of nodes', async () => {
  await start();
  const template = agent().spec.template!;
  await create({ template: { ...template, spec: { ...template.spec!, nodeSelector: { disk: 'ssd' } } } });
  await cluster.until(available(2));
  expect(await places()).toEqual(['n2', 'n3']);
  await label('n2', { disk: null });
  await label('n1', { disk: 'ssd' });
  await cluster.until(async () => String(await places()) === 'n1,n3' && (await available(2)()));
});

test('a taint that its pods do not bear keeps new pods away, or sends pods away', async () => {
  await start();
  await create();
  await cluster.until(available(3));
  await taint('n2', [{ key: 'k', effect: 'NoSchedule' }]);
  await cluster.until(async () => (await status()).numberMisscheduled === 1);
  expect(await status()).toMatchObject({ desiredNumberScheduled: 2, currentNumberScheduled: 2 });
  await taint('n2', [{ key: 'k', effect: 'NoExecute' }]);
  await cluster.until(async () => String(await places()) === 'n1,n3');
  await taint('n2', []);
  await cluster.until(available(3));
});

test('a rolling update replaces one pod after the other', async () => {
  await start();
  await create();
  await cluster.until(available(3));
  await setImage('v2');
  let least = 3;
  const look = () => {
    const living = cluster.informers.of(pods).list();
    const ready = living.filter(
      ({ metadata, status: now }) =>
        !metadata.deletionTimestamp &&
        now?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    );
    least = Math.min(least, ready.length);
  };
  await cluster.until(updated(3), { watch: look });
  expect(least).toBe(2);
  expect(await images()).toEqual(['v2', 'v2', 'v2']);
  expect((await cluster.list(controllerRevisions)).map(({ revision }) => revision).sort()).toEqual([1, 2]);
});

test('with surge, a new pod is available before the old one goes', async () => {
  await start();
  await create({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
  await cluster.until(available(3));
  await setImage('v2');
  let least = 3;
  let most = 0;
  await cluster.until(updated(3), {
    watch: () => {
      const living = cluster.informers
        .of(pods)
        .list()
        .filter(({ metadata }) => !metadata.deletionTimestamp);
      const ready = living.filter(({ status: now }) =>
        now?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
      );
      least = Math.min(least, ready.length);
      most = Math.max(most, living.length);
    },
  });
  expect(least).toBe(3);
  expect(most).toBe(4);
  expect(await images()).toEqual(['v2', 'v2', 'v2']);
});

test('on delete, only a pod that somebody deletes is of the new template', async () => {
  await start();
  await create({ updateStrategy: { type: 'OnDelete' } });
  await cluster.until(available(3));
  await setImage('v2');
  await cluster.advance(60_000);
  expect(await images()).toEqual(['v1', 'v1', 'v1']);
  const [pod] = await cluster.list(pods);
  await cluster.client.of(pods).delete(pod!.metadata.name!, { namespace: 'default' });
  await cluster.until(async () => (await available(3)()) && (await images()).includes('v2'));
  expect(await images()).toEqual(['v1', 'v1', 'v2']);
});

test('a pod that failed is deleted and made again, later each time', async () => {
  await start({ readyAfterMs: () => undefined });
  await create();
  await cluster.until(async () => (await places()).length === 3);
  const fail = async () => {
    const pod = (await cluster.list(pods)).find(({ spec }) => spec.nodeName === 'n2')!;
    const failed = { status: { phase: 'Failed' } };
    const options = { type: 'merge', namespace: 'default', subresource: 'status' } as const;
    await cluster.client.of(pods).patch(pod.metadata.name!, failed, options);
    return pod.metadata.uid;
  };
  const isReplaced = (uid: string | undefined) => async () =>
    (await cluster.list(pods)).every(({ metadata, spec }) => spec.nodeName !== 'n2' || metadata.uid !== uid) &&
    (await places()).includes('n2');
  await cluster.until(isReplaced(await fail()));
  const begunMs = cluster.clock.now();
  await cluster.until(isReplaced(await fail()));
  await cluster.until(isReplaced(await fail()));
  expect(cluster.clock.now() - begunMs).toBeGreaterThan(2000);
  const told = (await cluster.list(events)).filter(({ reason }) => reason === 'FailedDaemonPod');
  expect(told[0]!.message).toMatch(/^Found failed daemon pod default\/agent-\w+ on node n2, will try to kill it$/);
});
