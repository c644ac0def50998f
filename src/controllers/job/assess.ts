/** What a Job's pods amount to: how many have succeeded and failed, which indexes, and whether that is its end. */
import { countIndexes } from '#api/batch/job/indexes.js';
import type { Job, JobCondition } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isActive, isTerminating } from '../pod-state.js';
import { type Backoff, finishedMs, nextBackoff } from './backoff.js';
import { judge } from './failure-policy.js';
import { hasIndex, type IndexSet, indexSet, readIndexSet, union } from './index-set.js';
import { indexFailuresBefore, isFailedPod, isIndexed, isTracked, validIndexOf } from './pod.js';
import { metRule } from './success-policy.js';

export interface Situation {
  job: Job;
  /** All that the Job controls, finished ones too. */
  pods: readonly Pod[];
  /** Before the pods that have ended since. */
  backoff: Backoff;
  nowMs: number;
}

/** How a Job ends. It is announced first, by FailureTarget or SuccessCriteriaMet, and comes when nothing is left. */
export interface End {
  type: 'Complete' | 'Failed';
  reason: string;
  message: string;
}

export interface Indexes {
  /** By the status, before what has ended since. */
  counted: IndexSet;
  succeeded: IndexSet;
  /** Only where the Job limits failures for each index. */
  failed?: IndexSet;
  /** By index, the failed pod that waits for its successor, which takes over its count of failures. */
  waiting: ReadonlyMap<number, Pod>;
}

export interface Assessment {
  active: Pod[];
  terminating: number;
  succeeded: number;
  indexes?: Indexes;
  backoff: Backoff;
  end?: End;
}

const announcements = { Failed: 'FailureTarget', Complete: 'SuccessCriteriaMet' } as const;

export function announcementOf({ type }: End): 'FailureTarget' | 'SuccessCriteriaMet' {
  return announcements[type];
}

export function assess(situation: Situation): Assessment {
  const { job, pods, backoff } = situation;
  const { status = {} } = job;
  const uncounted = status.uncountedTerminatedPods ?? {};
  // A pod without the finalizer has been counted, or is about to be, by its uid.
  const open = pods.filter((pod) => isTracked(pod) && (!isIndexed(job) || validIndexOf(job, pod) !== undefined));
  const ended = {
    succeeded: open.filter((pod) => pod.status?.phase === 'Succeeded' && !isIn(uncounted.succeeded, pod)),
    failed: open.filter((pod) => isFailedPod(job, pod) && !isIn(uncounted.failed, pod)),
  };
  const active = pods.filter(isActive);
  const indexes = isIndexed(job) ? assessIndexes(situation, { open, active }) : undefined;
  const succeeded = indexes
    ? countIndexes(indexes.succeeded)
    : (status.succeeded ?? 0) + ended.succeeded.length + (uncounted.succeeded?.length ?? 0);
  const countedFailures = ended.failed.filter((pod) => judge(job, pod).counts).length;
  const failed = (status.failed ?? 0) + countedFailures + (uncounted.failed?.length ?? 0);
  return {
    active,
    terminating: pods.filter(isTerminating).length,
    succeeded,
    indexes,
    backoff: nextBackoff(backoff, ended),
    end: announcedEnd(job) ?? endByPods(situation, failed) ?? (indexes && endByIndexes(job, indexes)),
  };
}

function isIn(uids: readonly string[] | undefined, { metadata }: Pod): boolean {
  return uids?.includes(metadata.uid ?? '') === true;
}

function assessIndexes({ job, pods }: Situation, { open, active }: { open: Pod[]; active: Pod[] }): Indexes {
  const { completions = 0, backoffLimitPerIndex: limit } = job.spec;
  const counted = readIndexSet(job.status?.completedIndexes, completions);
  const succeededNow = open.filter(({ status }) => status?.phase === 'Succeeded');
  const succeeded = union(counted, indexSet(succeededNow.map((pod) => validIndexOf(job, pod)!)));
  if (limit === undefined) return { counted, succeeded, waiting: new Map() };
  const failedNow = pods.filter((pod) => isTracked(pod) && failsItsIndex(job, pod, limit));
  const failedIndexes = failedNow.map((pod) => validIndexOf(job, pod)).filter((index) => index !== undefined);
  const failed = union(readIndexSet(job.status?.failedIndexes, completions), indexSet(failedIndexes));
  const settled = union(union(succeeded, failed), indexSet(active.flatMap((pod) => validIndexOf(job, pod) ?? [])));
  return { counted, succeeded, failed, waiting: waitingPods(job, { open, settled }) };
}

function failsItsIndex(job: Job, pod: Pod, limit: number): boolean {
  if (!isFailedPod(job, pod)) return false;
  const { counts, failsIndex } = judge(job, pod);
  return failsIndex === true || (counts && indexFailuresBefore(pod).counted >= limit);
}

/** Of several that failed the one with the most failures before it, and then the latest, carries the count on. */
function waitingPods(job: Job, { open, settled }: { open: Pod[]; settled: IndexSet }): Map<number, Pod> {
  const waiting = new Map<number, Pod>();
  for (const pod of open) {
    const index = validIndexOf(job, pod)!;
    if (!isFailedPod(job, pod) || hasIndex(settled, index)) continue;
    const other = waiting.get(index);
    const isLater = !other || (allFailures(other) <= allFailures(pod) && finishedMs(other) <= finishedMs(pod));
    if (isLater) waiting.set(index, pod);
  }
  return waiting;
}

/** Of the index, before the pod. */
export function allFailures(pod: Pod): number {
  const { counted, ignored } = indexFailuresBefore(pod);
  return counted + ignored;
}

function announcedEnd({ status }: Job): End | undefined {
  const found = (type: string): JobCondition | undefined =>
    status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
  const success = found(announcements.Complete);
  if (success) return { type: 'Complete', reason: success.reason ?? '', message: success.message ?? '' };
  const failure = found(announcements.Failed);
  return failure && { type: 'Failed', reason: failure.reason ?? '', message: failure.message ?? '' };
}

function endByPods({ job, pods, nowMs }: Situation, failed: number): End | undefined {
  const { backoffLimit = 6 } = job.spec;
  for (const pod of job.spec.podFailurePolicy ? pods : []) {
    const message = isFailedPod(job, pod) ? judge(job, pod).failsJob : undefined;
    if (message) return { type: 'Failed', reason: 'PodFailurePolicy', message };
  }
  if (failed > backoffLimit || hasRestartedTooOften(job, pods)) {
    return { type: 'Failed', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' };
  }
  if (untilDeadlineMs(job, nowMs) === 0) {
    return { type: 'Failed', reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
  }
  return undefined;
}

/** Containers that are restarted in their pod fail without a pod that fails. */
function hasRestartedTooOften({ spec }: Job, pods: readonly Pod[]): boolean {
  if (spec.template?.spec?.restartPolicy !== 'OnFailure') return false;
  const { backoffLimit = 6 } = spec;
  let restarts = 0;
  for (const { status = {} } of pods) {
    if (status.phase !== 'Running' && status.phase !== 'Pending') continue;
    const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    for (const { restartCount = 0 } of containers) restarts += restartCount;
  }
  return restarts > 0 && restarts >= backoffLimit;
}

/** Undefined where there is no deadline, or the time does not run. */
export function untilDeadlineMs({ spec, status }: Job, nowMs: number): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || !status?.startTime || spec.suspend) return undefined;
  return Math.max(Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - nowMs, 0);
}

function endByIndexes(job: Job, { succeeded, failed }: Indexes): End | undefined {
  const { completions = 0, maxFailedIndexes } = job.spec;
  const failures = countIndexes(failed ?? []);
  if (maxFailedIndexes !== undefined && failures > maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes';
    return { type: 'Failed', reason: 'MaxFailedIndexesExceeded', message };
  }
  if (failures > 0 && failures + countIndexes(succeeded) >= completions)
    return { type: 'Failed', reason: 'FailedIndexes', message: 'Job has failed indexes' };
  const rule = metRule(job, succeeded);
  if (rule === undefined) return undefined;
  return { type: 'Complete', reason: 'SuccessPolicy', message: `Matched rules at index ${rule}` };
}
