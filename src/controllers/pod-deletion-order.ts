/**
 * Which pods of a set that has too many go first: those whose loss costs least.
 * https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset
 */
import { isSidecar } from '#api/core/pod/resources.js';
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
      byUse(a, b) ||
      deletionCost(a) - deletionCost(b) ||
      crowd(b) - crowd(a) ||
      aboutYoungerFirst({ a, b, timeMs: readyMs, nowMs }) ||
      byRestarts(a, b) ||
      aboutYoungerFirst({ a, b, timeMs: createdMs, nowMs }),
  );
}

/** The same for those who heed neither what a pod is said to cost nor where it runs: Jobs. */
export function plainDeletionOrder(pods: readonly Pod[]): Pod[] {
  return [...pods].sort(
    (a, b) =>
      byUse(a, b) ||
      youngerFirst(readyMs(a), readyMs(b)) ||
      byRestarts(a, b) ||
      youngerFirst(createdMs(a), createdMs(b)),
  );
}

/** The less of a pod's way to work is done, the earlier it goes. */
function byUse(a: Pod, b: Pod): number {
  return (
    Number(!!a.spec.nodeName) - Number(!!b.spec.nodeName) ||
    rankOfPhase(a) - rankOfPhase(b) ||
    Number(isReady(a)) - Number(isReady(b))
  );
}

function rankOfPhase(pod: Pod): number {
  return phaseRank[pod.status?.phase ?? ''] ?? 0;
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[costAnnotation] ?? '0';
  const cost = /^(0|-\d+|[1-9]\d*)$/.test(text) ? Number(text) : 0;
  return cost >= -(2 ** 31) && cost < 2 ** 31 ? cost : 0;
}

/** More restarts first; those of sidecars where the others do not tell. */
function byRestarts(a: Pod, b: Pod): number {
  return restarts(b) - restarts(a) || sidecarRestarts(b) - sidecarRestarts(a);
}

function restarts({ status }: Pod): number {
  return Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount ?? 0));
}

function sidecarRestarts({ spec, status }: Pod): number {
  const names = new Set((spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const counts = (status?.initContainerStatuses ?? []).filter(({ name }) => names.has(name));
  return Math.max(0, ...counts.map(({ restartCount }) => restartCount ?? 0));
}

/** 0 where nothing tells. */
function readyMs(pod: Pod): number {
  return readySinceMs(pod) ?? 0;
}

function createdMs(pod: Pod): number {
  return Date.parse(pod.metadata.creationTimestamp ?? '') || 0;
}

/** A time that is not known counts as the youngest. */
function youngerFirst(aMs: number, bMs: number): number {
  if (aMs === bMs) return 0;
  return aMs === 0 || (bMs !== 0 && aMs > bMs) ? -1 : 1;
}

/** By the magnitude of age (log2), so that among pods of about the same age chance, the uid, decides. */
function aboutYoungerFirst({
  a,
  b,
  timeMs,
  nowMs,
}: {
  a: Pod;
  b: Pod;
  timeMs: (pod: Pod) => number;
  nowMs: number;
}): number {
  const left = timeMs(a);
  const right = timeMs(b);
  if (left === 0 || right === 0 || left === right) return youngerFirst(left, right);
  const magnitude = (sinceMs: number) => (nowMs > sinceMs ? Math.floor(Math.log2((nowMs - sinceMs) * 1e6)) : -1);
  const uid = (pod: Pod) => pod.metadata.uid ?? '';
  return magnitude(left) - magnitude(right) || (uid(a) < uid(b) ? -1 : 1);
}
