/** Pods that their node refuses: whoever makes them goes on making them, and neither the cluster nor time stands still. */
import { expect, test } from 'vitest';
import replicaSets from '#api/apps/replicaset.js';
import pods from '#api/core/pod/index.js';
import { startTestCluster } from '#testing/index.js';

const namespace = 'default';

test('a ReplicaSet of pods that can never run fails ten of them a second, and no more', async () => {
  const cluster = await startTestCluster({ nodes: 1 });
  const client = cluster.client();
  const labels = { app: 'misplaced' };
  const spec = {
    nodeName: 'node-0',
    nodeSelector: { disk: 'none' },
    containers: [{ name: 'main', image: 'pause' }],
  };
  await client.of(replicaSets).create({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'misplaced', namespace },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  });
  const failed = async () =>
    (await client.of(pods).list({ namespace, fieldSelector: 'status.phase=Failed' })).items.map(
      ({ status }) => status?.reason,
    );
  await cluster.advance(10_000);
  const count = (await failed()).length;
  expect(new Set(await failed())).toEqual(new Set(['NodeAffinity']));
  expect(count).toBeGreaterThan(50);
  expect(count).toBeLessThan(150);
  await client.of(replicaSets).delete('misplaced', { namespace, propagationPolicy: 'Background' });
  await cluster.until(async () => (await client.of(pods).list({ namespace })).items.length === 0);
  expect(cluster.errors).toEqual([]);
  await cluster.stop();
});
