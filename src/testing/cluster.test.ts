/** A test cluster does what its page promises: ready at once, real kubelets, time at the test's word. */
import { afterEach, expect, test } from 'vitest';
import deployments from '#api/apps/deployment.js';
import namespaces from '#api/core/namespace.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Deployment } from '#api/gen/apps-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import { SystemClock } from '#base/clock.js';
import { Client } from '#client/client.js';
import { HttpTransport } from '#client/http-transport.js';
import { parseKubeconfig } from '#client/kubeconfig.js';
import { startTestCluster, type TestCluster, type TestClusterOptions } from './index.js';

let cluster: TestCluster;

async function start(options?: TestClusterOptions): Promise<Client> {
  cluster = await startTestCluster(options);
  return cluster.client();
}

afterEach(async () => {
  await cluster.stop();
  expect(cluster.errors).toEqual([]);
});

const spec = { containers: [{ name: 'c', image: 'example.test/c:1' }] };
const namespace = 'default';

function deployment(replicas: number): Deployment {
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

const pod = (name: string, more: object = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { ...spec, ...more },
});

test('a Deployment runs on real kubelets, and names are the same in every run', async () => {
  const client = await start({ nodes: 2 });
  await client.of(deployments).create(deployment(4));
  await cluster.until(
    async () => (await client.of(deployments).get('web', { namespace })).status?.availableReplicas === 4,
  );
  const { items } = await client.of(pods).list({ namespace });
  expect(items.map(({ spec: { nodeName } }) => nodeName).sort()).toEqual(['node-0', 'node-0', 'node-1', 'node-1']);
  expect(new Set(items.map(({ status }) => status?.podIP)).size).toBe(4);
  expect(items.every(({ status }) => status?.phase === 'Running')).toBe(true);
  const names = items.map(({ metadata }) => metadata.name);
  await cluster.stop();
  const again = await start({ nodes: 2 });
  await again.of(deployments).create(deployment(4));
  await cluster.until(async () => (await again.of(pods).list({ namespace })).items.length === 4);
  expect((await again.of(pods).list({ namespace })).items.map(({ metadata }) => metadata.name)).toEqual(names);
});

test('time moves only when told, and then takes the cluster along', async () => {
  const client = await start();
  const before = cluster.clock.now();
  await client.of(pods).create(pod('a', { activeDeadlineSeconds: 1800 }));
  const phase = async () => (await client.of(pods).get('a', { namespace })).status?.phase;
  await cluster.until(async () => (await phase()) === 'Running');
  expect(cluster.clock.now() - before).toBeLessThan(5000);
  await cluster.advance(1_700_000);
  expect(await phase()).toBe('Running');
  await cluster.advance(120_000);
  expect(await phase()).toBe('Failed');
});

test('a namespace finishes deleting', async () => {
  const client = await start();
  await client.of(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' }, spec: {} });
  await client.of(pods).create({ ...pod('p'), metadata: { name: 'p', namespace: 'a' } });
  await client.of(namespaces).delete('a');
  const names = async () => (await client.of(namespaces).list()).items.map(({ metadata }) => metadata.name);
  await cluster.until(async () => !(await names()).includes('a'));
});

test('nodes are as asked for, more can come, and one that is cut becomes Unknown', async () => {
  const client = await start({ nodes: [{ name: 'big', labels: { disk: 'ssd' }, size: { cpus: 64 } }] });
  expect(await cluster.addNode()).toBe('node-1');
  const big = await client.of(nodes).get('big');
  expect([big.metadata.labels?.['disk'], big.status?.capacity?.['cpu']]).toEqual(['ssd', '64']);
  await cluster.cutNode('big');
  const ready = async (name: string) =>
    (await client.of(nodes).get(name)).status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  await cluster.until(async () => (await ready('big')) === 'Unknown');
  expect(await ready('node-1')).toBe('True');
});

test('more nodes than register at a time are there in the end, and are not written while nothing changes', async () => {
  const client = await start({ nodes: 40 });
  const versions = async () => (await client.of(nodes).list()).items.map(({ metadata }) => metadata.resourceVersion);
  expect(await versions()).toHaveLength(40);
  await cluster.advance(60_000);
  const before = await versions();
  await cluster.advance(60_000);
  expect(await versions()).toEqual(before);
});

test('a container can be made to fail, and is started again with growing delay', async () => {
  const client = await start({ nodes: [{ runtime: { lifetime: () => ({ ms: 1000, exitCode: 3 }) } }] });
  await client.of(pods).create(pod('a'));
  const status = async () => (await client.of(pods).get('a', { namespace })).status?.containerStatuses?.[0];
  await cluster.until(async () => (await status())?.state?.waiting?.reason === 'CrashLoopBackOff');
  expect((await status())?.lastState?.terminated?.exitCode).toBe(3);
});

test('containers end as their pods say, and what comes before a pod ends by itself', async () => {
  const client = await start();
  const annotations = { 'simulated.t8s.local/lifetime': '90s', 'simulated.t8s.local/exit-code': '4' };
  const ending = pod('ending', { restartPolicy: 'Never', initContainers: [{ name: 'first', image: 'i' }] });
  await client.of(pods).create({ ...ending, metadata: { ...ending.metadata, annotations } });
  await client.of(pods).create(pod('staying', { restartPolicy: 'Never' }));
  const status = async (name: string) => (await client.of(pods).get(name, { namespace })).status;
  await cluster.until(async () => (await status('ending'))?.phase === 'Failed', { limitMs: 200_000 });
  const [ended] = (await status('ending'))!.containerStatuses!;
  const { exitCode, startedAt, finishedAt } = ended!.state!.terminated!;
  expect([exitCode, Date.parse(finishedAt!) - Date.parse(startedAt!)]).toEqual([4, 90_000]);
  expect((await status('staying'))?.phase).toBe('Running');
});

test('a client is the user it says, and may do what that user may', async () => {
  await start({ nodes: 0 });
  const refused = cluster.client({ name: 'jane' }).of(pods).list({ namespace });
  const message =
    'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"';
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.toBeInstanceOf(StatusError);
});

test('only the chosen controllers run; an unknown one is told', async () => {
  const client = await start({ nodes: 0, controllers: ['deployment-controller'] });
  await client.of(deployments).create(deployment(1));
  await cluster.until(
    async () => (await client.of(deployments).get('web', { namespace })).status?.observedGeneration === 1,
  );
  await cluster.advance(10_000);
  expect((await client.of(pods).list()).items).toEqual([]);
  await expect(startTestCluster({ controllers: ['no-such'] })).rejects.toThrow(
    /^no controller "no-such": there are .*deployment-controller/,
  );
});

test('a condition that never holds is told with its text', async () => {
  await start({ nodes: 0 });
  const never = cluster.until(() => 1 + 1 === 3, { limitMs: 200 });
  await expect(never).rejects.toThrow('not so after 200 ms: () => 1 + 1 === 3');
});

test('listening, it is reached over HTTPS by its kubeconfig; on LMDB, in real time', async () => {
  const clock = new SystemClock();
  await start({ listen: true, clock, store: 'lmdb' });
  const access = await parseKubeconfig(cluster.kubeconfig!);
  expect(access.server).toBe(cluster.url);
  const { server, certificateAuthority: ca, clientCertificate: cert, clientKey: key } = access;
  const transport = new HttpTransport({ server, ca, cert, key, clock });
  const client = new Client(transport);
  await client.of(pods).create(pod('a'));
  await cluster.until(async () => (await client.of(pods).get('a', { namespace })).status?.phase === 'Running');
  transport.close();
});

test('listening in virtual time, it is reached too', async () => {
  await start({ listen: true });
  const access = await parseKubeconfig(cluster.kubeconfig!);
  const { server, certificateAuthority: ca, clientCertificate: cert, clientKey: key } = access;
  const transport = new HttpTransport({ server, ca, cert, key, clock: new SystemClock() });
  const { items } = await new Client(transport).of(nodes).list();
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['node-0']);
  transport.close();
});
