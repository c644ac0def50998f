/** CronJobs on the real API server, in virtual time: when Jobs are made, when not, and how long they are kept. */
import { afterEach, expect, test } from 'vitest';
import cronJobs from '#api/batch/cronjob.js';
import jobs from '#api/batch/job/index.js';
import events from '#api/core/event.js';
import pods from '#api/core/pod/index.js';
import type { CronJob, CronJobSpec, JobSpec } from '#api/gen/batch-v1.js';
import { finishPod } from './finish-pod.js';
import { TestCluster } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const minute = 60_000;
const template: JobSpec = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'v1' }] } } };

/** The virtual clock begins at midnight, the 1st of January 2026. */
const start = async (spec: Partial<CronJobSpec> = {}) => {
  cluster = await TestCluster.start();
  await cluster.client.of(cronJobs).create(tick(spec));
};

function tick(spec: Partial<CronJobSpec>): CronJob {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'tick', namespace: 'default' },
    spec: { schedule: '* * * * *', jobTemplate: { metadata: { labels: { app: 'tick' } }, spec: template }, ...spec },
  };
}

const patchSpec = (spec: object) =>
  cluster.client.of(cronJobs).patch('tick', { spec }, { type: 'merge', namespace: 'default' });
const status = async () => (await cluster.get(cronJobs, 'tick')).status ?? {};
const made = async () => (await cluster.list(jobs)).map(({ metadata }) => metadata.name).sort();
const nameAt = (time: string) => `tick-${Date.parse(time) / minute}`;
const told = async () => (await cluster.list(events)).map(({ reason, message }) => `${reason}: ${message}`);
const count = (many: number) => async () => (await made()).length === many;
const goTo = (time: string) => cluster.advance(Date.parse(time) - cluster.clock.now());

/** Ends all pods, as soon as they run, from now on. */
function endPods({ exitCode = 0 } = {}): void {
  const ended = new Set<string>();
  cluster.informers.of(pods).onEvent({
    updated: (pod) => {
      if (pod.status?.phase !== 'Running' || ended.has(pod.metadata.uid!)) return;
      ended.add(pod.metadata.uid!);
      void finishPod(cluster, pod, exitCode);
    },
  });
}

test('a Job is made each minute, under the name of that minute, and kept in the status while it runs', async () => {
  await start();
  await goTo('2026-01-01T00:01:01Z');
  const name = nameAt('2026-01-01T00:01:00Z');
  expect(await made()).toEqual([name]);
  const job = await cluster.get(jobs, name);
  expect(job.metadata).toMatchObject({
    labels: { app: 'tick' },
    annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:01:00Z' },
    ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: 'tick', controller: true }],
  });
  const { uid } = job.metadata;
  const active = [{ apiVersion: 'batch/v1', kind: 'Job', namespace: 'default', name, uid }];
  expect(await status()).toMatchObject({ active, lastScheduleTime: '2026-01-01T00:01:00Z' });
  await goTo('2026-01-01T00:03:01Z');
  expect(await made()).toHaveLength(3);
  expect((await status()).active).toHaveLength(3);
  expect(await told()).toContain(`SuccessfulCreate: Created job ${name}`);
});

test('Jobs that have ended leave the status, and the oldest go', async () => {
  await start({ successfulJobsHistoryLimit: 2 });
  endPods();
  await goTo('2026-01-01T00:05:50Z');
  expect(await made()).toEqual([nameAt('2026-01-01T00:04:00Z'), nameAt('2026-01-01T00:05:00Z')]);
  const { active, lastSuccessfulTime = '' } = await status();
  expect(active).toBeUndefined();
  expect(Date.parse(lastSuccessfulTime)).toBeGreaterThan(Date.parse('2026-01-01T00:05:00Z'));
  const name = nameAt('2026-01-01T00:01:00Z');
  expect(await told()).toEqual(
    expect.arrayContaining([
      `SawCompletedJob: Saw completed job: ${name}, condition: Complete`,
      `SuccessfulDelete: Deleted job ${name}`,
    ]),
  );
});

test('of failed Jobs one is kept', async () => {
  await start({ jobTemplate: { spec: { ...template, backoffLimit: 0 } } });
  endPods({ exitCode: 1 });
  await goTo('2026-01-01T00:04:30Z');
  expect(await made()).toEqual([nameAt('2026-01-01T00:04:00Z')]);
  expect((await status()).lastSuccessfulTime).toBeUndefined();
});

test('no Job is made beside another where that is forbidden, and the next one comes when it has ended', async () => {
  await start({ concurrencyPolicy: 'Forbid' });
  await goTo('2026-01-01T00:03:30Z');
  const first = nameAt('2026-01-01T00:01:00Z');
  expect(await made()).toEqual([first]);
  const reason = 'Not starting job because prior execution is running and concurrency policy is Forbid';
  expect(await told()).toContain(`JobAlreadyActive: ${reason}`);
  for (const pod of await cluster.list(pods)) await finishPod(cluster, pod, 0);
  // The time that was missed meanwhile is made up for.
  await cluster.until(count(2), { limitMs: 10_000 });
  expect(await made()).toEqual([first, nameAt('2026-01-01T00:03:00Z')]);
});

test('a Job that still runs gives way to the next where that is wished', async () => {
  await start({ concurrencyPolicy: 'Replace' });
  await goTo('2026-01-01T00:01:30Z');
  await goTo('2026-01-01T00:02:30Z');
  const [first, second] = [nameAt('2026-01-01T00:01:00Z'), nameAt('2026-01-01T00:02:00Z')];
  expect(await made()).toEqual([second]);
  expect((await status()).active).toMatchObject([{ name: second }]);
  expect(await told()).toContain(`SuccessfulDelete: Deleted job ${first}`);
});

test('a suspended CronJob makes nothing, and makes up for the last time that it missed', async () => {
  await start({ suspend: true });
  await goTo('2026-01-01T00:10:30Z');
  expect(await made()).toEqual([]);
  await patchSpec({ suspend: false });
  await cluster.until(count(1), { limitMs: 5000 });
  expect(await made()).toEqual([nameAt('2026-01-01T00:10:00Z')]);
});

test('a time that is past its deadline is told of and left out', async () => {
  await start({ suspend: true, schedule: '*/10 * * * *', startingDeadlineSeconds: 60 });
  await goTo('2026-01-01T00:15:00Z');
  await patchSpec({ suspend: false });
  await cluster.advance(20_000);
  expect(await made()).toEqual([]);
  await goTo('2026-01-01T00:20:02Z');
  expect(await made()).toEqual([nameAt('2026-01-01T00:20:00Z')]);
});

test('after more than a hundred missed times one Job is made, and a warning given', async () => {
  await start({ suspend: true });
  await goTo('2026-01-01T02:00:30Z');
  await patchSpec({ suspend: false });
  await cluster.until(count(1), { limitMs: 5000 });
  expect(await made()).toEqual([nameAt('2026-01-01T02:00:00Z')]);
  const remedy = 'Set or decrease .spec.startingDeadlineSeconds or check clock skew';
  expect(await told()).toContain(`TooManyMissedTimes: too many missed start times. ${remedy}`);
});

test('the schedule is in the time of its zone, and the annotation too', async () => {
  await start({ schedule: '35 5 * * *', timeZone: 'Asia/Kolkata' });
  await goTo('2026-01-01T00:05:02Z');
  const [job] = await cluster.list(jobs);
  const annotations = { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T05:35:00+05:30' };
  expect(job?.metadata).toMatchObject({ name: nameAt('2026-01-01T00:05:00Z'), annotations });
});

test('a time that came while the machine slept is made up for within an hour of its waking', async () => {
  await start({ schedule: '0 5 * * *' });
  await goTo('2026-01-01T00:01:00Z');
  cluster.clock.jump(8 * 60 * minute);
  await cluster.advance(50 * minute);
  expect(await made()).toEqual([]);
  await cluster.advance(10 * minute);
  expect(await made()).toEqual([nameAt('2026-01-01T05:00:00Z')]);
});

test('times of a new schedule that have passed already are not made up for', async () => {
  await start({ schedule: '0 0 1 6 *' });
  await goTo('2026-01-01T00:10:30Z');
  await patchSpec({ schedule: '* * * * *' });
  await cluster.advance(20_000);
  expect(await made()).toEqual([]);
});

test('a schedule without any time is told of', async () => {
  await start({ schedule: '0 0 31 2 *' });
  const why = 'time difference between two schedules is less than 1 second';
  await cluster.until(async () => (await told()).includes(`InvalidSchedule: invalid schedule: 0 0 31 2 * : ${why}`));
});

test('a Job that somebody deletes is missed once', async () => {
  await start({ schedule: '1 0 * * *' });
  await goTo('2026-01-01T00:01:02Z');
  const [name = ''] = await made();
  await cluster.client.of(jobs).delete(name, { namespace: 'default', propagationPolicy: 'Background' });
  await cluster.until(async () => (await status()).active === undefined);
  expect(await told()).toContain(`MissingJob: Active job went missing: ${name}`);
  expect(await made()).toEqual([]);
});

test('finished Jobs go after the time that they are given', async () => {
  await start({
    schedule: '1 0 * * *',
    jobTemplate: { spec: { ...template, ttlSecondsAfterFinished: 100 } },
  });
  endPods();
  await goTo('2026-01-01T00:02:00Z');
  expect(await made()).toHaveLength(1);
  await goTo('2026-01-01T00:03:00Z');
  expect(await made()).toEqual([]);
  expect(await cluster.list(pods)).toEqual([]);
});
