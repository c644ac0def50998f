/** An APIService that goes while something about it is under way stays gone, and one that stays is not lost. */
import { expect, test } from 'vitest';
import type { APIService } from '#api/gen/apiregistration-v1.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import type { EventHandlers, InformerFactory } from '#client/informer.js';
import { Aggregator } from './aggregator.js';
import type { ProxyIdentity } from './remote-api.js';
import { RemoteDiscovery } from './remote-discovery.js';

const service: APIService = {
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  metadata: { name: 'v1.example.com' },
  spec: {
    group: 'example.com',
    version: 'v1',
    groupPriorityMinimum: 1,
    versionPriority: 1,
    service: { namespace: 'default', name: 'api' },
  },
  status: { conditions: [{ type: 'Available', status: 'True' }] },
};

function later<T>() {
  let give!: (value: T) => void;
  let refuse!: (error: Error) => void;
  const promise = new Promise<T>((resolve, reject) => {
    give = resolve;
    refuse = reject;
  });
  return { promise, give, refuse };
}

/** What the aggregator follows, and the hand that adds to it and takes from it. */
function apiServices() {
  const known = new Map<string, APIService>();
  let handlers: EventHandlers<APIService> = {};
  const informer = {
    onEvent: (given: EventHandlers<APIService>) => {
      handlers = given;
      for (const one of known.values()) handlers.added!(one);
    },
    get: (name: string) => known.get(name),
    synced: Promise.resolve(),
  };
  return {
    informers: { of: () => informer } as unknown as InformerFactory,
    add() {
      known.set(service.metadata.name!, service);
      handlers.added?.(service);
    },
    remove() {
      known.delete(service.metadata.name!);
      handlers.deleted!(service);
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('while the identity of the proxy is made', async () => {
  const identity = later<ProxyIdentity>();
  const aggregator = new Aggregator({
    clock: new VirtualClock(),
    log: silentLog,
    identity: () => identity.promise,
    resolve: () => Promise.reject(new Error('not asked')),
  });
  const source = apiServices();
  await aggregator.follow(source.informers);
  source.add();
  source.remove();
  identity.give({ cert: '', key: '' });
  await turn();
  expect([...aggregator.remotes.keys()]).toEqual([]);
});

test('is served when the identity of the proxy could not be made at first', async () => {
  const clock = new VirtualClock();
  let tries = 0;
  const aggregator = new Aggregator({
    clock,
    log: silentLog,
    identity: async () => {
      if (++tries < 3) throw new Error('no space left on device');
      return { cert: '', key: '' };
    },
    resolve: () => Promise.reject(new Error('not asked')),
  });
  const source = apiServices();
  source.add();
  await aggregator.follow(source.informers);
  source.add();
  await turn();
  expect(aggregator.remotes.size).toBe(0);
  await clock.advance(10_000);
  expect([...aggregator.remotes.keys()]).toEqual(['example.com/v1']);
  expect(tries).toBe(3);
  expect(clock.pending).toBe(0);
});

test('while its server is asked what it serves', async () => {
  const clock = new VirtualClock();
  const place = later<{ host: string; port: number }>();
  let isAsked = false;
  const aggregator = new Aggregator({
    clock,
    log: silentLog,
    identity: () => Promise.resolve({ cert: '', key: '' }),
    resolve: () => {
      isAsked = true;
      return place.promise;
    },
  });
  const discovery = new RemoteDiscovery({ aggregator, clock, log: silentLog });
  const end = new AbortController();
  const run = discovery.run(end.signal);
  const source = apiServices();
  await aggregator.follow(source.informers);
  source.add();
  while (!isAsked) await turn();
  expect([...discovery.versions]).toMatchObject([{ group: 'example.com', version: 'v1' }]);
  source.remove();
  place.refuse(new Error('nowhere'));
  await turn();
  expect([...discovery.versions]).toEqual([]);
  end.abort();
  await run;
});
