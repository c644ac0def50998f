/** Job: pods that run until enough of them have succeeded or too many have failed, each counted once. */
import { isFinished } from '#api/batch/job/conditions.js';
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import type { Job, JobStatus } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { controllerOf, formatTime } from '#apimachinery/object.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { equal } from '#base/json.js';
import { keyOf } from '#client/informer.js';
import { askControlledBy, candidatesOf, claim } from '../claim.js';
import { isReady } from '../pod-state.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { UnseenWrites } from '../unseen-writes.js';
import { type Assessment, assess, type End, type Situation, untilDeadlineMs } from './assess.js';
import { type Backoff, noBackoff } from './backoff.js';
import { isManagedByOthers } from './managed-by.js';
import { plan } from './plan.js';
import { isTracked, trackingFinalizer } from './pod.js';
import { createPods, deletePods, dropPods, freePods, type Outcome } from './pod-control.js';
import { type Counts, finished, settle, suspendedOrNot, track, uidOf } from './track.js';

interface State {
  pods: UnseenWrites<Pod>;
  jobs: UnseenWrites<Job>;
  /** By key. After a restart the wait begins anew. */
  backoffs: Map<string, { uid: string; backoff: Backoff }>;
}

type Context = ControllerContext<State>;

export default defineController<Job, State>({
  name: 'job-controller',
  for: jobs,
  owns: [pods],
  gatherMs: 100,
  backoff: { backoffMsMin: 1000, backoffMsMax: 60_000 },
  state: ({ clock, informers }) => ({
    pods: new UnseenWrites({ clock, informer: informers.of(pods) }),
    jobs: new UnseenWrites({ clock, informer: informers.of(jobs) }),
    backoffs: new Map(),
  }),
  watches: ({ informers }) => [
    // A pod without a controller may be one to adopt.
    watch(pods, (pod, { type }) => {
      if (type === 'deleted' || controllerOf(pod)) return [];
      const candidates = informers.of(jobs).inNamespace(pod.metadata.namespace ?? '');
      return candidates.filter(({ spec }) => labelSelectorFrom(spec.selector).matches(pod.metadata.labels)).map(keyOf);
    }),
  ],
  reconcile,
});

async function reconcile({ key }: { key: string }, context: Context): Promise<Requeue | undefined> {
  const { informers, clock, state, recorder, client } = context;
  const job = informers.of(jobs).get(key);
  const known = state.backoffs.get(key);
  if (known && (known.uid !== job?.metadata.uid || isFinished(job.status))) {
    state.backoffs.delete(key);
    state.pods.forget(known.uid);
    state.jobs.forget(known.uid);
  }
  if (!job || isFinished(job.status) || isManagedByOthers(job)) return undefined;
  const { name = '', namespace, uid = '' } = job.metadata;
  const selector = labelSelectorFrom(job.spec.selector);
  await state.jobs.settle(uid, async () => [await client.of(jobs).get(name, { namespace })]);
  await state.pods.settle(uid, () => askControlledBy(client, { owner: job, selector, resource: pods }));
  // What is counted twice, or made twice, is counted or made by a copy that lags behind.
  const pendingMs = state.pods.pendingMs(uid) ?? state.jobs.pendingMs(uid);
  if (pendingMs !== undefined) return { afterMs: pendingMs };
  if (!['Indexed', 'NonIndexed'].includes(job.spec.completionMode ?? 'NonIndexed')) {
    const message = 'Skipped Job sync because completion mode is unknown';
    recorder.event(job, { type: 'Warning', reason: 'UnknownCompletionMode', message });
    return undefined;
  }
  const backoff = state.backoffs.get(key)?.backoff ?? noBackoff;
  const situation: Situation = { job, pods: await podsOf(job, context), backoff, nowMs: clock.now() };
  const startMs = clock.monotonic();
  const done = { mode: job.spec.completionMode ?? 'NonIndexed', action: 'reconciling' };
  let result = 'error';
  try {
    const next = await run(situation, { key, context, done });
    result = 'success';
    return next;
  } finally {
    const labels = [done.mode, result, done.action];
    context.metrics.jobSyncs.with(...labels).add();
    context.metrics.jobSyncSeconds.with(...labels).observe((clock.monotonic() - startMs) / 1000);
  }
}

/** Those that are adopted just now too, with the finalizer that they get. */
async function podsOf(job: Job, { informers, client }: Context): Promise<Pod[]> {
  const selector = labelSelectorFrom(job.spec.selector);
  const candidates = candidatesOf(informers.of(pods), job);
  const request = { client, owner: job, ownerResource: jobs, selector, resource: pods, candidates };
  const mine = await claim({ ...request, finalizer: trackingFinalizer });
  return mine.map((pod) => {
    if (controllerOf(pod) || isTracked(pod)) return pod;
    const finalizers = [...(pod.metadata.finalizers ?? []), trackingFinalizer];
    return { ...pod, metadata: { ...pod.metadata, finalizers } };
  });
}

async function run(
  situation: Situation,
  { key, context, done }: { key: string; context: Context; done: { mode: string; action: string } },
): Promise<Requeue | undefined> {
  const { job, nowMs } = situation;
  const { recorder, state } = context;
  const assessment = assess(situation);
  const acted = assessment.end
    ? await endPods(situation, assessment, context)
    : await goOn(situation, assessment, context);
  const { before, news } = withTimes(situation, acted);
  const tracked = track(situation, assessment, { ...acted, before });

  const written = await writeStatus(job, tracked.status, context);
  state.backoffs.set(key, { uid: job.metadata.uid ?? '', backoff: assessment.backoff });
  if (news) recorder.event(job, { type: 'Normal', reason: news, message: `Job ${news.toLowerCase()}` });
  done.action = acted.action;
  const freed = await freePods(job, tracked.free, meansOf(context));
  const freedUids = new Set(freed.done.map(uidOf));
  const held = situation.pods.filter((pod) => isTracked(pod) && !freedUids.has(uidOf(pod))).map(uidOf);
  const settled = settle(written.status ?? {}, new Set(held));
  const { end } = acted;
  const final = end && !tracked.isCut && !freed.failure ? finished(settled, { end, nowMs }) : undefined;
  const last = await writeStatus(written, final ?? settled, context);
  countFinished(job, last, context);
  if (final && end) {
    tellOfEnd(last, end, context);
    const isComplete = end.type === 'Complete';
    context.metrics.jobsFinished.with(done.mode, isComplete ? 'succeeded' : 'failed', end.reason ?? '').add();
  }
  const failure = freed.failure ?? acted.failure;
  if (failure) throw failure;
  return assessment.end ? undefined : soonest(acted.waitMs, untilDeadlineMs(job, nowMs));
}

interface Acted {
  counts: Counts;
  end: End | undefined;
  /** Whether the Job goes on, and pods were made and ended as it needs. */
  isManaged: boolean;
  waitMs?: number;
  failure?: unknown;
  /** As metrics tell it. */
  action: 'tracking' | 'reconciling' | 'pods_created' | 'pods_deleted';
}

/** Pods whose end the status counts by now, and did not before. */
function countFinished({ spec, status: before }: Job, { status }: Job, { metrics }: Context): void {
  const mode = spec.completionMode ?? 'NonIndexed';
  for (const result of ['succeeded', 'failed'] as const) {
    const more = (status?.[result] ?? 0) - (before?.[result] ?? 0);
    if (more > 0) metrics.jobPodsFinished.with(mode, result).add(more);
  }
}

function countsOf({ active, terminating }: Assessment, removed: readonly Pod[], created = 0): Counts {
  const ready = active.filter(isReady).length - removed.filter(isReady).length;
  return { active: active.length - removed.length + created, ready, terminating: terminating + removed.length };
}

/** Whether it is the end is said only when all are on their way out. */
async function endPods({ job }: Situation, assessment: Assessment, context: Context): Promise<Acted> {
  const { done, failure } = await deletePods(job, assessment.active, meansOf(context));
  const isAll = done.length === assessment.active.length;
  return {
    counts: countsOf(assessment, done),
    end: isAll ? assessment.end : undefined,
    isManaged: false,
    failure,
    action: 'pods_deleted',
  };
}

async function goOn(situation: Situation, assessment: Assessment, context: Context): Promise<Acted> {
  const { job } = situation;
  const { remove, create, waitMs } = plan(situation, assessment);
  const isManaged = job.metadata.deletionTimestamp === undefined;
  const nothing: Outcome = { done: [] };
  const removed = isManaged && remove.length > 0 ? await dropPods(job, remove, meansOf(context)) : nothing;
  const created = isManaged && create.length > 0 ? await createPods(job, create, meansOf(context)) : nothing;
  if (created.done.length > 0) context.metrics.jobPodsCreated.with('new', 'succeeded').add(created.done.length);
  if (created.failure) context.metrics.jobPodsCreated.with('new', 'failed').add();
  const action = created.done.length > 0 ? 'pods_created' : removed.done.length > 0 ? 'pods_deleted' : 'tracking';
  const counts = countsOf(assessment, removed.done, created.done.length);
  const end = counts.active === 0 && hasSucceeded(job, assessment) ? completion : undefined;
  return { counts, end, isManaged: isManaged && !end, waitMs, failure: removed.failure ?? created.failure, action };
}

const completion: End = {
  type: 'Complete',
  reason: 'CompletionsReached',
  message: 'Reached expected number of succeeded pods',
};

function hasSucceeded({ spec }: Job, { succeeded }: Assessment): boolean {
  return spec.completions === undefined ? succeeded > 0 : succeeded >= spec.completions;
}

function meansOf({ client, recorder, state }: Context) {
  return { client, recorder, unseen: state.pods };
}

function withTimes({ job, nowMs }: Situation, { isManaged }: Acted) {
  const isSuspended = job.spec.suspend === true;
  const { startTime = isSuspended ? undefined : formatTime(nowMs) } = job.status ?? {};
  const begun: JobStatus = { ...job.status, startTime };
  if (!isManaged) return { before: begun };
  const { status, news } = suspendedOrNot(begun, { isSuspended, nowMs });
  return { before: status, news };
}

/** Gives the Job as it then is. */
async function writeStatus(job: Job, status: JobStatus, { client, state }: Context): Promise<Job> {
  if (equal(job.status ?? {}, status)) return job;
  const { uid = '' } = job.metadata;
  const written = await state.jobs.attempt(uid, () => client.of(jobs).updateStatus({ ...job, status }));
  state.jobs.wrote(uid, written);
  return written;
}

function tellOfEnd(job: Job, { type, reason, message }: End, { recorder }: Context): void {
  if (type === 'Failed') {
    recorder.event(job, { type: 'Warning', reason, message });
    return;
  }
  if ((job.status?.succeeded ?? 0) > (job.spec.completions ?? Number.POSITIVE_INFINITY)) {
    const text = 'Too many succeeded pods running after completion count reached';
    recorder.event(job, { type: 'Warning', reason: 'TooManySucceededPods', message: text });
  }
  recorder.event(job, { type: 'Normal', reason: 'Completed', message: 'Job completed' });
}

function soonest(...delaysMs: (number | undefined)[]): Requeue | undefined {
  const some = delaysMs.filter((delayMs) => delayMs !== undefined);
  return some.length > 0 ? { afterMs: Math.min(...some) } : undefined;
}
