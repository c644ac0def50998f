/** What a CronJob knows of its Jobs: which are under way, when one last succeeded, and which have outlived its history. */
import { hasCondition, isFinished } from '#api/batch/job/conditions.js';
import type { CronJob, CronJobStatus, Job } from '#api/gen/batch-v1.js';
import type { ObjectReference } from '#api/gen/core-v1.js';
import type { EventText } from '#client/events.js';

/** Beyond the limits the oldest go. */
export function outdatedJobs({ spec }: CronJob, jobs: readonly Job[]): Job[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = spec;
  const succeeded = jobs.filter(({ status }) => hasCondition(status, 'Complete'));
  const failed = jobs.filter(({ status }) => !hasCondition(status, 'Complete') && hasCondition(status, 'Failed'));
  return [...oldest(succeeded, successfulJobsHistoryLimit), ...oldest(failed, failedJobsHistoryLimit)];
}

function oldest(jobs: readonly Job[], keptMax: number = jobs.length): Job[] {
  const start = ({ status }: Job) => (status?.startTime ? Date.parse(status.startTime) : Number.POSITIVE_INFINITY);
  const byAge = (a: Job, b: Job) => {
    const [left, right] = [start(a), start(b)];
    return left === right ? (nameOf(a) < nameOf(b) ? -1 : 1) : left - right;
  };
  return [...jobs].sort(byAge).slice(0, Math.max(jobs.length - keptMax, 0));
}

function nameOf({ metadata }: Job): string {
  return metadata.name ?? '';
}

export interface Seen {
  status: CronJobStatus;
  news: EventText[];
  /** Named in the status as active, and not among the Jobs. */
  unknown: ObjectReference[];
}

export function see(status: CronJobStatus, jobs: readonly Job[]): Seen {
  const active = status.active ?? [];
  const news: EventText[] = [];
  const byUid = new Map(jobs.map((job) => [job.metadata.uid, job]));
  const isActive = ({ metadata }: Job) => active.some(({ uid }) => uid === metadata.uid);
  for (const job of jobs) {
    if (isFinished(job.status) && isActive(job)) {
      const end = hasCondition(job.status, 'Complete') ? 'Complete' : 'Failed';
      const message = `Saw completed job: ${nameOf(job)}, condition: ${end}`;
      news.push({ type: 'Normal', reason: 'SawCompletedJob', message });
    } else if (!isFinished(job.status) && !isActive(job)) {
      const message = `Saw a job that the controller did not create or forgot: ${nameOf(job)}`;
      news.push({ type: 'Warning', reason: 'UnexpectedJob', message });
    }
  }
  const isUnderWay = ({ uid }: ObjectReference) => !isFinished(byUid.get(uid)?.status);
  return {
    status: {
      ...status,
      active: nonEmpty(active.filter(isUnderWay)),
      lastSuccessfulTime: lastSuccess(status, jobs),
    },
    news,
    unknown: active.filter(({ uid }) => !byUid.has(uid)),
  };
}

function lastSuccess({ lastSuccessfulTime }: CronJobStatus, jobs: readonly Job[]): string | undefined {
  const times = jobs
    .filter(({ status }) => hasCondition(status, 'Complete'))
    .map(({ status }) => status?.completionTime);
  const all = [lastSuccessfulTime, ...times].filter((time) => time !== undefined);
  return all.reduce<string | undefined>(
    (latest, time) => (latest && Date.parse(latest) >= Date.parse(time) ? latest : time),
    undefined,
  );
}

export function withoutActive(status: CronJobStatus, uids: ReadonlySet<string | undefined>): CronJobStatus {
  return { ...status, active: nonEmpty((status.active ?? []).filter(({ uid }) => !uids.has(uid))) };
}

export function withActive(status: CronJobStatus, job: Job): CronJobStatus {
  const { name, namespace, uid, resourceVersion } = job.metadata;
  const reference = { kind: 'Job', namespace, name, uid, apiVersion: 'batch/v1', resourceVersion };
  return { ...status, active: [...(status.active ?? []), reference] };
}

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length > 0 ? list : undefined;
}
