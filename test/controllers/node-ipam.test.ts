/** Ranges of pod addresses: each node has its own, its pods have addresses of it, and what is given back is used again. */
import { expect, test } from 'vitest';
import events from '#api/core/event.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import { parseAddress, parseRange, rangeHolds } from '#apimachinery/addresses.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';

const cidrOf = async (cluster: TestCluster, name: string) => (await cluster.client().of(nodes).get(name)).spec.podCIDR;

const bareNode = (name: string, podCIDR?: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: podCIDR ? { podCIDR } : {},
});

test('pods have addresses of the range that their node shows', async () => {
  const cluster = await startTestCluster({ nodes: 2 });
  const client = cluster.client();
  const ranges = await Promise.all(['node-0', 'node-1'].map((name) => cidrOf(cluster, name)));
  expect(new Set(ranges).size).toBe(2);
  for (const nodeName of ['node-0', 'node-1']) {
    const spec = { nodeName, containers: [{ name: 'main', image: 'pause' }] };
    await client.of(pods).create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: nodeName, namespace: 'default' },
      spec,
    });
  }
  await cluster.until(async () =>
    (await client.of(pods).list({ namespace: 'default' })).items.every(({ status }) => status?.podIP),
  );
  for (const { spec, status } of (await client.of(pods).list({ namespace: 'default' })).items) {
    const range = parseRange((await cidrOf(cluster, spec.nodeName!))!)!;
    expect(rangeHolds(range, parseAddress(status!.podIP!)!)).toBe(true);
  }
  expect(cluster.errors).toEqual([]);
  await cluster.stop();
});

test('a range that a node brings along is not given to another', async () => {
  const cluster = await startTestCluster({ nodes: 0, controllers: ['node-ipam-controller'] });
  const client = cluster.client();
  await client.of(nodes).create(bareNode('brings', '10.128.0.0/24'));
  await client.of(nodes).create(bareNode('asks'));
  await cluster.until(async () => (await cidrOf(cluster, 'asks')) !== undefined);
  expect(await cidrOf(cluster, 'asks')).toBe('10.128.1.0/24');
  await cluster.stop();
});

test('where all ranges are taken a node is told so, and has one when another node goes', async () => {
  const controllerSettings = { clusterCidr: '10.128.0.0/23' };
  const cluster = await startTestCluster({ nodes: 0, controllers: ['node-ipam-controller'], controllerSettings });
  const client = cluster.client();
  for (const name of ['a', 'b', 'c']) await client.of(nodes).create(bareNode(name));
  await cluster.until(async () => {
    const { items } = await client.of(events).list({ fieldSelector: 'reason=CIDRNotAvailable' });
    return items.some(({ message, source }) => {
      expect(source?.component).toBe('cidrAllocator');
      return /^Node [abc] status is now: CIDRNotAvailable$/.test(message!);
    });
  });
  const all = async () => (await client.of(nodes).list()).items;
  const lacking = (await all()).filter(({ spec }) => !spec.podCIDR);
  expect(lacking).toHaveLength(1);
  const going = (await all()).find(({ spec }) => spec.podCIDR)!;
  await client.of(nodes).delete(going.metadata.name!);
  await cluster.until(async () => (await all()).every(({ spec }) => spec.podCIDR));
  expect(await cidrOf(cluster, lacking[0]!.metadata.name!)).toBe(going.spec.podCIDR);
  await cluster.stop();
});
