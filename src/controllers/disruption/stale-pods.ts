/**
 * Takes back that a pod is about to be disrupted where it was not, so that nobody plans without it.
 * https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
 */
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import { disruptionTarget } from '../pod-disruption.js';
import { isTerminal } from '../pod-state.js';
import { defineController } from '../runtime.js';

const staleAfterMs = 120_000;

export default defineController<Pod>({
  name: 'disruption-stale-pod',
  account: 'disruption-controller',
  eventSource: 'controllermanager',
  workers: 1,
  for: pods,
  concerns: (pod) => markedMs(pod) !== undefined,
  async reconcile({ key }, { informers, client, clock }) {
    const pod = informers.of(pods).get(key);
    const sinceMs = pod && markedMs(pod);
    if (sinceMs === undefined) return undefined;
    const nowMs = clock.now();
    const leftMs = sinceMs + staleAfterMs - nowMs;
    if (leftMs > 0) return { afterMs: leftMs };
    const { name = '', namespace, uid, generation: observedGeneration } = pod!.metadata;
    const lastTransitionTime = formatTime(nowMs);
    const said = { reason: null, message: null };
    const condition = { type: disruptionTarget, status: 'False', ...said, observedGeneration, lastTransitionTime };
    const patch = { metadata: { uid }, status: { conditions: [condition] } };
    try {
      await client.of(pods).patch(name, patch, { type: 'strategic', namespace, subresource: 'status' });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    return undefined;
  },
});

/** Since when; a kubelet, which ends pods by itself, may take any time for it. */
function markedMs(pod: Pod): number | undefined {
  const condition = pod.status?.conditions?.find((one) => one.type === disruptionTarget && one.status === 'True');
  if (!condition || pod.metadata.deletionTimestamp || isTerminal(pod)) return undefined;
  if (condition.reason === 'TerminationByKubelet') return undefined;
  return Date.parse(condition.lastTransitionTime ?? '') || 0;
}
