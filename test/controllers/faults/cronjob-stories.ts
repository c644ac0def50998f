/** CronJobs while somebody sets the clock, in zones whose clocks change that night. */
import cronJobs from '#api/batch/cronjob.js';
import jobs from '#api/batch/job/index.js';
import type { CronJob, Job } from '#api/gen/batch-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import { below, fraction } from '#base/prng.js';
import { endPods, isComplete, isFinished, podTemplate, someJob } from './batch-pods.js';
import type { Law } from './history.js';
import { patchSpec } from './pods.js';
import type { Stage, Story } from './storm.js';

/** Right before the clocks of central Europe go forward, and back: at 1:00 UTC. */
export const clockChangesMs = [Date.UTC(2026, 2, 29, 0, 20), Date.UTC(2026, 9, 25, 0, 20)];
const periodMs = 600_000;
/** So long after a time its Job is there at the latest. */
const stepMs = 10_000;
const often = '*/10 * * * *';
/** In spring there is no such time, and in autumn there are two. */
const nightly = '30 2 * * *';
const timeZone = 'Europe/Berlin';

const timeOf = ({ metadata }: Job) => metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'] ?? '';

/** Each time of a schedule is begun once, whatever becomes of its Job, and no other time is. */
const onceAtItsTime = ({ namespace }: Stage): Law => {
  const begun = new Set<string>();
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' });
  return (world, { resource, type, object }) => {
    if (resource.plural !== 'jobs' || type !== 'added' || object.metadata.namespace !== namespace) return undefined;
    const job = object as Job;
    const { name = '', uid } = controllerOf(job) ?? {};
    const time = timeOf(job);
    const place = `${uid} ${time}`;
    if (begun.has(place)) return `${name} begins ${time} twice`;
    begun.add(place);
    const atMs = Date.parse(time);
    const owner = world.get(cronJobs, `${namespace}/${name}`);
    if (owner?.spec.schedule === often) return atMs % periodMs === 0 ? undefined : `${time} is no time of ${name}`;
    return clock.format(atMs) === '02:30' ? undefined : `${time} is no time of ${name}`;
  };
};

/** One whose Jobs may not overlap has one that has not ended. */
const neverTwoAtOnce = ({ namespace }: Stage): Law => {
  return (world) => {
    for (const { metadata, spec } of world.list(cronJobs, namespace)) {
      if (spec.concurrencyPolicy === 'Allow') continue;
      const own = world.list(jobs, namespace).filter((job) => controllerOf(job)?.uid === metadata.uid);
      const open = own.filter((job) => !isFinished(job) && !job.metadata.deletionTimestamp);
      if (open.length > 1) return `${metadata.name} has ${open.length} Jobs at once`;
    }
    return undefined;
  };
};

export const schedules = (concurrencyPolicy: string) => (): Story => {
  let isSuspended = false;
  const make = async ({ cluster, namespace }: Stage, name: string, schedule: string) => {
    const jobTemplate = { spec: { template: podTemplate, backoffLimit: 1 } };
    const spec: CronJob['spec'] = { schedule, timeZone, concurrencyPolicy, jobTemplate };
    await cluster.client
      .of(cronJobs)
      .create({ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name, namespace }, spec });
  };
  return {
    name: `schedules ${concurrencyPolicy}`,
    async begin(stage) {
      endPods(stage, { failing: 0.25, afterMsMax: 100_000 });
      await make(stage, 'it', often);
      await make(stage, 'nightly', nightly);
    },
    trouble: [
      ({ cluster, prng }) => cluster.advance(fraction(prng) * periodMs),
      async ({ cluster, prng }) => cluster.clock.jump((fraction(prng) - 0.4) * 12 * periodMs),
      async (stage) => {
        isSuspended = below(stage.prng, 2) === 1;
        await patchSpec(cronJobs, stage, { suspend: isSuspended });
      },
      async (stage) => {
        const job = await someJob(stage);
        const { namespace } = stage;
        if (!job) return;
        const propagationPolicy = 'Background';
        await stage.cluster.client.of(jobs).delete(job.metadata.name!, { namespace, propagationPolicy });
      },
    ],
    async end(stage) {
      const { cluster, namespace } = stage;
      if (isSuspended) await patchSpec(cronJobs, stage, { suspend: (isSuspended = false) });
      const { metadata, status = {} } = await cluster.get(cronJobs, 'it', namespace);
      const own = (await cluster.list(jobs, namespace)).filter((job) => controllerOf(job)?.uid === metadata.uid);
      const ended = own.filter(isFinished);
      const open = own.filter((job) => !isFinished(job));
      const lastMs = Date.parse(status.lastScheduleTime ?? '') || 0;
      // One that must not overlap may wait for the Job before it.
      const isPunctual =
        lastMs >= cluster.clock.now() - periodMs - stepMs || (concurrencyPolicy === 'Forbid' && open.length > 0);
      return [
        [
          isPunctual,
          (status.active ?? []).map(({ name }) => name).sort(),
          ended.filter(isComplete).length <= 3,
          ended.filter((job) => !isComplete(job)).length <= 1,
        ],
        [true, open.map((job) => job.metadata.name).sort(), true, true],
      ];
    },
    laws: [onceAtItsTime, neverTwoAtOnce],
  };
};
