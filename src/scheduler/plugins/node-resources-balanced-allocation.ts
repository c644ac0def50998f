/** NodeResourcesBalancedAllocation: prefers nodes whose resources would be used in like shares. */
import type { NodeResourcesBalancedAllocationArgs } from '#api/gen/kubescheduler-v1.js';
import { definePlugin, type PluginSpec } from '../framework.js';
import type { NodeInfo } from '../node-info.js';
import { amountOf, amountsOn, defaultResources } from '../resource-scoring.js';
import { podRequests, type Resources } from '../resources.js';

export default definePlugin({
  ...withArgs({}),
  configure: (args) => withArgs(args as NodeResourcesBalancedAllocationArgs),
});

function withArgs({ resources }: Pick<NodeResourcesBalancedAllocationArgs, 'resources'>): PluginSpec {
  const names = (resources?.length ? resources : defaultResources).map(({ name = '' }) => name);
  return {
    name: 'NodeResourcesBalancedAllocation',
    weight: 1,
    preScore: (pod) => {
      const { requested } = podRequests(pod);
      // A pod that requests nothing moves no balance.
      return names.every((name) => amountOf(requested, name) === 0) ? 'skip' : { state: requested };
    },
    score: ({ state }, node) =>
      Math.floor((1 - deviation(sharesOf(names, { wanted: state as Resources, node }))) * 100),
  };
}

/** How much of each resource would be used; what the node does not have is left out. */
function sharesOf(names: readonly string[], { wanted, node }: { wanted: Resources; node: NodeInfo }): number[] {
  const shares: number[] = [];
  for (const name of names) {
    const { total, used } = amountsOn(node, { name, wanted, taken: node.requested });
    if (total !== undefined) shares.push(Math.min(used / total, 1));
  }
  return shares;
}

/** The standard deviation. */
function deviation(shares: readonly number[]): number {
  if (shares.length < 2) return 0;
  if (shares.length === 2) return Math.abs(shares[0]! - shares[1]!) / 2;
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length);
}
