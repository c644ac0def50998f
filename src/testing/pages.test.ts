/** The examples of the pages in docs/ do what the pages say. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import policies from '#api/admissionregistration/validatingadmissionpolicy.js';
import bindings from '#api/admissionregistration/validatingadmissionpolicybinding.js';
import deployments from '#api/apps/deployment.js';
import jobs from '#api/batch/job/index.js';
import configMaps from '#api/core/configmap.js';
import pods from '#api/core/pod/index.js';
import secrets from '#api/core/secret.js';
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '#api/gen/admissionregistration-v1.js';
import type { Deployment } from '#api/gen/apps-v1.js';
import type { Job } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { RoleBinding } from '#api/gen/rbac-v1.js';
import roleBindings from '#api/rbac/rolebinding.js';
import { Client } from '#client/client.js';
import { transportOf } from '#client/connect.js';
import { parseKubeconfig } from '#client/kubeconfig.js';
import { SystemClock, startTestCluster, type TestClusterOptions } from './index.js';

interface Example {
  /** The heading above it. */
  title: string;
  /** The file that the page calls it. */
  file: string;
  code: string;
}

async function examplesOf(page: string, language: string): Promise<Example[]> {
  const text = await readFile(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  let title = page;
  const parts = text.matchAll(/^## (.*)$|^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm);
  return [...parts].flatMap(([, heading, found, file = '', code = '']) => {
    if (heading) title = heading;
    return found === language ? [{ title, file, code }] : [];
  });
}

const namespace = 'default';
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 't8s-pages-'));
  for (const page of ['api-server.md', 'scheduler.md'])
    for (const language of ['csv', 'yaml'])
      for (const { file, code } of await examplesOf(page, language)) if (file) await writeFile(placeOf(file), code);
});

afterAll(() => rm(directory, { recursive: true }));

const placeOf = (file: string) => join(directory, file);
const textOf = (file: string) => readFile(placeOf(file), 'utf8');

/** As a user would: a file of its own that names the package. */
async function run(name: string, code: string): Promise<void> {
  const file = placeOf(`${name}.ts`);
  await writeFile(file, code);
  await import(pathToFileURL(file).href);
}

for (const page of ['testing.md', 'scheduler.md']) {
  const programs = await examplesOf(page, 'ts');
  describe(`the programs of docs/${page} run`, () => {
    test.each(programs.map(({ title, code }) => [title, code] as const))('%s', async (title, code) => {
      await run(title.toLowerCase().replaceAll(/\W+/g, '-'), code);
    });
  });
}

test('the Job of docs/simulated-nodes.md fails once and then succeeds', async () => {
  const [example] = await examplesOf('simulated-nodes.md', 'yaml');
  const job = parse(example!.code) as Job;
  await withCluster({}, async ({ cluster, client }) => {
    await client.of(jobs).create({ ...job, metadata: { ...job.metadata, namespace } });
    await cluster.until(async () => (await client.of(jobs).get('migrate', { namespace })).status?.succeeded === 1);
    const [run] = (await client.of(pods).list({ namespace })).items;
    const [status] = run!.status!.containerStatuses!;
    expect([status!.restartCount, status!.lastState?.terminated?.exitCode]).toEqual([1, 1]);
  });
});

describe('the files of docs/api-server.md', () => {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'key', namespace },
    stringData: { key: 'ssshh' },
  };

  test('let a user in with a token, to do what her group may', async () => {
    const apiServer = { tokenAuthFile: placeOf('users.csv') };
    await withCluster({ listen: true, clock: new SystemClock(), apiServer }, async ({ cluster, client }) => {
      await client.of(roleBindings).create(parse(await textOf('developers.yaml')) as RoleBinding);
      const { server, certificateAuthority } = await parseKubeconfig(cluster.kubeconfig!);
      const transport = transportOf({ server, certificateAuthority, token: '5tUZ9rCq' });
      const anna = new Client(transport);
      const made = anna
        .of(configMaps)
        .create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace } });
      await expect(made).resolves.toMatchObject({ metadata: { name: 'a' } });
      const refused = { status: { code: 403, message: expect.stringContaining('User "anna" cannot list') } };
      await expect(anna.of(secrets).list({ namespace: 'kube-system' })).rejects.toMatchObject(refused);
      transport.close();
    });
  });

  test('record who did what, and no Secret', async () => {
    const log = placeOf('audit.log');
    const apiServer = { auditPolicyFile: placeOf('audit.yaml'), auditLogPath: log };
    await withCluster({ apiServer }, async ({ client }) => {
      await client.of(secrets).create(secret);
      await client
        .of(pods)
        .delete('none', { namespace })
        .catch(() => {});
    });
    const text = await readFile(log, 'utf8');
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const of = (plural: string) => lines.find(({ objectRef }) => objectRef?.resource === plural);
    expect(of('secrets')).toMatchObject({ level: 'Metadata', verb: 'create', user: { username: 'kubernetes-admin' } });
    expect(of('pods')).toMatchObject({ level: 'RequestResponse', responseStatus: { code: 404 } });
    expect(text).not.toMatch(/ssshh|c3NzaGg/);
  });

  test('encrypt Secrets', async () => {
    await withCluster({ apiServer: { encryptionProviderConfig: placeOf('encryption.yaml') } }, async ({ client }) => {
      await client.of(secrets).create(secret);
      expect((await client.of(secrets).get('key', { namespace })).data).toEqual({ key: 'c3NzaGg=' });
    });
  });

  test('keep privileged pods out', async () => {
    await withCluster({ apiServer: { admissionControlConfigFile: placeOf('admission.yaml') } }, async ({ client }) => {
      const container = { name: 'c', image: 'example.test/c:1', securityContext: { privileged: true } };
      const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [container] } };
      const create = (namespace: string) =>
        client.of(pods).create({ ...pod, metadata: { ...pod.metadata, namespace } }, { dryRun: true });
      const message = expect.stringContaining('violates PodSecurity "baseline:latest": privileged');
      await expect(create(namespace)).rejects.toMatchObject({ status: { code: 403, message } });
      await expect(create('kube-system')).resolves.toMatchObject({ kind: 'Pod' });
    });
  });

  test('hold Deployments to a rule', async () => {
    await withCluster({}, async ({ cluster, client }) => {
      const [policy, binding] = parseAllDocuments(await textOf('policy.yaml')).map((one) => one.toJS());
      await client.of(policies).create(policy as ValidatingAdmissionPolicy);
      await client.of(bindings).create(binding as ValidatingAdmissionPolicyBinding);
      const labels = { app: 'web' };
      const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'example.test/c:1' }] } };
      const metadata = { name: 'web', namespace };
      const spec = { replicas: 9, selector: { matchLabels: labels }, template };
      const large: Deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec };
      const refusal = async () => {
        const made = client.of(deployments).create(large, { dryRun: true });
        return made.then(
          () => undefined,
          (error: Error) => error.message,
        );
      };
      await cluster.until(async () => (await refusal()) !== undefined);
      expect(await refusal()).toContain('at most 5 replicas, not 9');
    });
  });
});

async function withCluster(
  options: TestClusterOptions,
  work: (parts: { cluster: Awaited<ReturnType<typeof startTestCluster>>; client: Client }) => Promise<void>,
): Promise<void> {
  const cluster = await startTestCluster(options);
  try {
    await work({ cluster, client: cluster.client() });
  } finally {
    await cluster.stop();
  }
}
