/** Marking a pod with why it is taken away, before it is. */
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import type { Client } from '#client/client.js';
import { isTerminal } from './pod-state.js';

export interface Disruption {
  reason: string;
  message: string;
  /** The pod cannot run any more, wherever it was: it has failed. */
  isFailed?: boolean;
  gracePeriodSeconds?: number;
}

/** Deletes the pod, after noting the reason in its condition DisruptionTarget. A pod that is gone already is no error. */
export async function disrupt(
  pod: Pod,
  { reason, message, isFailed, gracePeriodSeconds }: Disruption,
  { client, nowMs }: { client: Client; nowMs: number },
): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata;
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason,
    message,
    lastTransitionTime: formatTime(nowMs),
  };
  const phase = isFailed && !isTerminal(pod) ? 'Failed' : undefined;
  const isMarked = pod.status?.conditions?.some(({ type, status }) => type === 'DisruptionTarget' && status === 'True');
  try {
    if (!isMarked || phase) {
      const patch = { metadata: { uid }, status: { ...(phase && { phase }), conditions: [condition] } };
      await client.of(pods).patch(name, patch, { type: 'strategic', namespace, subresource: 'status' });
    }
    await client.of(pods).delete(name, { namespace, gracePeriodSeconds, preconditions: { uid } });
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict')) throw error;
  }
}
