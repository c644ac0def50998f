/**
 * How long a Job waits before it replaces pods that failed: 10 seconds after the first, twice as long after each one
 * more, at most 10 minutes; a success begins anew.
 * https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy
 */
import type { Pod } from '#api/gen/core-v1.js';
import { readyCondition } from '../pod-state.js';

const firstDelayMs = 10_000;
const delayMsMax = 600_000;

export interface Backoff {
  /** Since the last success. */
  failures: number;
  lastFailureMs: number;
}

export const noBackoff: Backoff = { failures: 0, lastFailureMs: 0 };

/** Where pods have ended that it does not know yet. */
export function nextBackoff(before: Backoff, ended: { succeeded: readonly Pod[]; failed: readonly Pod[] }): Backoff {
  const failedMs = ended.failed.map(finishedMs);
  if (ended.succeeded.length === 0) {
    if (failedMs.length === 0) return before;
    return { failures: before.failures + failedMs.length, lastFailureMs: Math.max(...failedMs) };
  }
  const lastSuccessMs = Math.max(...ended.succeeded.map(finishedMs));
  const since = failedMs.filter((ms) => ms > lastSuccessMs);
  return since.length > 0 ? { failures: since.length, lastFailureMs: Math.max(...since) } : noBackoff;
}

/** 0: a pod may be made now. */
export function remainingMs({ failures, lastFailureMs }: Backoff, nowMs: number): number {
  if (failures === 0) return 0;
  const delayMs = Math.min(firstDelayMs * 2 ** (failures - 1), delayMsMax);
  return Math.max(delayMs - (nowMs - lastFailureMs), 0);
}

/** When a pod ended, as well as can be told: by its containers, by when it was no longer ready, by its deletion. */
export function finishedMs(pod: Pod): number {
  const containers = (pod.status?.containerStatuses ?? []).map(({ state }) => state?.terminated?.finishedAt);
  if (containers.length > 0 && containers.every(Boolean)) return Math.max(...containers.map((at) => Date.parse(at!)));
  const ready = readyCondition(pod);
  if (ready?.status === 'False' && ready.lastTransitionTime) return Date.parse(ready.lastTransitionTime);
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, creationTimestamp = '' } = pod.metadata;
  if (deletionTimestamp) return Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  return Date.parse(creationTimestamp) || 0;
}
