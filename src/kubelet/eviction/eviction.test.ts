/** A node that runs short of something: what it says, what it frees, whom it ends, and in which words. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Container, Pod } from '#api/gen/core-v1.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import type { Verdict } from '../pod-status.js';
import { defaultKubeletSettings, type KubeletSettings } from '../settings.js';
import type { CgroupUsage, NodeUsage, PodUsage } from '../stats/usage.js';
import { Eviction } from './eviction.js';
import { ranked } from './ranking.js';
import { observe, ThresholdError, thresholdsMet, thresholdsOf, unitsOf } from './thresholds.js';

const mebi = 2 ** 20;
const gibi = 2 ** 30;
const settings = (more: Partial<KubeletSettings> = {}): KubeletSettings => ({ ...defaultKubeletSettings, ...more });

/** Mebibytes: of memory that is free of 1 Gi, and of the disk that is free of 10 Gi. */
function nodeWith({ memory = 512, disk = 8192 }: { memory?: number; disk?: number }): NodeUsage {
  const own = { memory: { limit: gibi, workingSet: gibi - memory * mebi } } as CgroupUsage;
  const room = { atMs: 0, usedBytes: 0, inodesUsed: 0, capacityBytes: 10 * gibi, availableBytes: disk * mebi };
  const filesystem = { ...room, device: '/dev/a', inodes: 100, inodesFree: 50 };
  const processes = { max: 100, running: 10, atMs: 0 };
  return { nodeName: 'n', bootedAtMs: 0, own, interfaces: [], filesystem, images: filesystem, processes };
}

function podOf(name: string, { request, priority }: { request?: string; priority?: number } = {}): Pod {
  const containers: Container[] = [
    { name: 'c', image: 'i', ...(request && { resources: { requests: { memory: request } } }) },
  ];
  const metadata = { name, namespace: 'ns', uid: name };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, priority, terminationGracePeriodSeconds: 30 } };
}

function usageOf(pod: Pod, { memory = 0, layer = 0 }: { memory?: number; layer?: number }): PodUsage {
  const own = { memory: { workingSet: memory * mebi } } as CgroupUsage;
  const room = (size: number) => ({ atMs: 0, usedBytes: size * mebi, inodesUsed: 1 });
  const container = { id: 'id', name: 'c', image: 'i', createdAtMs: 0, own, layer: room(layer), logs: room(0) };
  return { pod, createdAtMs: 0, own, containers: [container], volumes: [] };
}

test('thresholds are read as upstream reads them, and what cannot be meant is refused', () => {
  const signalsOf = (more: Partial<KubeletSettings>) => thresholdsOf(settings(more)).map(({ signal }) => signal);
  expect(signalsOf({})).toEqual([
    'memory.available',
    'nodefs.available',
    'nodefs.inodesFree',
    'imagefs.available',
    'imagefs.inodesFree',
    'allocatableMemory.available',
  ]);
  expect(signalsOf({ evictionHard: ['nodefs.available<0%', 'imagefs.available<100%'] })).toEqual([]);
  const soft = { evictionHard: [], evictionSoft: ['memory.available<1Gi'] };
  expect(thresholdsOf(settings({ ...soft, evictionSoftGracePeriod: ['memory.available=1m30s'] }))).toEqual([
    { signal: 'memory.available', value: { units: gibi }, graceMs: 90_000, reclaim: undefined },
  ]);
  for (const [more, why] of [
    [soft, 'grace period must be specified for the soft eviction threshold memory.available'],
    [{ evictionHard: ['cpu.available<1'] }, 'unsupported eviction signal cpu.available'],
    [{ evictionHard: ['memory.available<-1'] }, 'eviction threshold memory.available must be positive: -1'],
    [
      { evictionHard: ['nodefs.available<101%'] },
      'eviction percentage threshold nodefs.available must be <= 100%: 101%',
    ],
    [{ evictionHard: ['memory.available>1'] }, '"memory.available>1" is not <signal><<value>'],
  ] as [Partial<KubeletSettings>, string][]) {
    expect(() => thresholdsOf(settings(more))).toThrow(why);
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        thresholdsOf(settings({ evictionHard: [text], evictionSoftGracePeriod: [text] }));
      } catch (error) {
        expect(error).toBeInstanceOf(ThresholdError);
      }
    }),
  );
});

test('a threshold holds while less is free, and after it was met until as much more is', () => {
  const thresholds = thresholdsOf(
    settings({ evictionHard: ['nodefs.available<10%'], evictionMinimumReclaim: ['nodefs.available=1Gi'] }),
  );
  const met = (disk: number, withReclaim: boolean) =>
    thresholdsMet(thresholds, observe(nodeWith({ disk }), undefined), { withReclaim }).length;
  expect([met(1023, false), met(1025, false), met(1025, true), met(2049, true)]).toEqual([1, 0, 1, 0]);
  expect(unitsOf(thresholds[0]!.value, 10 * gibi)).toBe(1073741840);
});

test('who uses more than was asked for goes first, then the less important, then who uses most', () => {
  const within = podOf('within', { request: '1Gi', priority: -1 });
  const small = podOf('small');
  const large = podOf('large', { request: '10Mi' });
  const important = podOf('important', { priority: 5 });
  const unknown = podOf('unknown', { priority: 9 });
  const candidates = [
    { pod: within, usage: usageOf(within, { memory: 900, layer: 1 }) },
    { pod: important, usage: usageOf(important, { memory: 500, layer: 2 }) },
    { pod: small, usage: usageOf(small, { memory: 20, layer: 3 }) },
    { pod: large, usage: usageOf(large, { memory: 100, layer: 9 }) },
    { pod: unknown, usage: undefined },
  ];
  const order = (signal: 'memory.available' | 'nodefs.available', hasImageFilesystem = false) =>
    ranked(candidates, { signal, hasImageFilesystem }).map(({ metadata }) => metadata.name);
  expect(order('memory.available')).toEqual(['unknown', 'large', 'small', 'important', 'within']);
  expect(order('nodefs.available')).toEqual(['unknown', 'within', 'large', 'small', 'important']);
  // What containers write is on the other disk then.
  expect(order('nodefs.available', true).slice(1)).toEqual(['within', 'small', 'large', 'important']);
});

function nodeOf(more: Partial<KubeletSettings>, pods: PodUsage[]) {
  const clock = new VirtualClock();
  const evicted: [string, Verdict, Record<string, string>][] = [];
  const [events, counted]: [string[], string[]] = [[], []];
  const state = {
    free: {} as { memory?: number; disk?: number },
    reclaimed: 0,
    afterReclaim: undefined as number | undefined,
  };
  const eviction = new Eviction({
    nodeName: 'n',
    context: {
      clock,
      log: silentLog,
      metrics: { countEviction: (signal) => counted.push(signal) },
      events: { event: (_, { reason, message }) => events.push(`${reason}: ${message}`) },
    },
    settings: settings(more),
    usage: { node: async () => nodeWith(state.free), pods: async () => pods },
    usageOfPods: async () => undefined,
    active: () => pods.map(({ pod }) => pod),
    overLimits: async () => false,
    reclaimDisk: async () => {
      state.reclaimed++;
      if (state.afterReclaim !== undefined) state.free = { disk: state.afterReclaim };
    },
    evict: async (pod, verdict, annotations) => void evicted.push([pod.metadata.name!, verdict, annotations]),
  });
  return { clock, eviction, evicted, events, counted, state };
}

test('a node short of memory says so for five minutes, and ends a pod at once', async () => {
  const pod = podOf('greedy', { request: '64Mi' });
  const { clock, eviction, evicted, events, counted, state } = nodeOf({}, [usageOf(pod, { memory: 300 })]);
  expect([await eviction.synchronize(), eviction.conditions]).toEqual([false, []]);
  state.free = { memory: 50 };
  expect(await eviction.synchronize()).toBe(true);
  expect(eviction.conditions).toEqual(['MemoryPressure']);
  const message =
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
    'Container c was using 300Mi, request is 64Mi, has larger consumption of memory. ';
  expect(evicted).toEqual([
    [
      'greedy',
      { reason: 'Evicted', message, disruption: message, graceSeconds: 1 },
      { offending_containers: 'c', offending_containers_usage: '300Mi', starved_resource: 'memory' },
    ],
  ]);
  expect(events).toEqual(['EvictionThresholdMet: Attempting to reclaim memory']);
  expect(counted).toEqual(['memory.available']);
  state.free = {};
  await eviction.synchronize();
  await clock.advance(299_999);
  expect([eviction.conditions, evicted.length]).toEqual([['MemoryPressure'], 1]);
  await clock.advance(1);
  expect(eviction.conditions).toEqual([]);
});

test('a soft threshold waits for its grace, and gives pods some of theirs', async () => {
  const soft = {
    evictionHard: [],
    evictionSoft: ['memory.available<100Mi'],
    evictionSoftGracePeriod: ['memory.available=1m'],
    evictionMaxPodGracePeriod: 7,
  };
  const { clock, eviction, evicted, state } = nodeOf(soft, [usageOf(podOf('p'), { memory: 300 })]);
  state.free = { memory: 50 };
  expect(await eviction.synchronize()).toBe(false);
  expect(eviction.conditions).toEqual(['MemoryPressure']);
  await clock.advance(60_000);
  expect(await eviction.synchronize()).toBe(true);
  expect(evicted[0]![1].graceSeconds).toBe(7);
});

test('where the disk is full, what nobody uses goes before any pod', async () => {
  const critical = podOf('critical', { priority: 2_000_000_000 });
  const all = [usageOf(critical, { layer: 900 }), usageOf(podOf('p'), { layer: 5 })];
  const { eviction, evicted, state } = nodeOf({}, all);
  state.free = { disk: 100 };
  state.afterReclaim = 4096;
  expect([await eviction.synchronize(), state.reclaimed, evicted]).toEqual([false, 1, []]);
  expect(eviction.conditions).toEqual(['DiskPressure']);
  state.free = { disk: 100 };
  state.afterReclaim = undefined;
  expect([await eviction.synchronize(), state.reclaimed]).toEqual([true, 2]);
  // A pod that the cluster cannot do without stays, however much it has.
  expect(evicted.map(([name, { message }]) => [name, message])).toEqual([
    [
      'p',
      'The node was low on resource: ephemeral-storage. Threshold quantity: 1073741840, available: 100Mi. ' +
        'Container c was using 5Mi, request is 0, has larger consumption of ephemeral-storage. ',
    ],
  ]);
});
