/** NodeResourcesFit: what a pod requests must be free; with the LeastAllocated strategy emptier nodes score higher. */
import { definePlugin } from '../framework.js';
import { podRequests, type Resources } from '../resources.js';

export default definePlugin<Resources>({
  name: 'NodeResourcesFit',
  weight: 1,
  preFilter: (pod) => ({ state: podRequests(pod).requested }),
  filter: ({ state: wanted }, { allocatable, requested, pods, podsMax }) => {
    const reasons: string[] = [];
    let unresolvable = false;
    const check = (name: string, amounts: { wanted: number; used: number; total: number }) => {
      if (amounts.wanted === 0 || amounts.wanted <= amounts.total - amounts.used) return;
      reasons.push(`Insufficient ${name}`);
      if (amounts.wanted > amounts.total) unresolvable = true;
    };
    if (pods.length + 1 > podsMax) reasons.push('Too many pods');
    check('cpu', { wanted: wanted.milliCpu, used: requested.milliCpu, total: allocatable.milliCpu });
    check('memory', { wanted: wanted.memoryBytes, used: requested.memoryBytes, total: allocatable.memoryBytes });
    check('ephemeral-storage', {
      wanted: wanted.ephemeralStorageBytes,
      used: requested.ephemeralStorageBytes,
      total: allocatable.ephemeralStorageBytes,
    });
    for (const [name, amount] of wanted.scalars) {
      check(name, {
        wanted: amount,
        used: requested.scalars.get(name) ?? 0,
        total: allocatable.scalars.get(name) ?? 0,
      });
    }
    return reasons.length > 0 ? { reasons, unresolvable } : undefined;
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
});
