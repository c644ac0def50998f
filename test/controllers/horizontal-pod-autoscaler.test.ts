/** HorizontalPodAutoscalers on the real API server, with metrics APIs that say what the test wants. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import deployments from '#api/apps/deployment.js';
import autoscalers from '#api/autoscaling/horizontalpodautoscaler/index.js';
import events from '#api/core/event.js';
import pods from '#api/core/pod/index.js';
import type { HorizontalPodAutoscalerSpec, MetricSpec } from '#api/gen/autoscaling-v2.js';
import { formatTime } from '#apimachinery/object.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { Client } from '#client/client.js';
import { InformerFactory } from '#client/informer.js';
import type { ApiRequest, ApiResponse, Transport } from '#client/transport.js';
import controller from '#controllers/horizontal-pod-autoscaler/index.js';
import all from '#controllers/index.gen.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';

let cluster: TestCluster;
let client: Client;
let end: AbortController;
let running: Promise<unknown>;
/** Thousandths of a core of every pod; undefined: there is no metrics server. */
let milliCores: number | undefined;
/** By what the path ends in. */
let answers: Record<string, unknown>;
let asked: string[];
/** Before the next scale is written, once. */
let beforeScale: (() => Promise<unknown>) | undefined;

beforeEach(async () => {
  [milliCores, answers, asked, beforeScale] = [undefined, {}, [], undefined];
  const controllers = all.map(({ name }) => name).filter((name) => name !== controller.name);
  cluster = await startTestCluster({ controllers });
  client = cluster.client();
  end = new AbortController();
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:kube-system'];
  const account = cluster.client({ name: `system:serviceaccount:kube-system:${controller.name}`, groups });
  const shared = { clock: cluster.clock, prng: new SeededPrng(2), log: silentLog };
  const informers = new InformerFactory({ ...shared, client });
  const transport: Transport = {
    request: async (request) => {
      const first = request.method === 'PUT' && request.path.endsWith('/scale') ? beforeScale : undefined;
      if (first) beforeScale = undefined;
      await first?.();
      return (await metricsAnswer(request)) ?? (await account.transport.request(request));
    },
    watch: (request) => account.transport.watch(request),
  };
  const clientFor = () => new Client(transport);
  running = controller.run({ ...shared, clientFor, informers, rootCa: '' }, end.signal);
  informers.start(end.signal);
});

afterEach(async () => {
  end.abort();
  await running;
  await cluster.stop();
});

async function metricsAnswer({ path, query }: ApiRequest): Promise<ApiResponse | undefined> {
  if (!path.includes('metrics.k8s.io')) return undefined;
  asked.push(path);
  const found = Object.keys(answers).find((ending) => path.endsWith(ending));
  if (found) return { status: 200, body: answers[found] };
  if (milliCores === undefined || !path.startsWith('/apis/metrics.k8s.io')) return undefined;
  const { items } = await client.of(pods).list({ namespace: 'default', labelSelector: query?.['labelSelector'] });
  const timestamp = formatTime(cluster.clock.now());
  const usage = { cpu: `${milliCores}m`, memory: '64Mi' };
  const containers = [{ name: 'c', usage }];
  const metrics = items.map(({ metadata }) => ({ metadata, timestamp, window: '15s', containers }));
  return { status: 200, body: { kind: 'PodMetricsList', items: metrics } };
}

async function startDeployment(replicas: number): Promise<void> {
  const resources = { requests: { cpu: '100m', memory: '128Mi' } };
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i', resources }] } };
  const spec = { replicas, selector: { matchLabels: labels }, template };
  const metadata = { name: 'web', namespace: 'default' };
  await client.of(deployments).create({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec });
  await cluster.until(async () => (await deployment()).status?.readyReplicas === (replicas || undefined));
  // Beyond the time in which the use of pods that start is not believed.
  await cluster.advance(6 * 60_000);
}

const deployment = () => client.of(deployments).get('web', { namespace: 'default' });
const autoscaler = async () => (await client.of(autoscalers).get('web', { namespace: 'default' })).status;
const condition = async (type: string) => (await autoscaler())?.conditions?.find((one) => one.type === type);

async function startAutoscaler(metrics: MetricSpec[], spec: Partial<HorizontalPodAutoscalerSpec> = {}): Promise<void> {
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  await client.of(autoscalers).create({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', namespace: 'default' },
    spec: { scaleTargetRef, maxReplicas: 10, metrics, ...spec },
  });
}

async function told(reason: string): Promise<string[]> {
  const { items } = await client.of(events).list({ namespace: 'default' });
  return items.filter((one) => one.reason === reason).map(({ message = '' }) => message);
}

const cpu: MetricSpec = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
};

test('an autoscaler follows the use of its pods, up at once and down after five quiet minutes', async () => {
  milliCores = 100;
  await startDeployment(2);
  await startAutoscaler([cpu]);
  await cluster.until(async () => (await deployment()).spec.replicas === 4);
  expect(await told('SuccessfulRescale')).toEqual([
    'New size: 4; reason: cpu resource utilization (percentage of request) above target',
  ]);
  expect(await autoscaler()).toMatchObject({
    currentReplicas: 2,
    desiredReplicas: 4,
    currentMetrics: [
      { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 100, averageValue: '100m' } } },
    ],
  });
  const states = (await autoscaler())?.conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
  expect(states).toEqual([
    'AbleToScale=True SucceededRescale',
    'ScalingActive=True ValidMetricFound',
    'ScalingLimited=False DesiredWithinRange',
  ]);
  milliCores = 10;
  await cluster.advance(3 * 60_000);
  expect((await deployment()).spec.replicas).toBeGreaterThanOrEqual(4);
  expect(await condition('AbleToScale')).toMatchObject({ reason: 'ScaleDownStabilized' });
  await cluster.until(async () => (await deployment()).spec.replicas === 1, { limitMs: 20 * 60_000, stepMs: 5000 });
  expect(await told('SuccessfulRescale')).toContain('New size: 1; reason: All metrics below target');
});

test('that the target was written meanwhile is no failure', async () => {
  milliCores = 100;
  await startDeployment(2);
  const patch = { metadata: { annotations: { touched: 'yes' } } };
  const touched = vi.fn(() => client.of(deployments).patch('web', patch, { type: 'merge', namespace: 'default' }));
  beforeScale = touched;
  await startAutoscaler([cpu]);
  await cluster.until(async () => (await deployment()).spec.replicas === 4);
  expect(touched).toHaveBeenCalled();
  expect(await told('FailedRescale')).toEqual([]);
});

test('without metrics the number stays, and why is told as upstream tells it', async () => {
  await startDeployment(2);
  await startAutoscaler([cpu]);
  await cluster.until(async () => (await condition('ScalingActive'))?.status === 'False');
  const why =
    'failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)';
  expect(await condition('ScalingActive')).toMatchObject({
    reason: 'FailedGetResourceMetric',
    message: `the HPA was unable to compute the replica count: ${why}`,
  });
  expect(await told('FailedComputeMetricsReplicas')).toEqual([
    `invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${why}`,
  ]);
  expect((await deployment()).spec.replicas).toBe(2);
});

test('the limits are held to before any metric is asked', async () => {
  await startDeployment(2);
  await startAutoscaler([cpu], { minReplicas: 3 });
  await cluster.until(async () => (await deployment()).spec.replicas === 3);
  expect(await told('SuccessfulRescale')).toEqual([
    'New size: 3; reason: Current number of replicas below Spec.MinReplicas',
  ]);
  expect(asked).toEqual([]);
});

test('a target that is not there, or at zero, is left alone', async () => {
  await startAutoscaler([cpu]);
  await cluster.until(async () => (await condition('AbleToScale'))?.status === 'False');
  expect(await condition('AbleToScale')).toMatchObject({
    reason: 'FailedGetScale',
    message: `the HPA controller was unable to get the target's current scale: deployments.apps "web" not found`,
  });
  await startDeployment(0);
  await cluster.until(async () => (await condition('ScalingActive'))?.reason === 'ScalingDisabled');
  expect((await deployment()).spec.replicas).toBe(0);
});

test('metrics of pods, objects and the world outside are asked for at their APIs, and the highest wins', async () => {
  await startDeployment(2);
  const value = (amount: string) => ({ items: [{ value: amount, timestamp: formatTime(cluster.clock.now()) }] });
  const { items } = await client.of(pods).list({ namespace: 'default' });
  const ofPods = items.map(({ metadata }) => ({ describedObject: { name: metadata.name }, value: '30' }));
  answers = {
    '/apis/custom.metrics.k8s.io': { preferredVersion: { version: 'v1beta2' }, versions: [{ version: 'v1beta2' }] },
    '/namespaces/default/pods/*/requests': { items: ofPods },
    '/namespaces/default/services/web/hits': value('700m'),
    '/namespaces/default/queue': value('50'),
  };
  const object = { apiVersion: 'v1', kind: 'Service', name: 'web' };
  await startAutoscaler([
    { type: 'Pods', pods: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '20' } } },
    {
      type: 'Object',
      object: { describedObject: object, metric: { name: 'hits' }, target: { type: 'Value', value: '1' } },
    },
    { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } } },
  ]);
  await cluster.until(async () => (await autoscaler())?.desiredReplicas === 4);
  expect((await autoscaler())?.currentMetrics).toMatchObject([
    { type: 'Pods', pods: { current: { averageValue: '30' } } },
    { type: 'Object', object: { current: { value: '700m' } } },
    { type: 'External', external: { current: { averageValue: '25' } } },
  ]);
  expect(await condition('ScalingLimited')).toMatchObject({ status: 'True', reason: 'ScaleUpLimit' });
  expect(await told('SuccessfulRescale')).toEqual(['New size: 4; reason: external metric queue(nil) above target']);
});
