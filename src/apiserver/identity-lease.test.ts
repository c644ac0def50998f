import { expect, onTestFinished, test } from 'vitest';
import leases from '#api/coordination/lease.js';
import type { Lease, LeaseSpec } from '#api/gen/coordination-v1.js';
import { formatMicroTime } from '#apimachinery/object.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { collectIdentityLeases, identityOf, keepIdentityLease } from './identity-lease.js';
import { startTestServer } from './test-server.js';

const namespace = 'kube-system';
const labels = { 'apiserver.kubernetes.io/identity': 'kube-apiserver' };

async function setUp() {
  const clock = new VirtualClock();
  const { client, close } = startTestServer({ clock });
  const stop = new AbortController();
  onTestFinished(async () => {
    stop.abort();
    await clock.advance(1000);
    await close();
  });
  const address = '192.0.2.2:6443';
  const options = { client, clock, prng: new SeededPrng(1), log: silentLog, hostname: 'vm', address };
  const source = client.of(leases);
  const names = async () => (await source.list({ namespace })).items.map(({ metadata }) => metadata.name);
  const create = (name: string, spec: LeaseSpec, more: Partial<Lease['metadata']> = {}) =>
    source.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace, labels, ...more },
      spec,
    });
  return { clock, options, source, stop, names, create };
}

test('a host has the identity that upstream gives it', () => {
  expect(identityOf('vm')).toBe('apiserver-wlv32tlttr4jl3gtroqexyxapa');
});

test('the Lease of a server is made anew at its start, renewed each ten seconds, and gone at its end', async () => {
  const { clock, options, source, stop, names, create } = await setUp();
  const name = identityOf('vm');
  await create(name, { holderIdentity: 'an earlier run' });
  const running = keepIdentityLease(options, stop.signal);
  await clock.advance(100);
  const made = await source.get(name, { namespace });
  expect(made).toMatchObject({
    metadata: {
      labels: { ...labels, 'kubernetes.io/hostname': 'vm' },
      annotations: { 'kubernetes.io/peer-advertise-address': '192.0.2.2:6443' },
    },
    spec: { leaseDurationSeconds: 3600 },
  });
  expect(made.spec.holderIdentity).toMatch(new RegExp(`^${name}_[0-9a-f-]{36}$`));
  await clock.advance(9_000);
  expect((await source.get(name, { namespace })).spec.renewTime).toBe(made.spec.renewTime);
  await clock.advance(1_500);
  const later = await source.get(name, { namespace });
  expect(Date.parse(later.spec.renewTime!) - Date.parse(made.spec.renewTime!)).toBeGreaterThanOrEqual(10_000);
  expect(later.spec.holderIdentity).toBe(made.spec.holderIdentity);
  stop.abort();
  await clock.advance(1);
  await running;
  expect(await names()).toEqual([]);
});

test('a Lease that somebody removed or wrote is there again soon', async () => {
  const { clock, options, source, stop } = await setUp();
  const name = identityOf('vm');
  void keepIdentityLease(options, stop.signal);
  await clock.advance(100);
  await source.patch(name, { metadata: { labels: { mine: 'yes' } } }, { type: 'merge', namespace });
  await clock.advance(13_000);
  const { metadata, spec } = await source.get(name, { namespace });
  expect(metadata.labels).toMatchObject({ mine: 'yes', ...labels });
  expect(Date.parse(spec.renewTime!)).toBeGreaterThan(clock.now() - 5_000);
  await source.delete(name, { namespace });
  await clock.advance(13_000);
  expect(await source.get(name, { namespace })).toBeDefined();
});

test('Leases of servers that have not renewed them in time go, and no others', async () => {
  const { clock, options, stop, names, create } = await setUp();
  const renewTime = formatMicroTime(clock.now());
  await create('dead', { holderIdentity: 'a', leaseDurationSeconds: 60, renewTime });
  await create('alive', { holderIdentity: 'b', leaseDurationSeconds: 3 * 3600, renewTime });
  await create('without-a-time', { holderIdentity: 'c', leaseDurationSeconds: 60 });
  await create('no-identity', { holderIdentity: 'd', leaseDurationSeconds: 60, renewTime }, { labels: {} });
  void collectIdentityLeases(options, stop.signal);
  await clock.advance(1000);
  expect(await names()).toEqual(['alive', 'dead', 'no-identity']);
  await clock.advance(3_600_000);
  expect(await names()).toEqual(['alive', 'no-identity']);
  await clock.advance(3 * 3_600_000);
  expect(await names()).toEqual(['no-identity']);
});
