/** NodeUnschedulable: a cordoned node takes only pods that tolerate its taint. */
import { definePlugin } from '../framework.js';
import { tolerates } from '../tolerations.js';

const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export default definePlugin({
  name: 'NodeUnschedulable',
  filter: ({ pod }, { node }) =>
    node.spec.unschedulable && !tolerates(pod.spec.tolerations, taint)
      ? { reasons: ['node(s) were unschedulable'], unresolvable: true }
      : undefined,
  requeueOn: ['node added', 'node taints'],
});
