/** CronJob: makes a Job at each time of its schedule, and clears away Jobs that have ended long ago. */
import cronJobs from '#api/batch/cronjob.js';
import jobs from '#api/batch/job/index.js';
import type { CronJob, CronJobStatus, Job } from '#api/gen/batch-v1.js';
import { CronError } from '#apimachinery/cron.js';
import { isReason } from '#apimachinery/errors.js';
import { controllerOf, formatTime, type ObjectMeta } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import type { TimeZone } from '#base/time-zone.js';
import { keyOf } from '#client/informer.js';
import { controlledBy, controllerReference } from '../claim.js';
import { isNamespaceTerminating, messageOf } from '../pod-writes.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { UnseenWrites } from '../unseen-writes.js';
import {
  dueTime,
  formatInZone,
  formatRfc1123,
  jobName,
  type Schedule,
  ScheduleError,
  scheduleOf,
  untilNextMs,
  zoneOf,
} from './schedule.js';
import { outdatedJobs, see, withActive, withoutActive } from './status.js';

interface State {
  jobs: UnseenWrites<Job>;
  cronJobs: UnseenWrites<CronJob>;
}

type Context = ControllerContext<State>;

export default defineController<CronJob, State>({
  name: 'cronjob-controller',
  for: cronJobs,
  // Times of a new schedule that would have passed before it was set are not made up for.
  concerns: (cronJob, old) => !old || isSameSchedule(cronJob, old),
  owns: [jobs],
  state: ({ clock, informers }) => ({
    jobs: new UnseenWrites({ clock, informer: informers.of(jobs) }),
    cronJobs: new UnseenWrites({ clock, informer: informers.of(cronJobs) }),
  }),
  watches: ({ clock, enqueue }) => [
    watch(cronJobs, (cronJob, { old }) => {
      const readable = old && !isSameSchedule(cronJob, old) ? readSchedule(cronJob) : undefined;
      const delayMs = readable && untilNextMs(cronJob, readable.schedule, clock.now());
      if (delayMs !== undefined) enqueue(keyOf(cronJob), delayMs);
      return [];
    }),
  ],
  reconcile,
});

function isSameSchedule(a: CronJob, b: CronJob): boolean {
  return a.spec.schedule === b.spec.schedule && a.spec.timeZone === b.spec.timeZone;
}

interface Readable {
  schedule: Schedule;
  zone: TimeZone;
}

/** What is wrong with it is told where `tell` is given. */
function readSchedule(cronJob: CronJob, tell?: (reason: string, message: string) => void): Readable | undefined {
  const { schedule, timeZone: name } = cronJob.spec;
  const zone = zoneOf(cronJob);
  if (!zone) {
    tell?.('UnknownTimeZone', `invalid timeZone: ${JSON.stringify(name)}: unknown time zone ${name}`);
    return undefined;
  }
  try {
    return { schedule: scheduleOf(cronJob, zone), zone };
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    tell?.('UnparseableSchedule', `unparseable schedule: ${JSON.stringify(schedule)} : ${error.message}`);
    return undefined;
  }
}

async function reconcile({ key }: { key: string }, context: Context): Promise<Requeue | undefined> {
  const { informers, state, recorder } = context;
  const cronJob = informers.of(cronJobs).get(key);
  if (!cronJob) return undefined;
  const { uid = '', deletionTimestamp } = cronJob.metadata;
  const pendingMs = state.jobs.pendingMs(uid) ?? state.cronJobs.pendingMs(uid);
  if (pendingMs !== undefined) return { afterMs: pendingMs };
  const mine = controlledBy(informers.of(jobs), uid);
  const outdated = outdatedJobs(cronJob, mine);
  const deleted = new Set<string | undefined>();
  for (const { metadata } of outdated) {
    if (!(await deleteJob(cronJob, metadata, context))) deleted.add(metadata.uid);
  }
  const { status, news, unknown } = see(
    withoutActive(cronJob.status ?? {}, deleted),
    mine.filter(({ metadata }) => !deleted.has(metadata.uid)),
  );
  for (const text of news) recorder.event(cronJob, text);
  const missing = await missingJobs(cronJob, unknown, context);
  const known = withoutActive(status, missing);
  const next = deletionTimestamp ? { status: known } : await start(cronJob, known, context);
  await writeStatus(cronJob, next.status, context);
  if (next.failure) throw next.failure;
  return next.afterMs === undefined ? undefined : { afterMs: next.afterMs };
}

/** Asks the server, since the copy may lag behind. */
async function missingJobs(
  cronJob: CronJob,
  unknown: NonNullable<CronJobStatus['active']>,
  { client, recorder }: Context,
): Promise<Set<string | undefined>> {
  const missing = new Set<string | undefined>();
  for (const { name = '', namespace, uid } of unknown) {
    try {
      await client.of(jobs).get(name, { namespace });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
      recorder.event(cronJob, { type: 'Normal', reason: 'MissingJob', message: `Active job went missing: ${name}` });
      missing.add(uid);
    }
  }
  return missing;
}

interface Next {
  status: CronJobStatus;
  afterMs?: number;
  failure?: unknown;
}

/** Makes the Job that is due, if one is. */
async function start(cronJob: CronJob, status: CronJobStatus, context: Context): Promise<Next> {
  const { clock, recorder } = context;
  const warn = (reason: string, message: string) => recorder.event(cronJob, { type: 'Warning', reason, message });
  const { schedule: text, suspend } = cronJob.spec;
  const readable = suspend ? undefined : readSchedule(cronJob, warn);
  if (!readable) return { status };
  if (text.includes('TZ')) {
    const where = 'https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/';
    const what = `CRON_TZ or TZ used in schedule ${JSON.stringify(text)} is not officially supported`;
    warn('UnsupportedSchedule', `${what}, see ${where} for more details`);
  }
  const nowMs = clock.now();
  const later = (now: CronJobStatus): Next => {
    return { status: now, afterMs: untilNextMs({ ...cronJob, status: now }, readable.schedule, nowMs) };
  };
  try {
    const { dueMs, isMissedOften } = dueTime(cronJob, readable.schedule, nowMs);
    const remedy = 'Set or decrease .spec.startingDeadlineSeconds or check clock skew';
    if (isMissedOften) warn('TooManyMissedTimes', `too many missed start times. ${remedy}`);
    if (dueMs === undefined || !mayStart(cronJob, status, { dueMs, nowMs, context })) return later(status);
    const { failure, ...started } = await startJob(cronJob, status, { dueMs, zone: readable.zone, context });
    return failure ? { ...started, failure } : later(started.status);
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    warn('InvalidSchedule', `invalid schedule: ${text} : ${error.message}`);
    return { status };
  }
}

function mayStart(
  cronJob: CronJob,
  { active = [], lastScheduleTime }: CronJobStatus,
  { dueMs, nowMs, context: { recorder } }: { dueMs: number; nowMs: number; context: Context },
): boolean {
  const { startingDeadlineSeconds: deadline, concurrencyPolicy } = cronJob.spec;
  if (deadline !== undefined && dueMs + deadline * 1000 < nowMs) {
    const message = `Missed scheduled time to start a job: ${formatRfc1123(dueMs)}`;
    recorder.event(cronJob, { type: 'Warning', reason: 'MissSchedule', message });
    return false;
  }
  if (lastScheduleTime && Date.parse(lastScheduleTime) === dueMs) return false;
  if (active.some(({ name }) => name === jobName(cronJob, dueMs))) return false;
  if (concurrencyPolicy !== 'Forbid' || active.length === 0) return true;
  const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
  recorder.event(cronJob, { type: 'Normal', reason: 'JobAlreadyActive', message });
  return false;
}

async function startJob(
  cronJob: CronJob,
  before: CronJobStatus,
  { dueMs, zone, context }: { dueMs: number; zone: TimeZone; context: Context },
): Promise<Next> {
  const replaced = cronJob.spec.concurrencyPolicy === 'Replace' ? (before.active ?? []) : [];
  const { status, failure } = await replaceJobs(cronJob, before, { replaced, context });
  if (failure) return { status, failure };
  try {
    const { job, isNew } = await createOrFind(jobOf(cronJob, { dueMs, zone }), context);
    if (isNew) context.metrics.cronJobSkewSeconds.with().observe(Math.max(0, context.clock.now() - dueMs) / 1000);
    // Somebody else's, who will see to it.
    if (controllerOf(job)?.uid !== cronJob.metadata.uid) return { status };
    if (isNew) {
      context.state.jobs.wrote(cronJob.metadata.uid ?? '', job);
      const message = `Created job ${job.metadata.name}`;
      context.recorder.event(cronJob, { type: 'Normal', reason: 'SuccessfulCreate', message });
    }
    return { status: { ...withActive(status, job), lastScheduleTime: formatTime(dueMs) } };
  } catch (error) {
    if (isNamespaceTerminating(error)) return { status };
    const message = `Error creating job: ${messageOf(error)}`;
    context.recorder.event(cronJob, { type: 'Warning', reason: 'FailedCreate', message });
    return { status, failure: error };
  }
}

async function replaceJobs(
  cronJob: CronJob,
  before: CronJobStatus,
  { replaced, context }: { replaced: NonNullable<CronJobStatus['active']>; context: Context },
): Promise<Next> {
  let status = before;
  for (const { name = '', namespace, uid } of replaced) {
    const failure = await deleteJob(cronJob, { name, namespace, uid }, context);
    if (failure) return { status, failure };
    status = withoutActive(status, new Set([uid]));
  }
  return { status };
}

async function createOrFind(wanted: Job, { client }: Context): Promise<{ job: Job; isNew: boolean }> {
  try {
    return { job: await client.of(jobs).create(wanted), isNew: true };
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    const { name = '', namespace } = wanted.metadata;
    return { job: await client.of(jobs).get(name, { namespace }), isNew: false };
  }
}

function jobOf(cronJob: CronJob, { dueMs, zone }: { dueMs: number; zone: TimeZone }): Job {
  const { metadata: { labels, annotations } = {}, spec } = cronJob.spec.jobTemplate;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(cronJob, dueMs),
      namespace: cronJob.metadata.namespace,
      labels,
      annotations: { ...annotations, 'batch.kubernetes.io/cronjob-scheduled-timestamp': formatInZone(dueMs, zone) },
      ownerReferences: [controllerReference(cronJob, cronJobs)],
    },
    spec: spec!,
  };
}

/** Gives why it could not be done. */
async function deleteJob(
  cronJob: CronJob,
  { name = '', namespace, uid }: Pick<ObjectMeta, 'name' | 'namespace' | 'uid'>,
  { client, recorder }: Context,
): Promise<unknown> {
  try {
    await client.of(jobs).delete(name, { namespace, propagationPolicy: 'Background', preconditions: { uid } });
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    recorder.event(cronJob, { type: 'Warning', reason: 'FailedDelete', message: `Deleted job: ${messageOf(error)}` });
    return error;
  }
  recorder.event(cronJob, { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted job ${name}` });
  return undefined;
}

async function writeStatus(cronJob: CronJob, status: CronJobStatus, { client, state }: Context): Promise<void> {
  if (equal(cronJob.status ?? {}, status)) return;
  const written = await client.of(cronJobs).updateStatus({ ...cronJob, status });
  state.cronJobs.wrote(cronJob.metadata.uid ?? '', written);
}
