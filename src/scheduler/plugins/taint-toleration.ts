/** TaintToleration: keeps pods off taints they do not tolerate, and prefers nodes with fewer soft ones. */

import { anyTolerates } from '#api/core/tolerations.js';
import type { Pod, Taint, Toleration } from '#api/gen/core-v1.js';
import { definePlugin } from '../framework.js';

export default definePlugin({
  name: 'TaintToleration',
  readsNodeAlone: true,
  weight: 3,
  filter: ({ pod }, { taints }) =>
    isKeptOff(pod, taints) ? { reasons: ['node(s) had untolerated taint(s)'], unresolvable: true } : undefined,
  preScore: (pod) => ({
    state: (pod.spec.tolerations ?? []).filter(({ effect }) => !effect || effect === 'PreferNoSchedule'),
  }),
  score: ({ state }, { taints }) =>
    taints.filter((taint) => taint.effect === 'PreferNoSchedule' && !anyTolerates(state as Toleration[], taint)).length,
  normalize: 'down',
  requeueOn: ['node added', 'node taints', 'pod updated'],
  hint: (pod, { node, oldNode }) =>
    !node || (!isKeptOff(pod, node.spec.taints) && (!oldNode || isKeptOff(pod, oldNode.spec.taints))),
});

function isKeptOff({ spec }: Pod, taints: readonly Taint[] = []): boolean {
  return taints.some(
    (taint) =>
      (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') && !anyTolerates(spec.tolerations, taint),
  );
}
