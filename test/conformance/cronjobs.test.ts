/** CronJobs in virtual time: what they make beside each other, and what not. */
import { expect } from 'vitest';
import cronJobs from '#api/batch/cronjob.js';
import jobs from '#api/batch/job/index.js';
import type { CronJob, CronJobSpec } from '#api/gen/batch-v1.js';
import { conformance, type Scene, useCluster } from './conformance.js';
import { image } from './objects.js';
import { ending } from './workload-ends.js';

useCluster({ time: 'virtual', nodes: [{ runtime: { lifetime: ending } }] });

const minuteMs = 60_000;

function cronJobOf(name: string, namespace: string, spec: Partial<CronJobSpec>): CronJob {
  const containers = [{ name: 'c', image, args: ['exit', 'run'] }];
  const template = { spec: { restartPolicy: 'OnFailure', terminationGracePeriodSeconds: 0, containers } };
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name, namespace },
    spec: { schedule: '*/1 * * * *', jobTemplate: { spec: { template } }, ...spec },
  };
}

const get = ({ client, namespace }: Scene, name: string) => client.of(cronJobs).get(name, { namespace });
const active = async (scene: Scene, name: string) => (await get(scene, name)).status?.active ?? [];
const jobNames = async ({ client, namespace }: Scene) =>
  (await client.of(jobs).list({ namespace })).items.map(({ metadata }) => metadata.name!);

conformance('[sig-apps] CronJob should schedule multiple jobs concurrently [Conformance]', async (scene) => {
  await scene.client.of(cronJobs).create(cronJobOf('concurrent', scene.namespace, { concurrencyPolicy: 'Allow' }));
  await scene.until(async () => (await active(scene, 'concurrent')).length >= 2, 3 * minuteMs);
  expect((await jobNames(scene)).length).toBeGreaterThanOrEqual(2);
});

conformance('[sig-apps] CronJob should not schedule jobs when suspended [Conformance] [Slow]', async (scene) => {
  const { client, cluster, namespace } = scene;
  await client.of(cronJobs).create(cronJobOf('suspended', namespace, { suspend: true }));
  await cluster.advance(5 * minuteMs);
  expect(await active(scene, 'suspended')).toEqual([]);
  expect(await jobNames(scene)).toEqual([]);
});

conformance(
  '[sig-apps] CronJob should not schedule new jobs when ForbidConcurrent [Conformance] [Slow]',
  async (scene) => {
    const { client, cluster, namespace } = scene;
    await client.of(cronJobs).create(cronJobOf('forbid', namespace, { concurrencyPolicy: 'Forbid' }));
    await scene.until(async () => (await active(scene, 'forbid')).length === 1, 2 * minuteMs);
    const before = await jobNames(scene);
    await cluster.advance(3 * minuteMs);
    expect(await jobNames(scene)).toEqual(before);
    expect(await active(scene, 'forbid')).toHaveLength(1);
  },
);

conformance('[sig-apps] CronJob should replace jobs when ReplaceConcurrent [Conformance]', async (scene) => {
  const { client, namespace } = scene;
  await client.of(cronJobs).create(cronJobOf('replace', namespace, { concurrencyPolicy: 'Replace' }));
  await scene.until(async () => (await active(scene, 'replace')).length === 1, 2 * minuteMs);
  const [first] = await jobNames(scene);
  await scene.until(async () => {
    const names = await jobNames(scene);
    return names.length === 1 && names[0] !== first;
  }, 2 * minuteMs);
  expect((await active(scene, 'replace')).map(({ name }) => name)).toEqual(await jobNames(scene));
});
