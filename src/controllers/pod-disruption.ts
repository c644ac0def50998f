/** Marking a pod with why it is taken away, before it is. */
import { conditionsPatch } from '#api/core/pod/conditions-patch.js';
import pods from '#api/core/pod/index.js';
import type { Pod, PodCondition } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import type { Client } from '#client/client.js';
import { isTerminal } from './pod-state.js';

export const disruptionTarget = 'DisruptionTarget';

/** https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions */
export interface Disruption {
  reason: string;
  message: string;
  observedGeneration?: number;
}

interface Means {
  client: Client;
  nowMs: number;
}

/** Deletes the pod, after noting the reason in its condition DisruptionTarget. A pod that is gone already is no error. */
export async function disrupt(pod: Pod, disruption: Disruption, { client, nowMs }: Means): Promise<void> {
  const condition = conditionFor(pod, disruption, nowMs);
  await unlessGone(async () => {
    if (condition) await patchStatus(pod, { conditions: [condition] }, client);
    await remove(pod, client);
  });
}

/**
 * Deletes at once a pod that no kubelet will end: it has failed, unless it had ended before. Only where nobody meant it to
 * go is there a disruption to note.
 */
export async function endForGood(
  pod: Pod,
  disruption: Disruption | undefined,
  { client, nowMs }: Means,
): Promise<void> {
  const condition = disruption && conditionFor(pod, disruption, nowMs);
  const { generation: observedGeneration } = pod.metadata;
  await unlessGone(async () => {
    if (!isTerminal(pod)) {
      const conditions = condition && [condition];
      await patchStatus(pod, { phase: 'Failed', observedGeneration, conditions }, client);
    }
    await remove(pod, client, 0);
  });
}

/** Undefined where the pod has it already. */
function conditionFor(pod: Pod, { reason, message, observedGeneration }: Disruption, nowMs: number) {
  const before = pod.status?.conditions?.find(({ type }) => type === disruptionTarget);
  const wasTrue = before?.status === 'True';
  if (wasTrue && before.reason === reason && before.message === message) return undefined;
  const lastTransitionTime = wasTrue ? before.lastTransitionTime : formatTime(nowMs);
  return { type: disruptionTarget, status: 'True', reason, message, observedGeneration, lastTransitionTime };
}

async function patchStatus(
  pod: Pod,
  { conditions, ...status }: { phase?: string; observedGeneration?: number; conditions?: PodCondition[] },
  client: Client,
): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata;
  const patch = { metadata: { uid }, status: { ...status, ...(conditions && conditionsPatch(pod, conditions)) } };
  await client.of(pods).patch(name, patch, { type: 'strategic', namespace, subresource: 'status' });
}

async function remove({ metadata }: Pod, client: Client, gracePeriodSeconds?: number): Promise<void> {
  const { name = '', namespace, uid } = metadata;
  await client.of(pods).delete(name, { namespace, gracePeriodSeconds, preconditions: { uid } });
}

async function unlessGone(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
