/** Jobs of all kinds, whose pods end one way or the other, are deleted, and wait while their Job is suspended. */
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import type { Job, JobSpec } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import { below, fraction, type Prng } from '#base/prng.js';
import { hasIndex, readIndexSet } from '#controllers/job/index-set.js';
import { endPods, isComplete, isFailed, isFinished, isOver, podTemplate, someJob } from './batch-pods.js';
import type { Law, World } from './history.js';
import { deleteSome, isLive } from './pods.js';
import type { Stage, Story } from './storm.js';

const backoffLimitPerIndex = 1;

const sorts: ((completions: number) => Partial<JobSpec>)[] = [
  () => ({ backoffLimit: 100 }),
  () => ({ backoffLimit: 100, completionMode: 'Indexed' }),
  () => ({ completionMode: 'Indexed', backoffLimitPerIndex }),
  (completions) => ({
    completionMode: 'Indexed',
    backoffLimit: 100,
    successPolicy: { rules: [{ succeededIndexes: `0,${completions - 1}`, succeededCount: 1 }] },
  }),
];

function someSpec(prng: Prng): JobSpec {
  const completions = 2 + below(prng, 5);
  const parallelism = 1 + below(prng, 4);
  const podReplacementPolicy = fraction(prng) < 0.5 ? 'Failed' : 'TerminatingOrFailed';
  const template = podTemplate;
  return {
    completions,
    parallelism,
    podReplacementPolicy,
    template,
    ...sorts[below(prng, sorts.length)]!(completions),
  };
}

const replacesOnlyFailed = ({ spec }: Job) => spec?.podReplacementPolicy === 'Failed';
const indexOf = ({ metadata }: Pod) => metadata.annotations?.['batch.kubernetes.io/job-completion-index'];
/** Whether it still takes the place of another. */
const holdsPlace = (job: Job, pod: Pod) => (replacesOnlyFailed(job) ? !isOver(pod) : isLive(pod));

const podsOf = (world: World, { metadata: { namespace, uid } }: Job) =>
  world.list(pods, namespace).filter((pod) => controllerOf(pod)?.uid === uid);

/** Never do more run at one time than may, and never two of one index. */
const placesKept = ({ namespace }: Stage): Law => {
  return (world, { resource }) => {
    if (resource.plural !== 'pods') return undefined;
    for (const job of world.list(jobs, namespace)) {
      const holding = podsOf(world, job).filter((pod) => holdsPlace(job, pod));
      const max = job.spec?.parallelism ?? 1;
      if (holding.length > max) return `${job.metadata.name} has ${holding.length} pods where ${max} may be`;
      const indexes = holding.flatMap((pod) => indexOf(pod) ?? []);
      const twice = indexes.find((one, place) => indexes.indexOf(one) !== place);
      if (twice) return `${job.metadata.name} has index ${twice} twice`;
    }
    return undefined;
  };
};

const isIn = (indexes: string | undefined, index: string) =>
  hasIndex(readIndexSet(indexes, Number.MAX_SAFE_INTEGER), Number(index));

/** An index that is counted as done, or has failed as often as it may, is not tried again; and nothing begins after the end. */
const noneTooMany = ({ namespace }: Stage): Law => {
  return (world, { resource, type, object }) => {
    if (resource.plural !== 'pods' || type !== 'added' || object.metadata.namespace !== namespace) return undefined;
    const pod = object as Pod;
    const job = world.get(jobs, `${namespace}/${controllerOf(pod)?.name}`);
    const { name, annotations = {} } = pod.metadata;
    if (!job || isFinished(job)) return `${name} begins when its Job has ended`;
    const index = indexOf(pod);
    if (index === undefined) return undefined;
    if (isIn(job.status?.completedIndexes, index)) return `${name} begins though its index has succeeded`;
    if (isIn(job.status?.failedIndexes, index)) return `${name} begins though its index has failed for good`;
    const failures = Number(annotations['batch.kubernetes.io/job-index-failure-count'] ?? 0);
    return failures > (job.spec?.backoffLimitPerIndex ?? 0) ? `${name} begins after ${failures} failures` : undefined;
  };
};

/** What has been counted stays counted. */
const countsGrow = ({ namespace }: Stage): Law => {
  return (_world, { resource, object, old }) => {
    if (resource.plural !== 'jobs' || object.metadata.namespace !== namespace || !old) return undefined;
    const [before, now] = [(old as Job).status ?? {}, (object as Job).status ?? {}];
    const isLess = (now.succeeded ?? 0) < (before.succeeded ?? 0) || (now.failed ?? 0) < (before.failed ?? 0);
    return isLess ? `counts of ${object.metadata.name} went back` : undefined;
  };
};

export const work = (): Story => {
  let made = 0;
  /** By the uid of their Job: pods that succeeded, or their indexes. */
  const succeeded = new Map<string, Set<string>>();
  const make = async ({ cluster, namespace, prng }: Stage) => {
    if (made === 6) return;
    const metadata = { name: `job${made++}`, namespace };
    await cluster.client.of(jobs).create({ apiVersion: 'batch/v1', kind: 'Job', metadata, spec: someSpec(prng) });
  };
  const suspend = async (stage: Stage) => {
    const job = await someJob(stage);
    if (!job) return;
    const { namespace } = stage;
    const spec = { suspend: !job.spec?.suspend };
    await stage.cluster.client.of(jobs).patch(job.metadata.name!, { spec }, { type: 'merge', namespace });
  };
  return {
    name: 'work',
    async begin(stage) {
      const { cluster, namespace } = stage;
      endPods(stage, { failing: 0.25, afterMsMax: 15_000 });
      cluster.informers.of(pods).onEvent({
        updated(pod) {
          const { metadata, status } = pod;
          if (metadata.namespace !== namespace || status?.phase !== 'Succeeded' || !metadata.finalizers) return;
          const job = controllerOf(pod)?.uid ?? '';
          succeeded.set(job, (succeeded.get(job) ?? new Set()).add(indexOf(pod) ?? metadata.uid!));
        },
      });
      await make(stage);
      await make(stage);
    },
    trouble: [make, suspend, deleteSome],
    async end(stage) {
      const { cluster, namespace } = stage;
      const all = await cluster.list(jobs, namespace);
      for (const { metadata } of all.filter(({ spec }) => spec?.suspend)) {
        const resume = { spec: { suspend: false } };
        await cluster.client.of(jobs).patch(metadata.name!, resume, { type: 'merge', namespace });
      }
      const left = await cluster.list(pods, namespace);
      return [
        [
          all.map((job) => oddity(job, succeeded.get(job.metadata.uid!)?.size ?? 0)),
          left.filter((pod) => isLive(pod) || pod.metadata.finalizers?.length).map(({ metadata }) => metadata.name),
        ],
        [all.map(() => undefined), []],
      ];
    },
    laws: [placesKept, noneTooMany, countsGrow],
  };
};

/** How it ended otherwise than it should have. */
function oddity(job: Job, succeeded: number): string | undefined {
  const { metadata, spec, status } = job;
  const told = `${metadata.name}: ${JSON.stringify({ spec, status, succeeded })}`;
  if (!isFinished(job)) return `${told} has not ended`;
  const isOne = isComplete(job) !== isFailed(job);
  const { succeeded: counted = 0, failedIndexes, uncountedTerminatedPods, active } = status ?? {};
  if (!isOne || active || uncountedTerminatedPods?.failed || uncountedTerminatedPods?.succeeded)
    return `${told} has ended in part`;
  if (spec?.successPolicy) return isComplete(job) && counted > 0 ? undefined : `${told} should have succeeded`;
  const isWhole = counted === spec?.completions;
  if (isComplete(job) !== isWhole || isFailed(job) !== Boolean(failedIndexes)) return `${told} ended the other way`;
  // Some may have succeeded when they were given up already: deleted, or with a Job that was suspended.
  return counted <= succeeded ? undefined : `${told} counted wrongly`;
}
