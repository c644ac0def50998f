/**
 * Decides whether a node still gives signs of life, and what its conditions must say when it does not.
 * https://kubernetes.io/docs/reference/node/node-status/#heartbeats
 */
import type { Lease } from '#api/gen/coordination-v1.js';
import type { Node, NodeCondition } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { ControllerSettings } from '../settings.js';

/** A node that is silent for this long is unreachable; one that just registered may take longer. */
export type Grace = Pick<ControllerSettings, 'nodeMonitorGracePeriod' | 'nodeStartupGracePeriod'>;

/** What was last seen of a node, and when, on our own clock: the node's may be wrong. */
export interface Heartbeat {
  /** By the node's own word in its Ready condition; undefined without one. */
  heartbeatTime: string | undefined;
  renewTime: string;
  /** Monotonic: the wall time may jump, and no node is silent for that. */
  seenMs: number;
}

/** One moment by both our clocks, in milliseconds. */
export interface Moment {
  nowMs: number;
  monotonicMs: number;
}

const watched = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

export function readyOf(node: Node): NodeCondition | undefined {
  return node.status?.conditions?.find(({ type }) => type === 'Ready');
}

/**
 * A new heartbeat in the Ready condition or a renewed Lease is a sign of life. What was heard of an earlier node of this
 * name counts until then, as in upstream's controller: one that is made again long after, and is silent, is unknown at
 * once.
 */
export function listen(
  before: Heartbeat | undefined,
  { node, lease, nowMs, monotonicMs }: Moment & { node: Node; lease: Lease | undefined },
): Heartbeat {
  const ready = readyOf(node);
  const heartbeatTime = ready && (ready.lastHeartbeatTime ?? '');
  const given = lease?.spec.renewTime ?? '';
  const isRenewed = given > (before?.renewTime ?? '');
  const renewTime = isRenewed ? given : (before?.renewTime ?? '');
  if (!before) {
    const isSilent = !ready && !isRenewed;
    const ageMs = isSilent ? nowMs - Date.parse(node.metadata.creationTimestamp ?? '') : 0;
    return { heartbeatTime, renewTime, seenMs: monotonicMs - ageMs };
  }
  // Our own verdict is no sign of life.
  const isPosted = ready && ready.status !== 'Unknown' && before.heartbeatTime !== heartbeatTime;
  return { heartbeatTime, renewTime, seenMs: isPosted || isRenewed ? monotonicMs : before.seenMs };
}

/** The conditions of a node that was silent for too long; undefined when it was not, or they say so already. */
export function verdict(
  node: Node,
  { seenMs }: Heartbeat,
  { nodeMonitorGracePeriod, nodeStartupGracePeriod }: Grace,
  { nowMs, monotonicMs }: Moment,
): NodeCondition[] | undefined {
  const limitMs = readyOf(node) ? nodeMonitorGracePeriod : nodeStartupGracePeriod;
  if (monotonicMs <= seenMs + limitMs) return undefined;
  const conditions = [...(node.status?.conditions ?? [])];
  let isChanged = false;
  for (const type of watched) {
    const index = conditions.findIndex((condition) => condition.type === type);
    const old = conditions[index];
    if (old?.status === 'Unknown') continue;
    isChanged = true;
    const lastTransitionTime = formatTime(nowMs);
    if (!old) {
      conditions.push({
        type,
        status: 'Unknown',
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        lastHeartbeatTime: node.metadata.creationTimestamp,
        lastTransitionTime,
      });
    } else {
      const message = 'Kubelet stopped posting node status.';
      conditions[index] = { ...old, status: 'Unknown', reason: 'NodeStatusUnknown', message, lastTransitionTime };
    }
  }
  return isChanged ? conditions : undefined;
}
