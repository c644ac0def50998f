/**
 * Two copies of the scheduler, of which the leader is put to sleep past its lease, and wakes while the other leads; and two
 * that both work at the same pods: no node runs more than it has room for, and what fits is placed.
 */
import { afterEach, expect, test } from 'vitest';
import pods from '#api/core/pod/index.js';
import serviceAccounts from '#api/core/serviceaccount.js';
import type { Pod } from '#api/gen/core-v1.js';
import { silentLog } from '#base/log.js';
import { below, fraction, SeededPrng } from '#base/prng.js';
import { Client } from '#client/client.js';
import { Scheduler } from '#scheduler/scheduler.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';

const namespace = 'default';
const nodes = ['a', 'b', 'c'].map((name) => ({ name, size: { cpus: 1 } }));
/** Three go on a node of one core. */
const resources = { requests: { cpu: '300m' } };
const [perNode, roomFor] = [3, 9];
const faults = { conflict: 0.1, refused: 0.1, lost: 0.1, slow: 0.3, cut: 0.1, expired: 0.3, late: 0.3, doubled: 0.1 };
const runs = Math.min(Number(process.env['FAULTS_RUNS'] ?? 3), 40);
const seeds = Array.from({ length: runs }, (_, place) => place + 1);

let cluster: TestCluster;
const stop: AbortController[] = [];
afterEach(async () => {
  for (const one of stop.splice(0)) one.abort();
  await cluster.stop();
});

/** Pods come and go while `trouble` happens, and `crowded` must never be the case. Gives how many were made. */
async function rage(seed: number, { holds, trouble }: { holds: (pod: Pod) => boolean; trouble: () => void }) {
  const prng = new SeededPrng(seed);
  const client = cluster.client().of(pods);
  const accounts = cluster.client().of(serviceAccounts);
  await cluster.until(async () => Boolean(await accounts.get('default', { namespace })), { limitMs: 600_000 });
  for (let round = 0; round < 25; round++) {
    const spec = { containers: [{ name: 'c', image: 'i', resources }], terminationGracePeriodSeconds: 1 };
    await client.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: `p${round}`, namespace }, spec });
    const { items } = await client.list({ namespace });
    for (const { name } of nodes)
      expect(items.filter((pod) => pod.spec.nodeName === name && holds(pod)).length, name).toBeLessThanOrEqual(perNode);
    const one = items[below(prng, items.length)]!;
    if (fraction(prng) < 0.6) await client.delete(one.metadata.name!, { namespace });
    trouble();
    await cluster.advance(fraction(prng) * 15_000);
  }
  cluster.faults?.calm();
}

/** As many as fit are on nodes, and the others wait; those that a node refused do not count. */
async function isFull(): Promise<boolean> {
  const { items } = await cluster.client().of(pods).list({ namespace });
  const live = items.filter(({ status }) => status?.phase !== 'Failed');
  const running = live.filter(({ status }) => status?.phase === 'Running');
  return running.length === Math.min(live.length, roomFor);
}

const untilFull = () => cluster.until(isFull, { limitMs: 900_000, stepMs: 1000 });

test.each(seeds)('one leader after another gives no node more than it has (seed %i)', async (seed) => {
  cluster = await startTestCluster({ seed, nodes, copies: 2, faults });
  const prng = new SeededPrng(seed + 1);
  const doze = () => {
    for (const copy of cluster.copies)
      if (fraction(prng) < (copy.isAsleep ? 0.5 : 0.2)) copy[copy.isAsleep ? 'wake' : 'sleep']();
  };
  await rage(seed, { holds: () => true, trouble: doze });
  for (const copy of cluster.copies) copy.wake();
  await untilFull();
});

test.each(seeds)('two that do not know of each other bind each pod once (seed %i)', async (seed) => {
  cluster = await startTestCluster({ seed, nodes, faults });
  const { transport } = cluster.client({ name: 'system:kube-scheduler' });
  const client = new Client(cluster.faults!.between('the other', transport));
  const ending = new AbortController();
  stop.push(ending);
  const other = new Scheduler({ client, clock: cluster.clock, prng: new SeededPrng(seed + 1), log: silentLog });
  void other.run(ending.signal);
  await rage(seed, { holds: ({ status }) => status?.phase === 'Running', trouble: () => {} });
  await untilFull();
});
