/** Jobs on the real API server: how they run, count, wait, fail, succeed, stop and go on. */
import { afterEach, expect, test } from 'vitest';
import jobs from '#api/batch/job/index.js';
import events from '#api/core/event.js';
import pods from '#api/core/pod/index.js';
import type { Job, JobSpec } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { finishPod } from './finish-pod.js';
import { TestCluster, type TestClusterOptions } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const start = async (options?: TestClusterOptions) => {
  cluster = await TestCluster.start(options);
};

const finalizer = 'batch.kubernetes.io/job-tracking';

function work(spec: Partial<JobSpec> = {}): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'work', namespace: 'default' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'v1' }] } }, ...spec },
  };
}

const create = (spec?: Partial<JobSpec>) => cluster.client.of(jobs).create(work(spec));
const patchSpec = (spec: object) =>
  cluster.client.of(jobs).patch('work', { spec }, { type: 'merge', namespace: 'default' });
const job = () => cluster.get(jobs, 'work');
const status = async () => (await job()).status ?? {};
const condition = async (type: string) => (await status()).conditions?.find((one) => one.type === type);
const types = async () =>
  ((await status()).conditions ?? []).filter((one) => one.status === 'True').map((one) => one.type);
const told = async () =>
  (await cluster.list(events)).map(({ reason, message }) =>
    `${reason}: ${message}`.replace(/work-[a-z0-9-]+/, 'work-*'),
  );
const all = () => cluster.list(pods);
const running = async () =>
  (await all()).filter(({ metadata, status: now }) => !metadata.deletionTimestamp && now?.phase === 'Running');
const isRunning = (count: number) => async () => (await running()).length === count && (await all()).length >= count;
const indexOf = ({ metadata }: Pod) => Number(metadata.annotations?.['batch.kubernetes.io/job-completion-index']);
const ofIndex = async (index: number) => (await running()).find((pod) => indexOf(pod) === index)!;

const end = (pod: Pod, exitCode = 0) => finishPod(cluster, pod, exitCode);

test('a Job runs so many pods at a time until enough have succeeded, and counts each', async () => {
  await start();
  await create({ completions: 3, parallelism: 2 });
  await cluster.until(isRunning(2));
  await cluster.until(async () => (await status()).ready === 2);
  expect(await status()).toMatchObject({ active: 2, ready: 2, terminating: 0, uncountedTerminatedPods: {} });
  const [first] = await running();
  expect(first!.metadata).toMatchObject({
    finalizers: [finalizer],
    labels: { 'batch.kubernetes.io/job-name': 'work', 'job-name': 'work' },
    ownerReferences: [{ kind: 'Job', name: 'work', controller: true, blockOwnerDeletion: true }],
  });
  for (const pod of await running()) await end(pod);
  await cluster.until(isRunning(1));
  expect(await status()).toMatchObject({ active: 1, succeeded: 2 });
  for (const pod of await running()) await end(pod);
  await cluster.until(async () => (await types()).includes('Complete'));
  const now = await status();
  const complete = {
    status: 'True',
    reason: 'CompletionsReached',
    message: 'Reached expected number of succeeded pods',
  };
  expect(now).toMatchObject({ succeeded: 3, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
  expect(now.conditions).toMatchObject([
    { type: 'SuccessCriteriaMet', ...complete },
    { type: 'Complete', ...complete },
  ]);
  expect(now.completionTime).toBeDefined();
  expect((await all()).map(({ metadata }) => metadata.finalizers)).toEqual([undefined, undefined, undefined]);
  expect(await told()).toEqual(
    expect.arrayContaining(['SuccessfulCreate: Created pod: work-*', 'Completed: Job completed']),
  );
});

test('where one success is enough, the other pods may finish and none is added', async () => {
  await start();
  await create({ parallelism: 3 });
  await cluster.until(isRunning(3));
  const [first, ...others] = await running();
  await end(first!);
  await cluster.advance(5000);
  expect(await running()).toHaveLength(2);
  expect(await types()).toEqual([]);
  for (const pod of others) await end(pod, 1);
  await cluster.until(async () => (await types()).includes('Complete'));
  expect(await status()).toMatchObject({ succeeded: 1, failed: 2 });
});

test('a pod that fails is replaced after ten seconds, then twenty, until too many have failed', async () => {
  await start();
  await create({ backoffLimit: 2 });
  const waits: number[] = [];
  for (const round of [1, 2, 3]) {
    await cluster.until(isRunning(1));
    await end((await running())[0]!, 1);
    const beganMs = cluster.clock.now();
    if (round < 3) await cluster.until(async () => (await all()).length === round + 1, { stepMs: 500 });
    waits.push(Math.round((cluster.clock.now() - beganMs) / 1000));
  }
  expect(waits.slice(0, 2)).toEqual([10, 20]);
  await cluster.until(async () => (await types()).includes('Failed'));
  expect(await status()).toMatchObject({ failed: 3, uncountedTerminatedPods: {} });
  expect(await types()).toEqual(['FailureTarget', 'Failed']);
  const message = 'Job has reached the specified backoff limit';
  expect(await condition('Failed')).toMatchObject({ reason: 'BackoffLimitExceeded', message });
  expect(await told()).toContain(`BackoffLimitExceeded: ${message}`);
});

test('a Job that has run too long fails, and its pods end and count as failed', async () => {
  await start();
  await create({ parallelism: 2, completions: 2, activeDeadlineSeconds: 30 });
  await cluster.until(isRunning(2));
  await cluster.advance(20_000);
  expect(await types()).toEqual([]);
  await cluster.advance(9_500);
  await cluster.until(async () => (await types()).includes('Failed'), { limitMs: 5000 });
  expect(await condition('Failed')).toMatchObject({
    reason: 'DeadlineExceeded',
    message: 'Job was active longer than specified deadline',
  });
  expect(await status()).toMatchObject({ failed: 2, terminating: 0, ready: 0 });
  expect((await status()).active).toBeUndefined();
  await cluster.until(async () => (await all()).length === 0);
});

test('a suspended Job has no pods and no start; resumed, it begins anew', async () => {
  await start();
  await create({ suspend: true });
  await cluster.until(async () => (await types()).includes('Suspended'));
  expect(await condition('Suspended')).toMatchObject({ reason: 'JobSuspended', message: 'Job suspended' });
  expect((await status()).startTime).toBeUndefined();
  await patchSpec({ suspend: false });
  await cluster.until(isRunning(1));
  expect(await condition('Suspended')).toMatchObject({ status: 'False', reason: 'JobResumed', message: 'Job resumed' });
  const { startTime } = await status();
  expect(startTime).toBeDefined();
  await patchSpec({ suspend: true });
  await cluster.until(async () => (await all()).length === 0);
  await cluster.until(async () => (await status()).terminating === 0);
  // What was stopped has not failed.
  expect((await status()).failed).toBeUndefined();
  expect((await status()).startTime).toBeUndefined();
  expect(await told()).toEqual(
    expect.arrayContaining([
      'Suspended: Job suspended',
      'Resumed: Job resumed',
      'SuccessfulDelete: Deleted pod: work-*',
    ]),
  );
});

test('fewer pods run when the parallelism is lowered, and none of them has failed', async () => {
  await start();
  await create({ parallelism: 3, completions: 5 });
  await cluster.until(isRunning(3));
  await patchSpec({ parallelism: 1 });
  await cluster.until(async () => (await all()).length === 1);
  await cluster.until(async () => (await status()).active === 1 && (await status()).terminating === 0);
  expect((await status()).failed).toBeUndefined();
});

test('an Indexed Job gives each pod an index, in its name, host name, label, annotation and environment', async () => {
  await start();
  await create({ completionMode: 'Indexed', completions: 5, parallelism: 3 });
  await cluster.until(isRunning(3));
  expect((await running()).map(indexOf).sort()).toEqual([0, 1, 2]);
  const pod = await ofIndex(1);
  expect(pod.metadata.name).toMatch(/^work-1-[a-z0-9]{5}$/);
  expect(pod.metadata.labels).toMatchObject({ 'batch.kubernetes.io/job-completion-index': '1' });
  expect(pod.spec.hostname).toBe('work-1');
  expect(pod.spec.containers[0]!.env).toEqual([
    {
      name: 'JOB_COMPLETION_INDEX',
      valueFrom: {
        fieldRef: { apiVersion: 'v1', fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']" },
      },
    },
  ]);
  await end(await ofIndex(0));
  await end(await ofIndex(2));
  await cluster.until(async () => (await running()).map(indexOf).sort().join() === '1,3,4');
  expect(await status()).toMatchObject({ completedIndexes: '0,2', succeeded: 2, active: 3 });
  await end(await ofIndex(1));
  await cluster.until(async () => (await status()).completedIndexes === '0-2');
  // One that fails comes back under its index.
  await end(await ofIndex(3), 1);
  await end(await ofIndex(4));
  await cluster.until(async () => (await running()).length === 1 && indexOf((await running())[0]!) === 3);
  await end(await ofIndex(3));
  await cluster.until(async () => (await types()).includes('Complete'));
  expect(await status()).toMatchObject({ completedIndexes: '0-4', succeeded: 5, failed: 1 });
});

test('with a limit for each index the others go on, and the Job fails in the end', async () => {
  await start();
  await create({ completionMode: 'Indexed', completions: 3, parallelism: 3, backoffLimitPerIndex: 1 });
  await cluster.until(isRunning(3));
  const count = ({ metadata }: Pod) => metadata.annotations?.['batch.kubernetes.io/job-index-failure-count'];
  expect((await running()).map(count)).toEqual(['0', '0', '0']);
  await end(await ofIndex(0), 1);
  await cluster.until(isRunning(3));
  expect(count(await ofIndex(0))).toBe('1');
  await end(await ofIndex(0), 1);
  await cluster.until(async () => (await status()).failedIndexes === '0');
  await end(await ofIndex(1));
  await end(await ofIndex(2));
  await cluster.until(async () => (await types()).includes('Failed'));
  expect(await status()).toMatchObject({ completedIndexes: '1,2', failedIndexes: '0', succeeded: 2, failed: 2 });
  expect(await condition('Failed')).toMatchObject({ reason: 'FailedIndexes', message: 'Job has failed indexes' });
});

test('too many failed indexes end the Job', async () => {
  await start();
  const limits = { backoffLimitPerIndex: 0, maxFailedIndexes: 1 };
  await create({ completionMode: 'Indexed', completions: 4, parallelism: 4, ...limits });
  await cluster.until(isRunning(4));
  await end(await ofIndex(0), 1);
  await end(await ofIndex(1), 1);
  await cluster.until(async () => (await types()).includes('Failed'));
  expect(await condition('Failed')).toMatchObject({
    reason: 'MaxFailedIndexesExceeded',
    message: 'Job has exceeded the specified maximal number of failed indexes',
  });
  expect(await status()).toMatchObject({ failedIndexes: '0,1', failed: 4 });
});

test('a rule on an exit code ends the Job at once, and another lets an index fail', async () => {
  await start();
  const onExitCodes = (value: number) => ({ operator: 'In', values: [value] });
  const rules = [
    { action: 'FailJob', onExitCodes: onExitCodes(3) },
    { action: 'FailIndex', onExitCodes: onExitCodes(4) },
  ];
  await create({
    completionMode: 'Indexed',
    completions: 3,
    parallelism: 3,
    backoffLimitPerIndex: 5,
    podFailurePolicy: { rules },
  });
  await cluster.until(isRunning(3));
  await end(await ofIndex(1), 4);
  await cluster.until(async () => (await status()).failedIndexes === '1');
  const doomed = await ofIndex(2);
  await end(doomed, 3);
  await cluster.until(async () => (await types()).includes('Failed'));
  const message = `Container c for pod default/${doomed.metadata.name} failed with exit code 3 matching FailJob rule at index 0`;
  expect(await condition('FailureTarget')).toMatchObject({ reason: 'PodFailurePolicy', message });
  expect(await condition('Failed')).toMatchObject({ reason: 'PodFailurePolicy', message });
});

test('a disruption that is ignored does not count, and the pod is replaced when it has ended', async () => {
  await start({ endAfterMs: 5000 });
  const onPodConditions = [{ type: 'DisruptionTarget', status: 'True' }];
  await create({ backoffLimit: 0, podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions }] } });
  await cluster.until(isRunning(1));
  const [pod] = await running();
  const { name = '' } = pod!.metadata;
  await cluster.client.of(pods).subresource({
    method: 'POST',
    name,
    namespace: 'default',
    subresource: 'eviction',
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'default' } },
  });
  await cluster.advance(2000);
  expect(await status()).toMatchObject({ terminating: 1 });
  expect(await all()).toHaveLength(1);
  await end(pod!, 137);
  await cluster.until(async () => (await running()).length === 1 && (await running())[0]!.metadata.name !== name);
  expect((await status()).failed).toBeUndefined();
  await end((await running())[0]!);
  await cluster.until(async () => (await types()).includes('Complete'));
});

test('a success policy ends the Job when its indexes have succeeded', async () => {
  await start();
  const successPolicy = { rules: [{ succeededIndexes: '0,2-3', succeededCount: 2 }] };
  await create({ completionMode: 'Indexed', completions: 5, parallelism: 5, successPolicy });
  await cluster.until(isRunning(5));
  await end(await ofIndex(1));
  await end(await ofIndex(3));
  await cluster.until(async () => (await status()).completedIndexes === '1,3');
  expect(await types()).toEqual([]);
  await end(await ofIndex(0));
  await cluster.until(async () => (await types()).includes('Complete'));
  expect(await types()).toEqual(['SuccessCriteriaMet', 'Complete']);
  expect(await condition('Complete')).toMatchObject({ reason: 'SuccessPolicy', message: 'Matched rules at index 0' });
  expect(await status()).toMatchObject({ succeeded: 3, completedIndexes: '0,1,3' });
  expect((await status()).failed).toBeUndefined();
});

test('a pod that is deleted counts as failed at once and is replaced, or when it has ended where that is wished', async () => {
  await start({ endAfterMs: 60_000 });
  await create({ completions: 2, parallelism: 1, podReplacementPolicy: 'TerminatingOrFailed' });
  await cluster.until(isRunning(1));
  const delPod = async () => {
    const [pod] = await running();
    await cluster.client.of(pods).delete(pod!.metadata.name!, { namespace: 'default' });
  };
  await delPod();
  await cluster.until(async () => (await status()).failed === 1, { limitMs: 5000 });
  await cluster.until(isRunning(1), { limitMs: 20_000 });
  await patchSpec({ suspend: true });
  await cluster.until(async () => (await running()).length === 0);
});

test('a Job adopts pods that match its selector, and lets go of those that no longer do', async () => {
  await start();
  const selector = { matchLabels: { app: 'mine' } };
  const template = { ...work().spec.template, metadata: { labels: { app: 'mine' } } };
  await create({ manualSelector: true, selector, template, parallelism: 2, completions: 2 });
  await cluster.until(isRunning(2));
  const [pod] = await running();
  const { name = '', uid } = pod!.metadata;
  const label = (app: string) =>
    cluster.client.of(pods).patch(name, { metadata: { labels: { app } } }, { type: 'merge', namespace: 'default' });
  await label('other');
  await cluster.until(async () => (await cluster.get(pods, name)).metadata.ownerReferences === undefined);
  expect((await cluster.get(pods, name)).metadata.finalizers).toBeUndefined();
  await cluster.until(async () => (await running()).length === 3);
  await label('mine');
  await cluster.until(async () => (await all()).length === 2);
  const left = (await all()).filter(({ metadata }) => metadata.uid === uid);
  for (const one of left) expect(one.metadata.finalizers).toEqual([finalizer]);
});

test('the pods of a Job that is deleted lose their finalizer, orphans too', async () => {
  await start();
  await create();
  await cluster.until(isRunning(1));
  await cluster.client.of(jobs).delete('work', { namespace: 'default', propagationPolicy: 'Orphan' });
  await cluster.until(async () => {
    const [pod] = await all();
    return pod!.metadata.finalizers === undefined && pod!.metadata.ownerReferences === undefined;
  });
  await create();
  await cluster.until(async () => (await all()).length === 2);
  await cluster.client.of(jobs).delete('work', { namespace: 'default', propagationPolicy: 'Background' });
  await cluster.until(async () => (await all()).length === 1);
});

test('a Job that is managed by others is left alone', async () => {
  await start();
  await create({ managedBy: 'example.com/other' });
  await cluster.advance(10_000);
  expect(await all()).toEqual([]);
  expect((await job()).status ?? {}).toEqual({});
});

test('containers that are restarted too often in their pod end the Job', async () => {
  await start();
  const template = { spec: { ...work().spec.template!.spec!, restartPolicy: 'OnFailure' } };
  await create({ backoffLimit: 3, template });
  await cluster.until(isRunning(1));
  const [pod] = await running();
  const restarted = (restartCount: number) => {
    const containerStatuses = [{ name: 'c', image: 'v1', imageID: '', ready: true, restartCount }];
    const body = { status: { containerStatuses } };
    const options = { type: 'strategic', namespace: 'default', subresource: 'status' } as const;
    return cluster.client.of(pods).patch(pod!.metadata.name!, body, options);
  };
  await restarted(2);
  await cluster.advance(3000);
  expect(await types()).toEqual([]);
  await restarted(3);
  await cluster.until(async () => (await types()).includes('Failed'));
  expect(await status()).toMatchObject({ failed: 1 });
});
