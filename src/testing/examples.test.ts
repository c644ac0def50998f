/** The examples of the pages in docs/ do what the pages say. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import type { Job } from '#api/gen/batch-v1.js';
import { startTestCluster } from './index.js';

test('the Job of docs/simulated-nodes.md fails once and then succeeds', async () => {
  const page = await readFile(new URL('../../docs/simulated-nodes.md', import.meta.url), 'utf8');
  const [, example] = /```yaml\n([\s\S]*?)```/.exec(page)!;
  const job = parse(example!) as Job;
  const namespace = 'default';
  const cluster = await startTestCluster();
  const client = cluster.client();
  await client.of(jobs).create({ ...job, metadata: { ...job.metadata, namespace } });
  await cluster.until(async () => (await client.of(jobs).get('migrate', { namespace })).status?.succeeded === 1);
  const [run] = (await client.of(pods).list({ namespace })).items;
  const [status] = run!.status!.containerStatuses!;
  expect([status!.restartCount, status!.lastState?.terminated?.exitCode]).toEqual([1, 1]);
  await cluster.stop();
});
