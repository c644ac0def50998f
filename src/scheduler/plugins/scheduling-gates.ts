/** SchedulingGates: a pod with gates is not looked at until they are gone. */
import { definePlugin } from '../framework.js';

export default definePlugin({
  name: 'SchedulingGates',
  preEnqueue: ({ spec }) => {
    const gates = (spec.schedulingGates ?? []).map(({ name }) => name);
    return gates.length > 0 ? `waiting for scheduling gates: [${gates.join(' ')}]` : undefined;
  },
  requeueOn: ['pod updated'],
});
