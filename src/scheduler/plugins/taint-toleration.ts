/** TaintToleration: keeps pods off taints they do not tolerate, and prefers nodes with fewer soft ones. */

import { anyTolerates } from '#api/core/tolerations.js';
import type { Toleration } from '#api/gen/core-v1.js';
import { definePlugin } from '../framework.js';

export default definePlugin({
  name: 'TaintToleration',
  readsNodeAlone: true,
  weight: 3,
  filter: ({ pod }, { taints }) => {
    const untolerated = taints.find(
      (taint) =>
        (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') && !anyTolerates(pod.spec.tolerations, taint),
    );
    if (!untolerated) return undefined;
    return { reasons: ['node(s) had untolerated taint(s)'], unresolvable: true };
  },
  preScore: (pod) => ({
    state: (pod.spec.tolerations ?? []).filter(({ effect }) => !effect || effect === 'PreferNoSchedule'),
  }),
  score: ({ state }, { taints }) =>
    taints.filter((taint) => taint.effect === 'PreferNoSchedule' && !anyTolerates(state as Toleration[], taint)).length,
  normalize: 'down',
  requeueOn: ['node added', 'node taints', 'pod updated'],
});
