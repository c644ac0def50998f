/** NodeResourcesFit: what a pod requests must be free; with the LeastAllocated strategy emptier nodes score higher. */
import { definePlugin } from '../framework.js';
import type { NodeInfo } from '../node-info.js';
import { podRequests, type Resources } from '../resources.js';

export default definePlugin<Resources>({
  name: 'NodeResourcesFit',
  readsNodeAlone: true,
  weight: 1,
  preFilter: (pod) => ({ state: podRequests(pod).requested }),
  filter: ({ state: wanted }, node) => {
    if (fits(wanted, node)) return undefined;
    const { allocatable, requested, pods, podsMax } = node;
    const reasons: string[] = pods.length + 1 > podsMax ? ['Too many pods'] : [];
    let unresolvable = false;
    for (const [name, amount] of amountsOf(wanted)) {
      const total = amountOf(allocatable, name);
      if (amount === 0 || amount <= total - amountOf(requested, name)) continue;
      reasons.push(`Insufficient ${name}`);
      if (amount > total) unresolvable = true;
    }
    return { reasons, unresolvable };
  },
  preScore: (pod) => ({ state: podRequests(pod).nonZero }),
  score: ({ state }, { allocatable, nonZeroRequested }) => {
    const wanted = state as Resources;
    let sum = 0;
    let weights = 0;
    for (const name of ['milliCpu', 'memoryBytes'] as const) {
      const total = allocatable[name];
      if (total === 0) continue;
      const used = nonZeroRequested[name] + wanted[name];
      weights++;
      if (used <= total) sum += Math.floor(((total - used) * 100) / total);
    }
    return weights === 0 ? 0 : Math.floor(sum / weights);
  },
  requeueOn: ['node added', 'node allocatable', 'assigned pod removed', 'pod updated'],
  // Where it does not fit after the change, the change has not helped.
  hint: (pod, { place }) => !place || fits(podRequests(pod).requested, place),
});

function fits(wanted: Resources, { allocatable, requested, pods, podsMax }: NodeInfo): boolean {
  if (
    pods.length + 1 > podsMax ||
    (wanted.milliCpu > 0 && wanted.milliCpu > allocatable.milliCpu - requested.milliCpu) ||
    (wanted.memoryBytes > 0 && wanted.memoryBytes > allocatable.memoryBytes - requested.memoryBytes) ||
    (wanted.ephemeralStorageBytes > 0 &&
      wanted.ephemeralStorageBytes > allocatable.ephemeralStorageBytes - requested.ephemeralStorageBytes)
  )
    return false;
  for (const [name, amount] of wanted.scalars) {
    if (amount > 0 && amount > (allocatable.scalars.get(name) ?? 0) - (requested.scalars.get(name) ?? 0)) return false;
  }
  return true;
}

function* amountsOf(wanted: Resources): Generator<[name: string, amount: number]> {
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) yield [name, amountOf(wanted, name)];
  yield* wanted.scalars;
}

function amountOf(resources: Resources, name: string): number {
  if (name === 'cpu') return resources.milliCpu;
  if (name === 'memory') return resources.memoryBytes;
  return name === 'ephemeral-storage' ? resources.ephemeralStorageBytes : (resources.scalars.get(name) ?? 0);
}
