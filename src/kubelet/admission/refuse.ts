/** What becomes of a pod that is not let in: it has failed, and nothing of it was ever here. */
import type { Pod } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { NodeContext } from '../node-context.js';
import { podEvents } from '../pod-events.js';
import { qosClass } from '../qos.js';
import type { Refusal } from './admission.js';

export function refuse({ events, statuses, clock }: NodeContext, pod: Pod, { reason, message }: Refusal): void {
  podEvents(events, pod).warning(reason, message);
  const { generation } = pod.metadata;
  statuses.publish(pod, {
    ...(generation !== undefined && { observedGeneration: generation }),
    phase: 'Failed',
    reason,
    message: `Pod was rejected: ${message}`,
    startTime: formatTime(clock.now()),
    qosClass: pod.status?.qosClass ?? qosClass(pod),
    conditions: [],
  });
}
