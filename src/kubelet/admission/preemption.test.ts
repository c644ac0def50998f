import { expect, test } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { victimsFor } from './preemption.js';

function podOf(name: string, { cpu, limit, priority }: { cpu?: string; limit?: string; priority?: number } = {}): Pod {
  const resources = { ...(cpu && { requests: { cpu } }), ...(limit && { limits: { cpu: limit, memory: '1Mi' } }) };
  if (limit) resources.requests = { cpu: limit, memory: '1Mi' } as never;
  const containers = [{ name: 'c', image: 'i', resources }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, uid: name }, spec: { containers, priority } };
}

const critical = podOf('critical', { cpu: '1', priority: 2_000_000_000 });
const lacking = (milliCpu: number) => [{ resource: 'cpu', requested: milliCpu, used: 2000, capacity: 2000 }];
const names = (victims: Pod[] | string) =>
  typeof victims === 'string' ? victims : victims.map((one) => one.metadata.name);

test('the pod goes that comes nearest to what is needed, and pods with guarantees only when no others will do', () => {
  const admitted = [
    podOf('small', { cpu: '100m' }),
    podOf('fitting', { cpu: '600m' }),
    podOf('sure', { limit: '700m' }),
  ];
  expect(names(victimsFor(critical, { admitted, lacks: lacking(500) }))).toEqual(['fitting']);
  expect(names(victimsFor(critical, { admitted, lacks: lacking(700) }))).toEqual(['fitting', 'small']);
  expect(names(victimsFor(critical, { admitted, lacks: lacking(1000) }))).toEqual(['fitting', 'sure']);
});

test('where room cannot be made it is said what is missing', () => {
  const other = podOf('other', { cpu: '1', priority: 2_000_000_001 });
  expect(victimsFor(critical, { admitted: [other, podOf('small', { cpu: '100m' })], lacks: lacking(250) })).toBe(
    'preemption: error finding a set of pods to preempt: ' +
      'no set of running pods found to reclaim resources: [(res: cpu, q: 150), ]',
  );
});

test('a place among the pods is freed by any of them', () => {
  const lacks = [{ resource: 'pods', requested: 1, used: 2, capacity: 2 }];
  expect(victimsFor(critical, { admitted: [podOf('a', { cpu: '2' }), podOf('b')], lacks })).toHaveLength(1);
});
