/** NodeResourcesFit: what a pod requests must be free; by default, emptier nodes score higher. */
import type { NodeResourcesFitArgs } from '#api/gen/kubescheduler-v1.js';
import { definePlugin, type PluginSpec } from '../framework.js';
import type { NodeInfo } from '../node-info.js';
import { amountOf, resourceScoreOf } from '../resource-scoring.js';
import { type PodRequests, podRequests, type Resources } from '../resources.js';

export default definePlugin<Resources>({
  ...withArgs({ scoringStrategy: { type: 'LeastAllocated' } }),
  configure: (args) => withArgs(args as NodeResourcesFitArgs),
});

function withArgs(args: Pick<NodeResourcesFitArgs, 'scoringStrategy'>): PluginSpec<Resources> {
  const score = resourceScoreOf(args.scoringStrategy ?? { type: 'LeastAllocated' });
  return {
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
    preScore: (pod) => ({ state: podRequests(pod) }),
    score: ({ state }, node) => score(state as PodRequests, node),
    requeueOn: ['node added', 'node allocatable', 'assigned pod removed', 'pod updated'],
    // Where it does not fit after the change, the change has not helped.
    hint: (pod, { place }) => !place || fits(podRequests(pod).requested, place),
  };
}

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
