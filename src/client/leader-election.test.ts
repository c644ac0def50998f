import { expect, test } from 'vitest';
import type { Lease } from '#api/gen/coordination-v1.js';
import { alreadyExists, conflict, notFound } from '#apimachinery/errors.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { Client } from './client.js';
import { LeaderElector } from './leader-election.js';
import { type Transport, TransportError } from './transport.js';

/** One Lease with compare-and-swap, and a switch that cuts it off. */
class OneLease implements Transport {
  lease: Lease | undefined;
  isDown = false;
  #revision = 0;

  async request({ method, body }: { method: string; body?: unknown }) {
    if (this.isDown) throw new TransportError('down');
    const subject = { group: 'coordination.k8s.io', resource: 'leases', name: 'l' };
    const given = body as Lease;
    if (method === 'GET') {
      if (!this.lease) throw notFound(subject);
    } else if (method === 'POST') {
      if (this.lease) throw alreadyExists(subject);
      this.#store(given);
    } else {
      if (given.metadata.resourceVersion !== this.lease?.metadata.resourceVersion) throw conflict(subject, 'changed');
      this.#store(given);
    }
    return { status: 200, body: this.lease };
  }

  #store(lease: Lease): void {
    const resourceVersion = String(++this.#revision);
    this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion } };
  }

  watch(): never {
    throw new Error('not used');
  }
}

function contest(clock: VirtualClock, server: OneLease, identity: string, log: string[]) {
  const client = new Client(server);
  const elector = new LeaderElector({ client, name: 'l', identity, clock, prng: new SeededPrng(1), log: silentLog });
  const stop = new AbortController();
  const done = elector.lead(stop.signal, async (leading) => {
    log.push(`${identity} leads`);
    await new Promise<void>((resolve) => leading.addEventListener('abort', () => resolve(), { once: true }));
    log.push(`${identity} ends`);
  });
  return { elector, stop, done };
}

test('one leads; when it stops it gives the Lease up and the other follows at once', async () => {
  const clock = new VirtualClock();
  const server = new OneLease();
  const log: string[] = [];
  const a = contest(clock, server, 'a', log);
  await clock.advance(1);
  const b = contest(clock, server, 'b', log);
  await clock.advance(60_000);
  expect(log).toEqual(['a leads']);
  expect([a.elector.isLeader, b.elector.leader]).toEqual([true, 'a']);
  a.stop.abort();
  await a.done;
  await clock.advance(5_000);
  expect(log).toEqual(['a leads', 'a ends', 'b leads']);
  expect(server.lease?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1, leaseDurationSeconds: 15 });
  b.stop.abort();
  await b.done;
  expect(clock.pending).toBe(0);
});

test('a leader that cannot renew stops after 10 s, before anyone else may begin', async () => {
  const clock = new VirtualClock();
  const server = new OneLease();
  const log: string[] = [];
  const a = contest(clock, server, 'a', log);
  await clock.advance(1000);
  server.isDown = true;
  await clock.advance(8_500);
  expect(log).toEqual(['a leads']);
  await clock.advance(4_000);
  expect(log).toEqual(['a leads', 'a ends']);
  await a.done;
});

test('what a leader would write is held back from when another may lead, though it has not learnt so yet', async () => {
  const clock = new VirtualClock();
  const server = new OneLease();
  const writes: unknown[] = [];
  const options = { name: 'l', identity: 'a', clock, prng: new SeededPrng(1), log: silentLog };
  const stop = new AbortController();
  const inner: Transport = {
    request: async ({ body }) => ({ status: 200, body: writes.push(body) }),
    watch: server.watch,
  };
  let write = async (_: number): Promise<unknown> => undefined;
  const done = new LeaderElector({ ...options, client: new Client(server) }).lead(
    stop.signal,
    async (leading, fenced) => {
      const { transport } = fenced(new Client(inner));
      write = async (body) => await transport.request({ method: 'POST', path: '/', body });
      await new Promise<void>((resolve) => leading.addEventListener('abort', () => resolve(), { once: true }));
    },
  );
  await clock.advance(30_000);
  await write(1);
  // Asleep: time passes, and no timer fires.
  const asleepMs = clock.monotonic();
  clock.monotonic = () => asleepMs + 10_001;
  await expect(write(2)).rejects.toThrow(TransportError);
  expect(writes).toEqual([1]);
  stop.abort();
  await done;
});

test.each([15, 60])(
  'a silent leader is followed as long after its last renewal was seen as it has said: %i s',
  async (seconds) => {
    const clock = new VirtualClock();
    const server = new OneLease();
    const log: string[] = [];
    server.lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l', resourceVersion: '0' },
      spec: {
        holderIdentity: 'dead',
        leaseDurationSeconds: seconds,
        leaseTransitions: 4,
        renewTime: '2020-01-01T00:00:00.000000Z',
      },
    };
    const b = contest(clock, server, 'b', log);
    await clock.advance(seconds * 1000 - 100);
    expect(log).toEqual([]);
    await clock.advance(5_000);
    expect(log).toEqual(['b leads']);
    expect(server.lease?.spec.leaseTransitions).toBe(5);
    b.stop.abort();
    await b.done;
  },
);

test('durations that cannot work are refused', () => {
  const options = {
    client: new Client(new OneLease()),
    name: 'l',
    identity: 'a',
    clock: new VirtualClock(),
    prng: new SeededPrng(1),
    log: silentLog,
  };
  expect(() => new LeaderElector({ ...options, leaseMs: 5000, renewDeadlineMs: 5000 })).toThrow(RangeError);
});
