/** Tokens of old that nobody uses, seen by a cleaner whose clock is years ahead. */
import { afterEach, expect, test } from 'vitest';
import secrets from '#api/core/secret.js';
import serviceAccounts from '#api/core/serviceaccount.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { InformerFactory } from '#client/informer.js';
import cleaner from '#controllers/legacy-token-cleaner.js';
import { TestCluster } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const dayMs = 24 * 60 * 60_000;
const where = { namespace: 'default' };
const label = 'kubernetes.io/legacy-token-invalid-since';

async function marks(): Promise<Record<string, string | undefined>> {
  const items = await cluster.list(secrets);
  return Object.fromEntries(items.map(({ metadata }) => [metadata.name, metadata.labels?.[label]]));
}

/** The cleaner looks once, so many days from now, until it holds. */
async function cleanAfter(days: number, holds: () => Promise<boolean>): Promise<void> {
  const clock = new VirtualClock(cluster.clock.now() + days * dayMs);
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:kube-system'];
  const client = cluster.as({ name: `system:serviceaccount:kube-system:${cleaner.name}`, groups });
  const end = new AbortController();
  const shared = { prng: new SeededPrng(2), log: silentLog };
  const informers = new InformerFactory({ ...shared, client: cluster.client, clock: cluster.clock });
  const running = cleaner.run({ ...shared, clock, clientFor: () => client, informers, rootCa: '' }, end.signal);
  informers.start(end.signal);
  await cluster.until(holds);
  end.abort();
  await running;
}

test("an account's own token is marked after a year and deleted after another, one that someone made stays", async () => {
  cluster = await TestCluster.start();
  await cluster.until(() => cluster.exists(serviceAccounts, 'default'));
  for (const name of ['made', 'old']) {
    const metadata = { name, ...where, annotations: { 'kubernetes.io/service-account.name': 'default' } };
    const type = 'kubernetes.io/service-account-token';
    await cluster.client.of(secrets).create({ apiVersion: 'v1', kind: 'Secret', metadata, type });
  }
  const own = { secrets: [{ name: 'old' }] };
  await cluster.client.of(serviceAccounts).patch('default', own, { type: 'merge', ...where });
  await cleanAfter(400, async () => (await marks())['old'] !== undefined);
  expect(Object.keys(await marks())).toEqual(['made', 'old']);
  expect((await marks())['made']).toBeUndefined();
  await cleanAfter(800, async () => !('old' in (await marks())));
  expect(await marks()).toEqual({ made: undefined });
});
