/** The examples of the pages in docs/ do what the pages say. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import type { Job } from '#api/gen/batch-v1.js';
import { startTestCluster } from './index.js';

interface Example {
  title: string;
  code: string;
}

/** Blocks of one language, each with the heading above it. */
async function examplesOf(page: string, language: string): Promise<Example[]> {
  const text = await readFile(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  let title = page;
  return [...text.matchAll(/^## (.*)$|^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, heading, found, code = '']) => {
    if (heading) title = heading;
    return found === language ? [{ title, code }] : [];
  });
}

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 't8s-examples-'));
});

afterAll(() => rm(directory, { recursive: true }));

/** As a user would: a file of its own that names the package. */
async function run(name: string, code: string): Promise<void> {
  const file = join(directory, `${name}.ts`);
  await writeFile(file, code);
  await import(pathToFileURL(file).href);
}

const programs = await examplesOf('testing.md', 'ts');

describe('the programs of docs/testing.md run', () => {
  test.each(programs.map(({ title, code }) => [title, code] as const))('%s', async (title, code) => {
    await run(title.toLowerCase().replaceAll(/\W+/g, '-'), code);
  });
});

test('the Job of docs/simulated-nodes.md fails once and then succeeds', async () => {
  const [example] = await examplesOf('simulated-nodes.md', 'yaml');
  const job = parse(example!.code) as Job;
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
