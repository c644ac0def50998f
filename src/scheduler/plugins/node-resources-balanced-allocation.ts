/** NodeResourcesBalancedAllocation: prefers nodes whose resources would come to be used in more like shares than before. */
import type { NodeResourcesBalancedAllocationArgs } from '#api/gen/kubescheduler-v1.js';
import { definePlugin, type PluginSpec } from '../framework.js';
import type { NodeInfo } from '../node-info.js';
import { amountOf, defaultResources, isCounted } from '../resource-scoring.js';
import { nothing, podRequests, type Resources } from '../resources.js';

export default definePlugin({
  ...withArgs({}),
  configure: (args) => withArgs(args as NodeResourcesBalancedAllocationArgs),
});

function withArgs({ resources }: Pick<NodeResourcesBalancedAllocationArgs, 'resources'>): PluginSpec {
  const names = (resources?.length ? resources : defaultResources).map(({ name = '' }) => name);
  return {
    name: 'NodeResourcesBalancedAllocation',
    scoresNodeAlone: true,
    weight: 1,
    preScore: (pod) => {
      const { requested } = podRequests(pod);
      // A pod that requests nothing moves no balance.
      return names.every((name) => amountOf(requested, name) === 0) ? 'skip' : { state: requested };
    },
    // 75 where the balance stays as it is, up to 100 where it gains, down to 50 where it loses.
    score: ({ state }, node) => {
      const wanted = state as Resources;
      const balance = (added: Resources) => Math.floor((1 - deviation(names, { wanted, added, node })) * 100);
      return 50 + Math.floor((50 + balance(wanted) - balance(nothing)) / 2);
    },
  };
}

interface Asked {
  /** By the pod; what it does not ask for need not be counted. */
  wanted: Resources;
  /** To what is taken already. */
  added: Resources;
  node: NodeInfo;
}

/** How much of it would be used; undefined of what the node does not have. */
function shareOf(name: string, { wanted, added, node }: Asked): number | undefined {
  const { allocatable, requested } = node;
  if (!isCounted(name, { allocatable, wanted })) return undefined;
  return Math.min((amountOf(requested, name) + amountOf(added, name)) / amountOf(allocatable, name), 1);
}

/** The standard deviation of the shares. */
function deviation(names: readonly string[], asked: Asked): number {
  // Two are the rule, and asked about hundreds of nodes a pod: nothing is made for them on the way.
  if (names.length === 2) {
    const one = shareOf(names[0]!, asked);
    const other = shareOf(names[1]!, asked);
    return one === undefined || other === undefined ? 0 : Math.abs(one - other) / 2;
  }
  const shares = names.flatMap((name) => shareOf(name, asked) ?? []);
  if (shares.length < 2) return 0;
  if (shares.length === 2) return Math.abs(shares[0]! - shares[1]!) / 2;
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length);
}
