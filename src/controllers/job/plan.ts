/** Which pods a Job that goes on makes or ends now. */
import type { Job } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { plainDeletionOrder } from '../pod-deletion-order.js';
import { isTerminating } from '../pod-state.js';
import { type Assessment, allFailures, type Situation } from './assess.js';
import { finishedMs, remainingMs } from './backoff.js';
import { judge } from './failure-policy.js';
import { indexSet, missingIndexes, union } from './index-set.js';
import {
  type IndexFailures,
  indexFailuresBefore,
  indexOf,
  isIndexed,
  type NewPod,
  podToCreate,
  replacesOnlyFailed,
  validIndexOf,
} from './pod.js';

/** How many pods one reconciliation creates or deletes at most. */
const burstMax = 500;

export interface Plan {
  /** Never both, so that a pod which goes is seen to go before another comes. */
  remove: Pod[];
  create: NewPod[];
  /** What is missing waits this long after a failure. */
  waitMs?: number;
}

export function plan(situation: Situation, assessment: Assessment): Plan {
  const { job, nowMs } = situation;
  const { active } = assessment;
  const wanted = wantedActive(job, assessment);
  const surplus = surplusPods(situation, { active, atLeast: active.length - wanted });
  // A Job is suspended at once, however many pods it has.
  if (surplus.length > 0 || job.spec.suspend)
    return { remove: job.spec.suspend ? surplus : surplus.slice(0, burstMax), create: [] };
  const going = replacesOnlyFailed(job) ? assessment.terminating : 0;
  const missing = Math.min(wanted - going - active.length, burstMax);
  if (missing <= 0) return { remove: [], create: [] };
  const isPerIndex = job.spec.backoffLimitPerIndex !== undefined;
  const waitMs = isPerIndex ? 0 : remainingMs(assessment.backoff, nowMs);
  if (waitMs > 0) return { remove: [], create: [], waitMs };
  if (!isIndexed(job)) return { remove: [], create: Array.from({ length: missing }, () => podToCreate(job, {})) };
  const indexes = pendingIndexes(situation, assessment, missing);
  return { remove: [], ...(isPerIndex ? createByIndex(situation, assessment, indexes) : createAll(job, indexes)) };
}

function wantedActive({ spec }: Job, { active, succeeded }: Assessment): number {
  const { completions, parallelism = 1, suspend } = spec;
  if (suspend) return 0;
  // Where one success is enough, the others may finish, and none is added.
  if (completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(Math.min(completions - succeeded, parallelism), 0);
}

/** Pods of no index, or one that another has too, and then those whose loss costs least. */
function surplusPods({ job }: Situation, { active, atLeast }: { active: readonly Pod[]; atLeast: number }): Pod[] {
  const sorted = plainDeletionOrder(active);
  if (!isIndexed(job)) return sorted.slice(0, Math.max(atLeast, 0));
  const lastOf = new Map(sorted.map((pod) => [validIndexOf(job, pod), pod]));
  const isLeft = (pod: Pod) => validIndexOf(job, pod) !== undefined && lastOf.get(validIndexOf(job, pod)) === pod;
  const surplus = sorted.filter((pod) => !isLeft(pod));
  return [...surplus, ...sorted.filter(isLeft).slice(0, Math.max(atLeast - surplus.length, 0))];
}

function pendingIndexes({ job, pods }: Situation, { active, indexes }: Assessment, count: number): number[] {
  const going = replacesOnlyFailed(job) ? pods.filter(isTerminating) : [];
  const taken = indexSet([...active, ...going].flatMap((pod) => indexOf(pod) ?? []));
  const settled = union(union(indexes?.succeeded ?? [], indexes?.failed ?? []), taken);
  return missingIndexes(settled, { count, completions: job.spec.completions ?? 0 });
}

function createAll(job: Job, indexes: readonly number[]): Pick<Plan, 'create'> {
  return { create: indexes.map((index) => podToCreate(job, { index })) };
}

/** Each index waits for itself. */
function createByIndex(
  { job, nowMs }: Situation,
  { indexes }: Assessment,
  pending: readonly number[],
): Pick<Plan, 'create' | 'waitMs'> {
  const waits = pending.map((index) => {
    const failed = indexes?.waiting.get(index);
    const failures = failed ? allFailures(failed) + 1 : 0;
    const waitMs = failed ? remainingMs({ failures, lastFailureMs: finishedMs(failed) }, nowMs) : 0;
    return { index, waitMs, failures: failed ? indexFailuresAfter(job, failed) : { counted: 0, ignored: 0 } };
  });
  const create = waits.filter(({ waitMs }) => waitMs === 0).map((now) => podToCreate(job, now));
  const later = waits.map(({ waitMs }) => waitMs).filter((waitMs) => waitMs > 0);
  return { create, waitMs: later.length > 0 ? Math.min(...later) : undefined };
}

function indexFailuresAfter(job: Job, failed: Pod): IndexFailures {
  const { counted, ignored } = indexFailuresBefore(failed);
  return judge(job, failed).counts ? { counted: counted + 1, ignored } : { counted, ignored: ignored + 1 };
}
