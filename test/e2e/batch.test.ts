/** Work that ends: Jobs whose pods succeed and fail on a real machine, and CronJobs that make such Jobs. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { busyboxImage, busyboxReference } from '../images/images.js';
import { eventually } from '../kubectl.js';
import { Cluster } from './cluster.js';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 80, images: [await busyboxImage()] });
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

const podSpec = (script: string) => ({
  restartPolicy: 'Never',
  terminationGracePeriodSeconds: 1,
  containers: [{ name: 'main', image: busyboxReference, command: ['sh', '-c', script] }],
});

it('an Indexed Job tells each pod its index, and counts those that succeed and fail', async () => {
  const script = 'echo "I am $JOB_COMPLETION_INDEX on $HOSTNAME"; test "$JOB_COMPLETION_INDEX" != 1';
  await cluster.apply({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'sum' },
    spec: {
      completionMode: 'Indexed',
      completions: 3,
      parallelism: 3,
      backoffLimitPerIndex: 0,
      template: { spec: podSpec(script) },
    },
  });
  await cluster.kubectl('wait --for=condition=Failed job/sum --timeout=30s');
  const { status } = await cluster.json('get job sum');
  expect(status).toMatchObject({ completedIndexes: '0,2', failedIndexes: '1', succeeded: 2, failed: 1 });
  const selector = 'job-name=sum,batch.kubernetes.io/job-completion-index=2';
  expect(await cluster.kubectl(`logs -l ${selector}`)).toBe('I am 2 on sum-2\n');
  await cluster.kubectl('delete job sum --wait');
  await eventually('its pods go with it', async () => {
    expect((await cluster.json('get pods -l job-name=sum')).items).toEqual([]);
  });
});

it('a CronJob makes Jobs by its schedule, and one by hand', async () => {
  await cluster.apply({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'tick' },
    spec: { schedule: '@every 3s', jobTemplate: { spec: { template: { spec: podSpec('echo tick') } } } },
  });
  await eventually('it has succeeded', async () => {
    expect((await cluster.json('get cronjob tick')).status.lastSuccessfulTime).toBeDefined();
  });
  await cluster.kubectl('create job by-hand --from=cronjob/tick');
  await cluster.kubectl('wait --for=condition=Complete job/by-hand --timeout=30s');
  expect(await cluster.kubectl('logs job/by-hand')).toBe('tick\n');
});
