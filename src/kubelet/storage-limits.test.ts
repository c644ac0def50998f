import { expect, test } from 'vitest';
import type { Container, Pod, Volume } from '#api/gen/core-v1.js';
import type { Verdict } from './pod-status.js';
import type { PodUsage, UsageSource } from './stats/usage.js';
import { evictOverLimits, excess, hasStorageLimits } from './storage-limits.js';

const mebi = 2 ** 20;
const container = (name: string, limit?: string): Container => ({
  name,
  image: 'i',
  ...(limit && { resources: { limits: { 'ephemeral-storage': limit } } }),
});
const podOf = (containers: Container[], volumes: Volume[] = [], spec: Partial<Pod['spec']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: { containers, volumes, ...spec },
});
const room = (mebibytes: number) => ({ atMs: 0, usedBytes: mebibytes * mebi, inodesUsed: 1 });

/** In mebibytes: what containers wrote and logged, and what volumes hold. */
function used(
  pod: Pod,
  { layers = {}, logs = {}, volumes = {} }: Record<string, Record<string, number>>,
): Pick<PodUsage, 'pod' | 'containers' | 'volumes'> {
  const containers = pod.spec.containers.map(({ name }) => ({
    name,
    layer: room(layers[name] ?? 0),
    logs: room(logs[name] ?? 0),
  }));
  const held = Object.entries(volumes).map(([name, size]) => ({ name, isEphemeral: true, ...room(size) }));
  return { pod, containers: containers as PodUsage['containers'], volumes: held };
}

const scratch: Volume = { name: 'scratch', emptyDir: { sizeLimit: '10Mi' } };

test.each<[string, Pod, Record<string, Record<string, number>>, string]>([
  ['within its limits', podOf([container('a', '10Mi')], [scratch]), { layers: { a: 5 }, volumes: { scratch: 5 } }, ''],
  [
    'with a full volume',
    podOf([container('a')], [scratch]),
    { volumes: { scratch: 11 } },
    'Usage of EmptyDir volume "scratch" exceeds the limit "10Mi". ',
  ],
  [
    'whose volume may take the node',
    podOf([container('a')], [{ name: 'b', emptyDir: {} }]),
    { volumes: { b: 9999 } },
    '',
  ],
  [
    'one container of which has too much',
    podOf([container('a', '10Mi'), container('b', '90Mi')]),
    { layers: { a: 6 }, logs: { a: 5 } },
    'Container a exceeded its local ephemeral storage limit "10Mi". ',
  ],
  [
    'that has too much in all',
    podOf([container('a', '10Mi'), container('b')], [{ name: 'v', emptyDir: {} }]),
    { layers: { a: 4, b: 4 }, volumes: { v: 4 } },
    'Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ',
  ],
  [
    'that has the room of its init container',
    podOf([container('a', '1Mi'), container('b')], [], { initContainers: [container('i', '10Mi')] }),
    { layers: { b: 9 } },
    '',
  ],
])('a pod %s', (_, pod, usage, message) => {
  expect(excess(used(pod, usage))).toBe(message);
});

test('only pods with limits are looked at, and none that the node needs', () => {
  expect(hasStorageLimits(podOf([container('a')], [{ name: 'v', emptyDir: {} }]))).toBe(false);
  expect(hasStorageLimits(podOf([container('a')], [scratch]))).toBe(true);
  expect(hasStorageLimits(podOf([container('a', '1Mi')]))).toBe(true);
  expect(hasStorageLimits(podOf([container('a', '1Mi')], [], { priority: 2_000_001_000 }))).toBe(false);
});

test('who has too much is ended, and no other', async () => {
  const evicted: [string, Verdict][] = [];
  const all = [
    used(podOf([container('a', '1Mi'), container('b', '9Mi')]), { layers: { a: 2 } }),
    used(podOf([container('c', '9Mi')]), { layers: { c: 2 } }),
  ] as PodUsage[];
  const usage = { pods: async () => all } as Partial<UsageSource> as UsageSource;
  const evict = async (pod: Pod, verdict: Verdict) => void evicted.push([pod.metadata.name!, verdict]);
  expect(await evictOverLimits({ usage, evict })).toBe(true);
  const message = 'Container a exceeded its local ephemeral storage limit "1Mi". ';
  expect(evicted).toEqual([['p', { reason: 'Evicted', message, graceSeconds: 1 }]]);
  all.shift();
  expect(await evictOverLimits({ usage, evict })).toBe(false);
});
