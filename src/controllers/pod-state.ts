/** What controllers ask of a pod: is it alive, ready, available, and since when. */
import type { Pod, PodCondition } from '#api/gen/core-v1.js';

export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Neither finished nor asked to go. */
export function isActive(pod: Pod): boolean {
  return !isTerminal(pod) && !pod.metadata.deletionTimestamp;
}

/** Asked to go, and still there. */
export function isTerminating(pod: Pod): boolean {
  return !isTerminal(pod) && !!pod.metadata.deletionTimestamp;
}

export function readyCondition(pod: Pod): PodCondition | undefined {
  return pod.status?.conditions?.find(({ type }) => type === 'Ready');
}

export function isReady(pod: Pod): boolean {
  return readyCondition(pod)?.status === 'True';
}

/** The time since which it is ready, in milliseconds since the epoch; undefined when it is not. */
export function readySinceMs(pod: Pod): number | undefined {
  const condition = readyCondition(pod);
  if (condition?.status !== 'True') return undefined;
  return condition.lastTransitionTime ? Date.parse(condition.lastTransitionTime) : 0;
}

/** Milliseconds until a ready pod counts as available (0: it does); undefined when it is not ready. */
export function availableInMs(
  pod: Pod,
  { minReadySeconds, nowMs }: { minReadySeconds: number; nowMs: number },
): number | undefined {
  // The time need not be read then, which would take longer than all else here.
  if (minReadySeconds === 0) return isReady(pod) ? 0 : undefined;
  const sinceMs = readySinceMs(pod);
  return sinceMs === undefined ? undefined : Math.max(sinceMs + minReadySeconds * 1000 - nowMs, 0);
}

/** Milliseconds until time alone makes the next of the ready pods available; undefined when it will make none so. */
export function nextAvailableInMs(
  pods: readonly Pod[],
  options: { minReadySeconds: number; nowMs: number },
): number | undefined {
  if (options.minReadySeconds === 0) return undefined;
  const delays = pods.map((pod) => availableInMs(pod, options) ?? 0).filter((delay) => delay > 0);
  return delays.length > 0 ? Math.min(...delays) : undefined;
}
