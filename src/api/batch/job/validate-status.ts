/**
 * Rules of a Job's status. Jobs may be run by others than the Job controller (`managedBy`), so that the server sees to
 * it that what programs read from a status stays true. A rule whose fields do not change is not applied, so that an old
 * status can be mended step by step. https://kep.k8s.io/4368
 */
import type { Job, JobStatus, UncountedTerminatedPods } from '#api/gen/batch-v1.js';
import { duplicate, invalidField, invalidValue, required } from '#apimachinery/field-error.js';
import { immutableMessage } from '#apimachinery/metadata-validation.js';
import { equal } from '#base/json.js';
import { checkNonNegative, each, type FieldErrors } from '../../meta/check.js';
import { hasCondition, isFinished } from './conditions.js';
import { firstOverlap } from './indexes.js';
import { readIndexes } from './validate-policies.js';

/** A job before and after, with what has changed of it. */
interface Change {
  job: Job;
  now: JobStatus;
  before: JobStatus;
  /** Whether one of these differs: fields of the status, or types of conditions in capitals. */
  changes: (...what: (keyof JobStatus | 'Complete' | 'Failed' | 'FailureTarget' | 'SuccessCriteriaMet')[]) => boolean;
}

function changeOf(job: Job, old: Job): Change {
  const [now, before] = [job.status ?? {}, old.status ?? {}];
  const changes: Change['changes'] = (...what) =>
    what.some((one) =>
      /^[A-Z]/.test(one)
        ? hasCondition(now, one) !== hasCondition(before, one)
        : !equal(fieldOf(now, one), fieldOf(before, one)),
    );
  return { job, now, before, changes };
}

function fieldOf(status: JobStatus, field: string): unknown {
  const value = (status as Record<string, unknown>)[field];
  // A count and a set that are not written are nought and empty.
  if (field === 'active') return value ?? 0;
  return field === 'completedIndexes' ? (value ?? '') : value;
}

export function* validateJobStatus(job: Job, old: Job): FieldErrors {
  const change = changeOf(job, old);
  yield* checkCounts(change.now);
  yield* checkEnd(change);
  yield* checkAtEnd(change);
  yield* checkIndexSets(change);
  yield* checkPods(change);
  yield* checkSuccess(change);
  yield* checkTransitions(change);
}

function* checkCounts(status: JobStatus): FieldErrors {
  for (const field of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const)
    yield* checkNonNegative(`status.${field}`, status[field]);
  const seen = new Set<string>();
  for (const list of ['succeeded', 'failed'] as const) {
    const path = `status.uncountedTerminatedPods.${list}`;
    for (const { path: at, value: uid } of each(path, status.uncountedTerminatedPods?.[list])) {
      if (uid === '') yield invalidValue(at, uid, 'must not be empty');
      else if (seen.has(uid)) yield duplicate(at, uid);
      seen.add(uid);
    }
  }
}

const conditions = 'status.conditions';

/** Complete and Failed exclude each other, and each comes after the condition that announces it. */
function* checkEnd({ now, changes }: Change): FieldErrors {
  const { startTime, completionTime } = now;
  const [complete, failed] = [hasCondition(now, 'Complete'), hasCondition(now, 'Failed')];
  if (complete && failed && changes('Complete', 'Failed'))
    yield invalidField(conditions, 'cannot set Complete=True and Failed=true conditions');
  if (complete && hasCondition(now, 'FailureTarget') && changes('Complete', 'FailureTarget'))
    yield invalidField(conditions, 'cannot set Complete=True and FailureTarget=true conditions');
  const at = 'status.completionTime';
  if (changes('Complete', 'completionTime')) {
    if (completionTime && !complete)
      yield invalidValue(at, completionTime, 'cannot set completionTime when there is no Complete=True condition');
    if (!completionTime && complete) yield required(at, 'completionTime is required for Complete jobs');
  }
  const isBackwards = startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime);
  if (isBackwards && changes('startTime', 'completionTime'))
    yield invalidValue(at, completionTime, 'must be equal to or after `startTime`');
  if (failed && !hasCondition(now, 'FailureTarget') && changes('Failed', 'FailureTarget'))
    yield invalidField(conditions, 'cannot set Failed=True condition without the FailureTarget=true condition');
  if (complete && !hasCondition(now, 'SuccessCriteriaMet') && changes('Complete', 'SuccessCriteriaMet'))
    yield invalidField(conditions, 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition');
}

/** A Job that is finished has begun, and nothing of it is under way. */
function* checkAtEnd({ job, now, before, changes }: Change): FieldErrors {
  if (!isFinished(now)) return;
  const ends = !isFinished(before);
  const { active = 0, startTime, uncountedTerminatedPods: uncounted } = now;
  if (active > 0 && (ends || changes('active')))
    yield invalidValue('status.active', active, 'active>0 is invalid for finished job');
  const neverNeeded = job.spec.suspend === true && job.spec.completions === 0;
  if (!startTime && (ends || changes('startTime')) && !neverNeeded)
    yield required('status.startTime', 'startTime is required for finished job');
  const remaining = (uncounted?.failed?.length ?? 0) + (uncounted?.succeeded?.length ?? 0);
  if (uncounted && remaining > 0 && (ends || changes('uncountedTerminatedPods'))) {
    const why = 'must be empty for finished job';
    yield invalidValue('status.uncountedTerminatedPods', goUncounted(uncounted), why);
  }
}

/** As upstream's own type shows itself, whose fields have Go's names. */
function goUncounted({ succeeded, failed }: UncountedTerminatedPods) {
  return { Succeeded: succeeded ?? null, Failed: failed ?? null };
}

function* checkIndexSets({ job, now, changes }: Change): FieldErrors {
  const { completions, backoffLimitPerIndex, completionMode } = job.spec;
  const { completedIndexes = '', failedIndexes } = now;
  const failedAt = 'status.failedIndexes';
  if (changes('completedIndexes') && completions !== undefined)
    yield* checkIndexes('completedIndexes', completedIndexes, { completions });
  if (changes('failedIndexes') && failedIndexes !== undefined) {
    if (completions !== undefined && backoffLimitPerIndex !== undefined)
      yield* checkIndexes('failedIndexes', failedIndexes, { completions });
  }
  if (changes('completedIndexes') && completedIndexes !== '' && completionMode !== 'Indexed') {
    const why = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    yield invalidValue('status.completedIndexes', completedIndexes, why);
  }
  if (failedIndexes === undefined) return;
  if (changes('failedIndexes') && backoffLimitPerIndex === undefined) {
    const why = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
    yield invalidValue(failedAt, failedIndexes, why);
  }
  if (completions === undefined || !changes('failedIndexes', 'completedIndexes')) return;
  const overlap = firstOverlap(completedIndexes, failedIndexes, completions);
  if (overlap !== undefined)
    yield invalidValue(failedAt, failedIndexes, `failedIndexes and completedIndexes overlap at index: ${overlap}`);
}

function* checkIndexes(field: string, text: string, { completions }: { completions: number }): FieldErrors {
  const result = readIndexes(text, completions);
  if ('problem' in result) yield invalidValue(`status.${field}`, text, `error parsing ${field}: ${result.problem}`);
}

function* checkPods({ now, before, changes }: Change): FieldErrors {
  const { terminating = 0, ready = 0, active = 0 } = now;
  const ends = isFinished(now) !== isFinished(before);
  if (terminating > 0 && isFinished(now) && (ends || changes('terminating')))
    yield invalidValue('status.terminating', terminating, 'terminating>0 is invalid for finished job');
  if (ready > active && changes('ready', 'active'))
    yield invalidValue('status.ready', ready, 'cannot set more ready pods than active');
}

function* checkSuccess({ job, now }: Change): FieldErrors {
  const met = hasCondition(now, 'SuccessCriteriaMet');
  if (met && hasCondition(now, 'Failed'))
    yield invalidField(conditions, 'cannot set SuccessCriteriaMet=True and Failed=true conditions');
  if (met && hasCondition(now, 'FailureTarget'))
    yield invalidField(conditions, 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions');
  if (job.spec.successPolicy && !met && hasCondition(now, 'Complete')) {
    const why = 'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True';
    yield invalidField(conditions, why);
  }
}

/** What has been said once is not taken back. */
function* checkTransitions({ job, now, before, changes }: Change): FieldErrors {
  for (const type of ['Failed', 'Complete', 'FailureTarget'])
    if (hasCondition(before, type) && !hasCondition(now, type))
      yield invalidField(conditions, `cannot disable the terminal ${type}=True condition`);
  const { completionMode, completions, parallelism, suspend } = job.spec;
  if ((now.failed ?? 0) < (before.failed ?? 0))
    yield invalidValue('status.failed', now.failed ?? 0, 'cannot decrease the failed counter');
  // An Indexed Job that is made smaller loses indexes that have succeeded.
  const isElastic = completionMode === 'Indexed' && completions === parallelism;
  if (!isElastic && (now.succeeded ?? 0) < (before.succeeded ?? 0))
    yield invalidValue('status.succeeded', now.succeeded ?? 0, 'cannot decrease the succeeded counter');
  if (now.completionTime && before.completionTime && now.completionTime !== before.completionTime)
    yield invalidValue('status.completionTime', now.completionTime, immutableMessage);
  const isResuming = hasCondition(before, 'Suspended') && hasCondition(now, 'Suspended', 'False');
  if (before.startTime && changes('startTime') && !suspend && !isResuming)
    yield invalidValue('status.startTime', now.startTime ?? null, `${immutableMessage} for unsuspended job once set`);
  const wasMet = hasCondition(before, 'SuccessCriteriaMet');
  const isMet = hasCondition(now, 'SuccessCriteriaMet');
  if (wasMet && !isMet) yield invalidField(conditions, 'cannot disable the SuccessCriteriaMet=True condition');
  if (hasCondition(before, 'Complete') && !wasMet && isMet) {
    const why = 'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions';
    yield invalidField(conditions, why);
  }
}
