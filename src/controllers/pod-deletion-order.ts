/**
 * Which pods of a set that has too many go first: those whose loss costs least.
 * https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset
 */
import type { Pod } from '#api/gen/core-v1.js';
import { isReady, readySinceMs } from './pod-state.js';

const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

const phaseRank: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

/** Gives the pods, those to delete first in front. `related` are the active pods of the sets under the same owner. */
export function deletionOrder(
  pods: readonly Pod[],
  { related, nowMs }: { related: readonly Pod[]; nowMs: number },
): Pod[] {
  const onNode = new Map<string, number>();
  for (const { spec } of related) onNode.set(spec.nodeName ?? '', (onNode.get(spec.nodeName ?? '') ?? 0) + 1);
  const crowd = (pod: Pod) => onNode.get(pod.spec.nodeName ?? '') ?? 0;
  return [...pods].sort(
    (a, b) =>
      Number(!!a.spec.nodeName) - Number(!!b.spec.nodeName) ||
      rankOfPhase(a) - rankOfPhase(b) ||
      Number(isReady(a)) - Number(isReady(b)) ||
      deletionCost(a) - deletionCost(b) ||
      crowd(b) - crowd(a) ||
      youngerFirst({ a, b, timeMs: readySinceMs, nowMs }) ||
      restarts(b) - restarts(a) ||
      youngerFirst({ a, b, timeMs: createdMs, nowMs }),
  );
}

function rankOfPhase(pod: Pod): number {
  return phaseRank[pod.status?.phase ?? ''] ?? 0;
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[costAnnotation] ?? '0';
  const cost = /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : 0;
  return Math.abs(cost) < 2 ** 31 ? cost : 0;
}

function restarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount ?? 0));
}

function createdMs(pod: Pod): number {
  return Date.parse(pod.metadata.creationTimestamp ?? '') || 0;
}

/** By the magnitude of age (log2), so that among pods of about the same age chance, the uid, decides. */
function youngerFirst({
  a,
  b,
  timeMs,
  nowMs,
}: {
  a: Pod;
  b: Pod;
  timeMs: (pod: Pod) => number | undefined;
  nowMs: number;
}): number {
  const left = timeMs(a);
  const right = timeMs(b);
  if (left === undefined || right === undefined || left === right) return 0;
  const magnitude = (sinceMs: number) => (nowMs > sinceMs ? Math.round(Math.log2((nowMs - sinceMs) * 1e6)) : -1);
  const uid = (pod: Pod) => pod.metadata.uid ?? '';
  return magnitude(left) - magnitude(right) || (uid(a) < uid(b) ? -1 : 1);
}
