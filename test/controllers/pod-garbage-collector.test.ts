/** Pods that nobody else will take away, and what is said of them before they go. */
import { afterEach, expect, test } from 'vitest';
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { TestCluster } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const named = (name: string, spec: Partial<Pod['spec']>, finalizers?: string[]): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', finalizers },
  spec: { containers: [{ name: 'c', image: 'v1' }], ...spec },
});

/** The last form in which each pod was seen. */
function lastSeen(): Map<string, Pod> {
  const seen = new Map<string, Pod>();
  const look = (pod: Pod) => void seen.set(pod.metadata.name!, pod);
  cluster.informers.of(pods).onEvent({ added: look, updated: look });
  return seen;
}

const disruption = (pod: Pod | undefined) => pod?.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');

test('a pod whose node is gone has failed for that reason, and one that had ended before only goes', async () => {
  cluster = await TestCluster.start({ readyAfterMs: () => undefined });
  const seen = lastSeen();
  const { client } = cluster;
  await client.of(pods).create(named('runs', { nodeName: 'lost' }));
  await client.of(pods).create(named('ended', { nodeName: 'lost' }));
  const status = { phase: 'Succeeded' };
  await client.of(pods).patch('ended', { status }, { type: 'merge', namespace: 'default', subresource: 'status' });
  await cluster.until(async () => (await cluster.list(pods)).length === 0);
  expect(seen.get('runs')?.status).toMatchObject({ phase: 'Failed', observedGeneration: 1 });
  expect(disruption(seen.get('runs'))).toMatchObject({
    status: 'True',
    reason: 'DeletionByPodGC',
    message: 'PodGC: node no longer exists',
    observedGeneration: 1,
  });
  expect(seen.get('ended')?.status?.phase).toBe('Succeeded');
  expect(disruption(seen.get('ended'))).toBeUndefined();
});

test('a pod that was to go before it had a node has failed, without being disrupted', async () => {
  cluster = await TestCluster.start({ readyAfterMs: () => undefined });
  const gated = { schedulingGates: [{ name: 'example.com/wait' }] };
  await cluster.client.of(pods).create(named('held', gated, ['example.com/hold']));
  await cluster.client.of(pods).delete('held', { namespace: 'default' });
  const held = () => cluster.get(pods, 'held');
  await cluster.until(async () => (await held()).status?.phase === 'Failed');
  expect(disruption(await held())).toBeUndefined();
  expect((await held()).status?.conditions).toMatchObject([{ type: 'PodScheduled', status: 'False' }]);
});
