/** NodeUnschedulable: a cordoned node takes only pods that tolerate its taint. */

import { anyTolerates } from '#api/core/tolerations.js';
import { definePlugin } from '../framework.js';

const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export default definePlugin({
  name: 'NodeUnschedulable',
  readsNodeAlone: true,
  filter: ({ pod }, { node }) =>
    node.spec.unschedulable && !anyTolerates(pod.spec.tolerations, taint)
      ? { reasons: ['node(s) were unschedulable'], unresolvable: true }
      : undefined,
  requeueOn: ['node added', 'node taints', 'pod updated'],
  hint: ({ spec }, { node, oldNode }) => {
    if (!node) return anyTolerates(spec.tolerations, taint);
    return !node.spec.unschedulable && (!oldNode || oldNode.spec.unschedulable === true);
  },
});
