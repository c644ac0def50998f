/** NodeResourcesBalancedAllocation: prefers nodes whose cpu and memory would be used in like shares. */
import { definePlugin } from '../framework.js';
import { podRequests, type Resources } from '../resources.js';

export default definePlugin({
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  preScore: (pod) => {
    const { requested } = podRequests(pod);
    // A pod that requests nothing moves no balance.
    return requested.milliCpu === 0 && requested.memoryBytes === 0 ? 'skip' : { state: requested };
  },
  score: ({ state }, { allocatable, requested }) => {
    const wanted = state as Resources;
    const shares = (['milliCpu', 'memoryBytes'] as const)
      .filter((name) => allocatable[name] > 0)
      .map((name) => Math.min((requested[name] + wanted[name]) / allocatable[name], 1));
    const deviation = shares.length === 2 ? Math.abs(shares[0]! - shares[1]!) / 2 : 0;
    return Math.floor((1 - deviation) * 100);
  },
});
