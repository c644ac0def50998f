/** Disruption budgets on the real API server: what they count, what they let go, and what they take back. */
import { afterEach, expect, test } from 'vitest';
import deployments from '#api/apps/deployment.js';
import jobs from '#api/batch/job/index.js';
import events from '#api/core/event.js';
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { PodDisruptionBudgetSpec } from '#api/gen/policy-v1.js';
import budgets from '#api/policy/poddisruptionbudget.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import { TestCluster, type TestClusterOptions } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const namespace = 'default';
const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'v1' }] } };

const start = async (spec: Partial<PodDisruptionBudgetSpec>, options?: TestClusterOptions) => {
  cluster = await TestCluster.start(options);
  const metadata = { name: 'budget', namespace };
  await cluster.client.of(budgets).create({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata,
    spec: { selector: { matchLabels: labels }, ...spec },
  });
};

const createPod = (name: string) =>
  cluster.client
    .of(pods)
    .create({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels }, spec: template.spec });
const createDeployment = (replicas: number) =>
  cluster.client.of(deployments).create({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: { replicas, selector: { matchLabels: labels }, template },
  });
const status = async () => (await cluster.get(budgets, 'budget')).status!;
const condition = async () => (await status()).conditions?.[0];
const allows = (count: number) => async () => {
  const { metadata, status: now } = await cluster.get(budgets, 'budget');
  return now?.observedGeneration === metadata.generation && now?.disruptionsAllowed === count;
};
const evict = (name: string) =>
  cluster.client.of(pods).subresource({
    method: 'POST',
    name,
    namespace,
    subresource: 'eviction',
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
  });
const told = async () => (await cluster.list(events)).map(({ reason, message }) => `${reason}: ${message}`);

test('a budget counts ready pods, lets so many go, and then refuses', async () => {
  await start({ minAvailable: 1 });
  await cluster.until(async () => (await condition())?.reason === 'InsufficientPods');
  expect(await status()).toEqual({
    observedGeneration: 1,
    disruptionsAllowed: 0,
    currentHealthy: 0,
    desiredHealthy: 1,
    expectedPods: 0,
    conditions: [
      {
        type: 'DisruptionAllowed',
        status: 'False',
        reason: 'InsufficientPods',
        message: '',
        observedGeneration: 1,
        lastTransitionTime: expect.any(String),
      },
    ],
  });
  expect(await told()).toContain('NoPods: No matching pods found');
  await createPod('one');
  await createPod('two');
  await cluster.until(allows(1));
  expect(await condition()).toMatchObject({ status: 'True', reason: 'SufficientPods', message: '' });
  expect(await status()).toMatchObject({ currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 });
  await evict('one');
  await expect(evict('two')).rejects.toMatchObject({ status: { reason: 'TooManyRequests' } });
  await cluster.until(async () => (await status()).expectedPods === 1);
  expect(await status()).toMatchObject({ currentHealthy: 1, disruptionsAllowed: 0 });
  expect((await status()).disruptedPods).toBeUndefined();
});

test('a share is of what the Deployment declares, not of the pods that happen to be there', async () => {
  await start(
    { maxUnavailable: '30%' },
    { readyAfterMs: ({ metadata }) => (metadata.name!.endsWith('z') ? undefined : 1000) },
  );
  await createDeployment(5);
  await cluster.until(async () => (await status()).expectedPods === 5);
  expect(await status()).toMatchObject({ desiredHealthy: 3 });
  await cluster.until(async () => (await status()).currentHealthy! >= 4);
  const { currentHealthy = 0, disruptionsAllowed } = await status();
  expect(disruptionsAllowed).toBe(currentHealthy - 3);
});

test('pods that nobody controls are told of where a share is asked for', async () => {
  await start({ minAvailable: '50%' });
  await createPod('alone');
  const selector =
    '&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}';
  await cluster.until(async () =>
    (await told()).some((text) =>
      text.startsWith(
        `UnmanagedPods: Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged.`,
      ),
    ),
  );
  expect(await status()).toMatchObject({ expectedPods: 0, desiredHealthy: 0, disruptionsAllowed: 0 });
});

test('where the controller has no scale nothing may go', async () => {
  await start({ maxUnavailable: 1 });
  const job = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };
  await cluster.client
    .of(jobs)
    .create({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'job', namespace }, spec: { template: job } });
  await cluster.until(async () => (await condition())?.reason === 'SyncFailed');
  const message = 'jobs.batch does not implement the scale subresource';
  expect(await condition()).toMatchObject({ status: 'False', message });
  expect(await told()).toContain(
    `CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: ${message}`,
  );
});

test('a pod that was let go and is not deleted within two minutes counts again', async () => {
  await start({ minAvailable: 1 });
  await createPod('one');
  await createPod('two');
  await cluster.until(allows(1));
  const budget = await cluster.get(budgets, 'budget');
  const disruptedPods = { one: formatTime(cluster.clock.now()) };
  await cluster.client.of(budgets).updateStatus({ ...budget, status: { ...budget.status!, disruptedPods } });
  await cluster.until(allows(0));
  expect(await status()).toMatchObject({ currentHealthy: 1, disruptedPods });
  await cluster.advance(115_000);
  expect(await allows(0)()).toBe(true);
  await cluster.until(allows(1), { limitMs: 10_000 });
  expect((await status()).disruptedPods).toBeUndefined();
  expect(await told()).toContain("NotDeleted: Pod was expected by PDB default/default to be deleted but it wasn't");
});

test('that a pod is to be disrupted is taken back when it still runs after two minutes', async () => {
  await start({ minAvailable: 1 });
  await createPod('one');
  const lastTransitionTime = formatTime(cluster.clock.now());
  const mark = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', lastTransitionTime };
  await cluster.client
    .of(pods)
    .patch('one', { status: { conditions: [mark] } }, { type: 'strategic', namespace, subresource: 'status' });
  const target = async () =>
    (await cluster.get<Pod>(pods, 'one')).status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  await cluster.advance(115_000);
  expect((await target())?.status).toBe('True');
  await cluster.until(async () => (await target())?.status === 'False', { limitMs: 10_000 });
  expect((await target())?.reason).toBeUndefined();
  expect((await target())?.observedGeneration).toBe(1);
});

test('who binds or evicts a pod manages none of its fields, and the budget is charged by the server', async () => {
  await start({ maxUnavailable: 1 }, { endAfterMs: 30_000 });
  await createDeployment(2);
  await cluster.until(allows(1));
  const [pod] = await cluster.list(pods);
  const name = pod!.metadata.name!;
  await evict(name);
  const parts = ({ metadata }: KubeObject) => metadata.managedFields?.map(({ subresource }) => subresource ?? '') ?? [];
  const parted = new Set(parts(await cluster.get(pods, name)));
  expect([...parted].sort()).toEqual(['', 'status']);
  const { metadata } = await cluster.get(budgets, 'budget');
  expect(metadata.managedFields).toContainEqual(
    expect.objectContaining({ manager: 'kube-apiserver', subresource: 'status' }),
  );
});
