/** NodeResourcesBalancedAllocation: prefers nodes whose resources would be used in like shares. */
import type { NodeResourcesBalancedAllocationArgs } from '#api/gen/kubescheduler-v1.js';
import { definePlugin, type PluginSpec } from '../framework.js';
import type { NodeInfo } from '../node-info.js';
import { amountOf, defaultResources, isCounted } from '../resource-scoring.js';
import { podRequests, type Resources } from '../resources.js';

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
    score: ({ state }, node) => Math.floor((1 - deviation(names, { wanted: state as Resources, node })) * 100),
  };
}

/** How much of it would be used; undefined of what the node does not have. */
function shareOf(name: string, { wanted, node }: { wanted: Resources; node: NodeInfo }): number | undefined {
  const { allocatable, requested } = node;
  if (!isCounted(name, { allocatable, wanted })) return undefined;
  return Math.min((amountOf(requested, name) + amountOf(wanted, name)) / amountOf(allocatable, name), 1);
}

/** The standard deviation of the shares. */
function deviation(names: readonly string[], asked: { wanted: Resources; node: NodeInfo }): number {
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
