/**
 * When a CronJob is due: the latest time that has passed since it last ran, and how long until the next.
 * https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
 */
import type { CronJob } from '#api/gen/batch-v1.js';
import { nextTime, type ParsedCron, parseCron } from '#apimachinery/cron.js';
import { type TimeZone, timeZone, utc } from '#base/time-zone.js';

/** So much later than the time, in case the clocks of machines differ. */
const marginMs = 100;
const missedMax = 100;
/** A machine may sleep, or its clock be set, while a timer runs on as it was: so none runs longer than this. */
const lookMs = 3_600_000;

/** A schedule that can be read and yet has no times, such as 31 February. */
export class ScheduleError extends Error {}

export interface Schedule {
  /** The first time after; undefined when there is none. */
  next(afterMs: number): number | undefined;
}

/** Undefined for a zone that is not known. */
export function zoneOf({ spec }: CronJob): TimeZone | undefined {
  return spec.timeZone === undefined ? utc : timeZone(spec.timeZone);
}

/** Throws a CronError. */
export function scheduleOf({ spec }: CronJob, zone: TimeZone): Schedule {
  const cron: ParsedCron = parseCron(spec.schedule);
  return { next: (afterMs) => nextTime(cron, afterMs, zone) };
}

interface Latest {
  earliestMs: number;
  /** Undefined when none has passed. */
  latestMs?: number;
  missed: number;
}

/** Times are not counted one by one, since there may be any number of them. Throws a ScheduleError. */
function latest(
  { metadata, spec, status }: CronJob,
  schedule: Schedule,
  { nowMs, heedsDeadline }: { nowMs: number; heedsDeadline: boolean },
): Latest {
  const lastMs = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp ?? '') || 0;
  const { startingDeadlineSeconds: deadline } = spec;
  const tooLateMs = heedsDeadline && deadline !== undefined ? nowMs - deadline * 1000 : lastMs;
  const earliestMs = Math.max(lastMs, tooLateMs);
  const firstMs = schedule.next(earliestMs);
  if (firstMs !== undefined && nowMs < firstMs) return { earliestMs, missed: 0 };
  const secondMs = firstMs === undefined ? undefined : schedule.next(firstMs);
  if (firstMs === undefined || secondMs === undefined)
    throw new ScheduleError('time difference between two schedules is less than 1 second');
  if (nowMs < secondMs) return { earliestMs, latestMs: firstMs, missed: 0 };
  const periodMs = secondMs - firstMs;
  const missed = Math.floor((nowMs - firstMs) / periodMs) + 1;
  let latestMs: number | undefined;
  // Where the period is not always the same, one step back finds the time that came last.
  let atMs = schedule.next(firstMs + (missed - 2) * periodMs);
  for (; atMs !== undefined && atMs <= nowMs; atMs = schedule.next(atMs)) latestMs = atMs;
  return { earliestMs, latestMs, missed };
}

/** The time at which a Job should have been made; undefined when none is due. Throws a ScheduleError. */
export function dueTime(
  cronJob: CronJob,
  schedule: Schedule,
  nowMs: number,
): { dueMs: number | undefined; isMissedOften: boolean } {
  const { latestMs, missed } = latest(cronJob, schedule, { nowMs, heedsDeadline: true });
  return { dueMs: latestMs, isMissedOften: latestMs !== undefined && missed > missedMax };
}

/** Until the next time, or until it is worth looking what the clock says. */
export function untilNextMs(cronJob: CronJob, schedule: Schedule, nowMs: number): number | undefined {
  const nextMs = schedule.next(lastPassedMs(cronJob, schedule, nowMs));
  return nextMs === undefined ? undefined : Math.min(nextMs + marginMs - nowMs, lookMs);
}

function lastPassedMs(cronJob: CronJob, schedule: Schedule, nowMs: number): number {
  try {
    const { earliestMs, latestMs, missed } = latest(cronJob, schedule, { nowMs, heedsDeadline: false });
    return latestMs ?? (missed === 0 ? earliestMs : nowMs);
  } catch (error) {
    if (error instanceof ScheduleError) return nowMs;
    throw error;
  }
}

/** One Job a minute at most, and always under the same name, so that none is made twice. */
export function jobName({ metadata }: CronJob, dueMs: number): string {
  return `${metadata.name}-${Math.floor(dueMs / 60_000)}`;
}

/** As in the zone's own time, `2026-03-01T09:00:00+01:00`. */
export function formatInZone(ms: number, zone: TimeZone): string {
  const offsetMs = zone.offsetMs(ms);
  const civil = new Date(ms + offsetMs).toISOString().slice(0, 19);
  if (offsetMs === 0) return `${civil}Z`;
  const minutes = Math.abs(Math.trunc(offsetMs / 60_000));
  const pad = (number: number) => String(Math.floor(number)).padStart(2, '0');
  return `${civil}${offsetMs < 0 ? '-' : '+'}${pad(minutes / 60)}:${pad(minutes % 60)}`;
}

/** `Thu, 01 Jan 2026 09:00:00 +0000`. */
export function formatRfc1123(ms: number): string {
  return new Date(ms).toUTCString().replace('GMT', '+0000');
}
