/** Jobs: their indexes, limits and policies, their status, and the pods they own. Containers end as their arguments say. */
import { expect } from 'vitest';
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import type { Job, JobSpec } from '#api/gen/batch-v1.js';
import type { Pod, PodTemplateSpec } from '#api/gen/core-v1.js';
import { controllerOf, formatTime } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import { conformance, type Scene, useCluster } from './conformance.js';
import { image, podOf, refusal } from './objects.js';
import { ending } from './workload-ends.js';

useCluster({ time: 'virtual', nodes: [{ runtime: { lifetime: ending } }, { runtime: { lifetime: ending } }] });

const minutesMs = (minutes: number) => minutes * 60_000;

function jobOf(name: string, namespace: string, args: string[], spec: Partial<JobSpec> = {}): Job {
  const restartPolicy = spec.template?.spec?.restartPolicy ?? 'Never';
  const template: PodTemplateSpec = {
    metadata: { labels: { job: name } },
    spec: { restartPolicy, terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image, args }] },
  };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace }, spec: { ...spec, template } };
}

const get = ({ client, namespace }: Scene, name: string) => client.of(jobs).get(name, { namespace });
const podsOf = async ({ client, namespace }: Scene, name: string) =>
  (await client.of(pods).list({ namespace, labelSelector: `job=${name}` })).items;
const live = (all: readonly Pod[]) =>
  all.filter(({ metadata, status }) => !metadata.deletionTimestamp && status?.phase === 'Running');

async function ends(scene: Scene, name: string, type: 'Complete' | 'Failed', reason: string): Promise<Job> {
  const found = async () => (await get(scene, name)).status?.conditions?.find((one) => one.type === type);
  await scene.until(async () => (await found())?.status === 'True', minutesMs(10));
  expect(await found()).toMatchObject({ reason });
  return get(scene, name);
}

async function runs(scene: Scene, name: string, count: number): Promise<void> {
  await scene.until(async () => {
    const { status } = await get(scene, name);
    return status?.active === count && status.ready === count;
  }, minutesMs(2));
}

const onFailure = { template: { spec: { restartPolicy: 'OnFailure', containers: [] } } };
const indexed = (completions: number): Partial<JobSpec> => ({
  completionMode: 'Indexed',
  completions,
  parallelism: completions,
});

conformance(
  '[sig-apps] Job should run a job to completion when tasks sometimes fail and are locally restarted [Conformance]',
  async (scene) => {
    const job = jobOf('fail-once-local', scene.namespace, ['exit', '1', '0'], {
      ...onFailure,
      parallelism: 2,
      completions: 4,
    });
    await scene.client.of(jobs).create(job);
    const { status } = await ends(scene, 'fail-once-local', 'Complete', 'CompletionsReached');
    expect(status?.succeeded).toBe(4);
    const all = await podsOf(scene, 'fail-once-local');
    expect(all.filter((pod) => pod.status?.phase === 'Succeeded')).toHaveLength(4);
    expect(all.map((pod) => pod.status?.containerStatuses?.[0]?.restartCount)).toEqual([1, 1, 1, 1]);
  },
);

conformance(
  '[sig-apps] Job should create pods for an Indexed job with completion indexes and specified hostname [Conformance]',
  async (scene) => {
    const { namespace, client } = scene;
    await client.of(jobs).create(jobOf('indexed-job', namespace, ['exit', '0'], { ...indexed(4), parallelism: 2 }));
    const { status } = await ends(scene, 'indexed-job', 'Complete', 'CompletionsReached');
    expect(status).toMatchObject({ succeeded: 4, completedIndexes: '0-3' });
    const all = await podsOf(scene, 'indexed-job');
    const key = 'batch.kubernetes.io/job-completion-index';
    expect(all.map(({ metadata }) => metadata.annotations?.[key]).sort()).toEqual(['0', '1', '2', '3']);
    for (const { metadata, spec } of all) {
      expect(spec.hostname).toBe(`indexed-job-${metadata.annotations?.[key]}`);
      expect(metadata.labels?.[key]).toBe(metadata.annotations?.[key]);
    }
  },
);

conformance(
  '[sig-apps] Job should execute all indexes despite some failing when using backoffLimitPerIndex [Conformance]',
  async (scene) => {
    const spec = { ...indexed(2), backoffLimitPerIndex: 1 };
    await scene.client.of(jobs).create(jobOf('per-index', scene.namespace, ['exit', '1', '0'], spec));
    const { status } = await ends(scene, 'per-index', 'Failed', 'FailedIndexes');
    expect(status).toMatchObject({ failedIndexes: '0', completedIndexes: '1', failed: 2, succeeded: 1 });
  },
);

conformance(
  '[sig-apps] Job should terminate job execution when the number of failed indexes exceeds maxFailedIndexes [Conformance]',
  async (scene) => {
    const spec = { ...indexed(4), backoffLimitPerIndex: 0, maxFailedIndexes: 0 };
    const job = jobOf('max-failed', scene.namespace, ['exit', '1', 'run', 'run', 'run'], spec);
    await scene.client.of(jobs).create(job);
    const { status } = await ends(scene, 'max-failed', 'Failed', 'MaxFailedIndexesExceeded');
    expect(status).toMatchObject({ failedIndexes: '0', failed: 4 });
    expect(live(await podsOf(scene, 'max-failed'))).toEqual([]);
  },
);

conformance(
  '[sig-apps] Job should mark indexes as failed when the FailIndex action is matched in podFailurePolicy [Conformance]',
  async (scene) => {
    const rule = { action: 'FailIndex', onExitCodes: { operator: 'In', values: [42] } };
    const spec = { ...indexed(2), backoffLimitPerIndex: 1, podFailurePolicy: { rules: [rule] } };
    await scene.client.of(jobs).create(jobOf('fail-index', scene.namespace, ['exit', '42', '0'], spec));
    const { status } = await ends(scene, 'fail-index', 'Failed', 'FailedIndexes');
    expect(status).toMatchObject({ failedIndexes: '0', completedIndexes: '1', failed: 1, succeeded: 1 });
  },
);

conformance(
  '[sig-apps] Job should allow to use the pod failure policy on exit code to fail the job early [Conformance]',
  async (scene) => {
    const rule = { action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } };
    const spec = { parallelism: 1, completions: 1, backoffLimit: 1, podFailurePolicy: { rules: [rule] } };
    await scene.client.of(jobs).create(jobOf('fail-early', scene.namespace, ['exit', '1'], spec));
    const { status } = await ends(scene, 'fail-early', 'Failed', 'PodFailurePolicy');
    expect(status?.failed).toBe(1);
    expect(await podsOf(scene, 'fail-early')).toHaveLength(1);
  },
);

conformance(
  '[sig-apps] Job should allow to use a pod failure policy to ignore failure matching on DisruptionTarget condition [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const rule = { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] };
    const spec = { parallelism: 1, completions: 1, backoffLimit: 0, podFailurePolicy: { rules: [rule] } };
    await client.of(jobs).create(jobOf('ignored', namespace, ['exit', 'run'], spec));
    await runs(scene, 'ignored', 1);
    const [{ metadata: { name = '', uid } = {} }] = live(await podsOf(scene, 'ignored')) as [Pod];
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    await client.of(pods).subresource({ method: 'POST', name, namespace, subresource: 'eviction', body });
    await until(async () => live(await podsOf(scene, 'ignored')).some((pod) => pod.metadata.uid !== uid), minutesMs(2));
    const { status } = await get(scene, 'ignored');
    expect(status?.failed).toBeUndefined();
    expect(status?.conditions).toBeUndefined();
  },
);

interface ByPolicy {
  /** What each index does. */
  args: string[];
  rule: { succeededIndexes?: string; succeededCount?: number };
  succeeded: number;
  indexes: string;
}

/** A Job is complete when the rule says so, and what still runs is ended. */
function byPolicy({ args, rule, succeeded, indexes }: ByPolicy): (scene: Scene) => Promise<void> {
  return async (scene) => {
    const spec = { ...indexed(2), successPolicy: { rules: [rule] } };
    await scene.client.of(jobs).create(jobOf('by-policy', scene.namespace, args, spec));
    const { status } = await ends(scene, 'by-policy', 'Complete', 'SuccessPolicy');
    expect(status).toMatchObject({ succeeded, completedIndexes: indexes });
    expect(status?.conditions?.map(({ type }) => type)).toEqual(['SuccessCriteriaMet', 'Complete']);
    expect(live(await podsOf(scene, 'by-policy'))).toEqual([]);
  };
}

conformance(
  '[sig-apps] Job with successPolicy should succeeded when all indexes succeeded [Conformance]',
  byPolicy({ args: ['exit', '0'], rule: { succeededIndexes: '0-1' }, succeeded: 2, indexes: '0,1' }),
);

conformance(
  '[sig-apps] Job with successPolicy succeededIndexes rule should succeeded even when some indexes remain pending [Conformance]',
  byPolicy({ args: ['exit', '0', 'run'], rule: { succeededIndexes: '0' }, succeeded: 1, indexes: '0' }),
);

conformance(
  '[sig-apps] Job with successPolicy succeededCount rule should succeeded even when some indexes remain pending [Conformance]',
  byPolicy({ args: ['exit', 'run', '0'], rule: { succeededCount: 1 }, succeeded: 1, indexes: '1' }),
);

conformance(
  '[sig-apps] Job should adopt matching orphans and release non-matching pods [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const job = await client
      .of(jobs)
      .create(jobOf('adopt-release', namespace, ['exit', 'run'], { parallelism: 2, completions: 2 }));
    await runs(scene, 'adopt-release', 2);
    const [{ metadata: { name = '' } = {} }] = (await podsOf(scene, 'adopt-release')) as [Pod];
    const owner = async () => controllerOf(await client.of(pods).get(name, { namespace }))?.uid;
    const orphan = copy(await client.of(pods).get(name, { namespace }));
    orphan.metadata.ownerReferences = undefined;
    await client.of(pods).update(orphan);
    await until(async () => (await owner()) === job.metadata.uid);
    const labels = Object.keys(orphan.metadata.labels ?? {});
    const none = Object.fromEntries(labels.map((key) => [key, null]));
    await client.of(pods).patch(name, { metadata: { labels: none } }, { type: 'merge', namespace });
    await until(async () => (await owner()) === undefined);
  },
);

conformance('[sig-apps] Job should delete a job [Conformance]', async (scene) => {
  const { client, namespace, until } = scene;
  await client.of(jobs).create(jobOf('foo', namespace, ['exit', 'run'], { parallelism: 2, completions: 4 }));
  await runs(scene, 'foo', 2);
  await client.of(jobs).delete('foo', { namespace, propagationPolicy: 'Foreground' });
  await until(async () => (await podsOf(scene, 'foo')).length === 0, minutesMs(1));
  await until(async () => (await client.of(jobs).list({ namespace })).items.length === 0);
  await refusal(get(scene, 'foo'), 'NotFound');
});

conformance('[sig-apps] Job should apply changes to a job status [Conformance]', async (scene) => {
  const { client, namespace, http, until } = scene;
  const name = 'suspended';
  await client.of(jobs).create(jobOf(name, namespace, ['exit', 'run'], { suspend: true, completions: 2 }));
  // Of a Job that runs the start is not changed any more.
  await until(async () => (await get(scene, name)).status?.conditions?.[0]?.type === 'Suspended');
  const startTime = formatTime(scene.cluster.clock.now());
  const body = { metadata: { annotations: { patchedstatus: 'true' } }, status: { startTime } };
  const options = { type: 'merge' as const, namespace, subresource: 'status' };
  const patched = await client.of(jobs).patch(name, body, options);
  expect(patched.status?.startTime).toBe(startTime);
  expect(patched.metadata.annotations?.patchedstatus).toBe('true');
  const changed = copy(await get(scene, name));
  changed.status!.startTime = formatTime(scene.cluster.clock.now() + 1000);
  const updated = await client.of(jobs).updateStatus(changed);
  expect(updated.status?.startTime).toBe(changed.status!.startTime);
  const reply = await http.send(`/apis/batch/v1/namespaces/${namespace}/jobs/${name}/status`);
  expect(reply.json).toMatchObject({
    metadata: { uid: changed.metadata.uid },
    status: { startTime: changed.status!.startTime },
  });
});

conformance('[sig-apps] Job should manage the lifecycle of a job [Conformance]', async (scene) => {
  const { client, namespace, observe, until } = scene;
  const watch = observe(jobs, { namespace });
  await client
    .of(jobs)
    .create(jobOf('e2e-life', namespace, ['exit', '0'], { suspend: true, parallelism: 2, completions: 2 }));
  await watch.next({ type: 'ADDED' });
  const patch = { type: 'strategic' as const, namespace };
  await client.of(jobs).patch('e2e-life', { metadata: { labels: { e2e: 'patched' } } }, patch);
  await watch.next({ where: ({ metadata }) => metadata.labels?.e2e === 'patched' });
  await until(async () => (await get(scene, 'e2e-life')).status?.conditions?.[0]?.type === 'Suspended');
  const changed = copy(await get(scene, 'e2e-life'));
  changed.spec.suspend = false;
  changed.metadata.annotations = { updated: 'true' };
  await client.of(jobs).update(changed);
  await watch.next({
    where: ({ spec, metadata }) => spec.suspend === false && metadata.annotations?.updated === 'true',
  });
  await ends(scene, 'e2e-life', 'Complete', 'CompletionsReached');
  const { items } = await client.of(jobs).list({ labelSelector: 'e2e=patched' });
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['e2e-life']);
  await client.of(jobs).deleteCollection({ namespace, labelSelector: 'e2e=patched', propagationPolicy: 'Background' });
  await watch.next({ type: 'DELETED' });
  await client.of(pods).create(podOf('afterwards', namespace));
});
