/**
 * Counting pods that have ended, each once: its uid is written to the status first, then its finalizer goes, and then
 * it moves from the uids to the counts. At whatever place that is cut off, the status and the finalizers tell how far it
 * came. https://kep.k8s.io/2307
 */
import { countIndexes } from '#api/batch/job/indexes.js';
import type { JobCondition, JobStatus } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import { type Assessment, announcementOf, type End, type Situation } from './assess.js';
import { judge } from './failure-policy.js';
import { formatIndexSet, hasIndex } from './index-set.js';
import { isFailedPod, isIndexed, isTracked, validIndexOf } from './pod.js';

/** How many uids a status holds at most, so that it stays below some 20 KB. */
const uncountedMax = 500;

export interface Counts {
  active: number;
  ready: number;
  terminating: number;
}

export interface Tracked {
  status: JobStatus;
  /** Pods whose finalizer may go once the status is written. */
  free: Pod[];
  /** There are more pods than one status has room for. */
  isCut: boolean;
}

/** `before`: the status, its conditions and times brought up to date. */
export function track(
  situation: Situation,
  assessment: Assessment,
  { before, counts, end }: { before: JobStatus; counts: Counts; end: End | undefined },
): Tracked {
  const { pods, nowMs } = situation;
  const { indexes } = assessment;
  const settled = settle(before, new Set(pods.filter(isTracked).map(uidOf)));
  const { free, isCut, succeeded, failed } = count(situation, assessment, { settled, end });
  const status: JobStatus = {
    ...settled,
    active: counts.active || undefined,
    ready: counts.ready,
    terminating: counts.terminating,
    uncountedTerminatedPods: uncounted(succeeded, failed),
    conditions: end ? announced(settled.conditions, end, nowMs) : settled.conditions,
  };
  if (indexes) {
    status.succeeded = countIndexes(indexes.succeeded) || undefined;
    status.completedIndexes = formatIndexSet(indexes.succeeded) || undefined;
    status.failedIndexes = indexes.failed && formatIndexSet(indexes.failed);
  }
  return { status, free, isCut };
}

/** Pods that no longer have the finalizer move to the counts. */
export function settle(status: JobStatus, held: ReadonlySet<string>): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const [waitingSucceeded, waitingFailed] = [succeeded, failed].map((uids) => uids.filter((uid) => held.has(uid)));
  const sum = (before = 0, all: string[], waiting: string[]) => before + all.length - waiting.length || undefined;
  return {
    ...status,
    succeeded: sum(status.succeeded, succeeded, waitingSucceeded!),
    failed: sum(status.failed, failed, waitingFailed!),
    uncountedTerminatedPods: uncounted(waitingSucceeded!, waitingFailed!),
  };
}

function uncounted(succeeded: Iterable<string>, failed: Iterable<string>): JobStatus['uncountedTerminatedPods'] {
  const some = (uids: Iterable<string>) => ([...uids].length > 0 ? [...uids] : undefined);
  return { succeeded: some(succeeded), failed: some(failed) };
}

function count(
  { job, pods }: Situation,
  { indexes }: Assessment,
  { settled, end }: { settled: JobStatus; end: End | undefined },
): { free: Pod[]; isCut: boolean; succeeded: Set<string>; failed: Set<string> } {
  const succeeded = new Set(settled.uncountedTerminatedPods?.succeeded);
  const failed = new Set(settled.uncountedTerminatedPods?.failed);
  const newIndexes = new Set<number>();
  const free: Pod[] = [];
  const byIndex = (a: Pod, b: Pod) => (validIndexOf(job, a) ?? -1) - (validIndexOf(job, b) ?? -1);
  const open = pods.filter(isTracked);
  for (const pod of isIndexed(job) ? open.sort(byIndex) : open) {
    const index = validIndexOf(job, pod);
    const isFailed = isFailedPod(job, pod);
    const hasSucceeded = pod.status?.phase === 'Succeeded';
    const isWaiting = index !== undefined && indexes?.waiting.get(index) === pod;
    if (!job.metadata.deletionTimestamp && !end && !hasSucceeded && (!isFailed || isWaiting)) continue;
    free.push(pod);
    if (hasSucceeded && !failed.has(uidOf(pod))) {
      // Of an index it is enough to know that it has succeeded.
      if (!isIndexed(job)) succeeded.add(uidOf(pod));
      else if (index !== undefined && !hasIndex(indexes?.counted ?? [], index)) newIndexes.add(index);
    } else if (isFailed || end?.type === 'Failed') {
      // What a Job that fails has not let finish has failed.
      if ((!isIndexed(job) || index !== undefined) && judge(job, pod).counts) failed.add(uidOf(pod));
    }
    if (newIndexes.size + succeeded.size + failed.size >= uncountedMax) return { free, isCut: true, succeeded, failed };
  }
  return { free, isCut: false, succeeded, failed };
}

export function uidOf({ metadata }: Pod): string {
  return metadata.uid ?? '';
}

function announced(conditions: readonly JobCondition[] | undefined, end: End, nowMs: number): JobCondition[] {
  const type = announcementOf(end);
  if (conditions?.some((one) => one.type === type && one.status === 'True')) return [...conditions];
  return [...(conditions ?? []), newCondition({ ...end, type, status: 'True' }, nowMs)];
}

/** The status at the end; undefined while pods are still to be counted or to go. */
export function finished(status: JobStatus, { end, nowMs }: { end: End; nowMs: number }): JobStatus | undefined {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (succeeded.length + failed.length > 0 || (status.terminating ?? 0) > 0) return undefined;
  const now = formatTime(nowMs);
  return {
    ...status,
    // One that failed while it was suspended has no start any more, and what has ended must have begun.
    startTime: status.startTime ?? now,
    completionTime: end.type === 'Complete' ? now : undefined,
    conditions: [...(status.conditions ?? []), newCondition({ ...end, status: 'True' }, nowMs)],
  };
}

function newCondition(
  { type, status, reason, message }: { type: string; status: 'True' | 'False'; reason: string; message: string },
  nowMs: number,
): JobCondition {
  const now = formatTime(nowMs);
  return { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message };
}

/** The status of a Job that goes on, and what to tell of a change. The time that is limited runs from each resumption. */
export function suspendedOrNot(
  status: JobStatus,
  { isSuspended, nowMs }: { isSuspended: boolean; nowMs: number },
): { status: JobStatus; news?: 'Suspended' | 'Resumed' } {
  const conditions = status.conditions ?? [];
  const was = conditions.find(({ type }) => type === 'Suspended');
  const wasSuspended = was?.status === 'True';
  if (isSuspended === wasSuspended) return { status };
  const news = isSuspended ? 'Suspended' : 'Resumed';
  const text = { reason: `Job${news}`, message: `Job ${news.toLowerCase()}` };
  const condition = newCondition({ type: 'Suspended', status: isSuspended ? 'True' : 'False', ...text }, nowMs);
  const startTime = isSuspended ? undefined : formatTime(nowMs);
  const others = was ? conditions.map((one) => (one === was ? condition : one)) : [...conditions, condition];
  return { status: { ...status, startTime, conditions: others }, news };
}
