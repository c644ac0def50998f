/** How many pods there are: a ReplicationController, an autoscaler with metrics, and a node that is drained. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { testCertificate } from '#apiserver/webhook/test-webhook.js';
import { busyboxImage, busyboxReference } from '../images/images.js';
import { eventually } from '../kubectl.js';
import { Cluster } from './cluster.js';

let cluster: Cluster;
let metricsServer: Server | undefined;

beforeAll(async () => {
  const flags = ['--horizontal-pod-autoscaler-sync-period', '2s'];
  cluster = await Cluster.start({ subnet: 94, images: [await busyboxImage()], flags });
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(async () => {
  metricsServer?.close();
  metricsServer?.closeAllConnections();
  await cluster?.purge();
});

const template = (app: string) => ({
  metadata: { labels: { app } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'main',
        image: busyboxReference,
        command: ['sleep', '3600'],
        resources: { requests: { cpu: '10m', memory: '8Mi' } },
      },
    ],
  },
});

const deployment = (name: string, replicas: number) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: template(name) },
});

const podNames = async (app: string): Promise<string[]> =>
  (await cluster.json(`get pods -l app=${app}`)).items.map(
    ({ metadata }: { metadata: { name: string } }) => metadata.name,
  );

it('a ReplicationController keeps its number of pods, and leaves them when it is deleted as an orphan maker', async () => {
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name: 'rc' },
    spec: { replicas: 2, selector: { app: 'rc' }, template: template('rc') },
  });
  await cluster.kubectl('wait --for=jsonpath={.status.readyReplicas}=2 rc/rc --timeout=30s');
  const [node] = (await cluster.json('get nodes')).items;
  expect(node.spec.podCIDRs).toEqual(['10.94.0.0/24']);
  for (const { status } of (await cluster.json('get pods -l app=rc')).items)
    expect(status.podIP).toMatch(/^10\.94\.0\./);
  const [first] = await podNames('rc');
  await cluster.kubectl(`delete pod ${first}`);
  await cluster.kubectl('wait --for=jsonpath={.status.readyReplicas}=2 rc/rc --timeout=30s');
  expect(await podNames('rc')).not.toContain(first);
  await cluster.kubectl('scale rc rc --replicas=1');
  await eventually('one is left', async () => expect(await podNames('rc')).toHaveLength(1));
  await cluster.kubectl('delete rc rc --cascade=orphan');
  expect(await podNames('rc')).toHaveLength(1);
  await cluster.kubectl('delete pod -l app=rc');
});

it('an autoscaler follows what the metrics API says its pods use', async () => {
  let milliCpu = 20;
  let names: string[] = [];
  const { cert, key } = testCertificate(['metrics-server.kube-system.svc']);
  const groupVersion = 'metrics.k8s.io/v1beta1';
  metricsServer = createServer({ cert, key }, ({ url = '' }, response) => {
    const items = names.map((name) => ({
      metadata: { name, namespace: 'default' },
      timestamp: new Date().toISOString(),
      window: '15s',
      containers: [{ name: 'main', usage: { cpu: `${milliCpu}m`, memory: '1Mi' } }],
    }));
    const pods = { name: 'pods', singularName: 'pod', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] };
    const list = { kind: 'PodMetricsList', apiVersion: groupVersion, metadata: {}, items };
    const resources = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: [pods] };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(url.split('?')[0]!.endsWith('/pods') ? list : resources));
  });
  await new Promise<void>((resolve) => metricsServer!.listen(0, '0.0.0.0', resolve));
  const { port } = metricsServer.address() as AddressInfo;
  const [node] = (await cluster.json('get nodes')).items;
  const { address } = node.status.addresses.find(({ type }: { type: string }) => type === 'InternalIP');
  const named = { name: 'metrics-server', namespace: 'kube-system' };
  await cluster.apply(
    { apiVersion: 'v1', kind: 'Service', metadata: named, spec: { ports: [{ port: 443, targetPort: port }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...named, labels: { 'kubernetes.io/service-name': 'metrics-server' } },
      addressType: 'IPv4',
      ports: [{ port }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.metrics.k8s.io' },
      spec: {
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        groupPriorityMinimum: 100,
        versionPriority: 100,
        caBundle: Buffer.from(cert).toString('base64'),
        service: named,
      },
    },
    deployment('busy', 1),
  );
  await cluster.kubectl('wait --for=condition=Available apiservice/v1beta1.metrics.k8s.io --timeout=30s');
  await cluster.kubectl('rollout status deployment/busy --timeout=30s');
  names = await podNames('busy');
  await cluster.kubectl('autoscale deployment busy --cpu-percent=100 --min=1 --max=3');
  await cluster.kubectl('wait --for=jsonpath={.status.desiredReplicas}=2 hpa/busy --timeout=30s');
  await cluster.kubectl('wait --for=jsonpath={.status.readyReplicas}=2 deployment/busy --timeout=30s');
  const { status } = await cluster.json('get hpa busy');
  expect(status.currentMetrics[0].resource.current).toMatchObject({ averageUtilization: 200, averageValue: '20m' });
  const events = await cluster.kubectl('get events --field-selector reason=SuccessfulRescale');
  expect(events).toContain('New size: 2; reason: cpu resource utilization (percentage of request) above target');
  milliCpu = 10;
  names = await podNames('busy');
  await cluster.kubectl('delete hpa,deployment busy');
});

it('a drain keeps to the disruption budget, and the pods come back with the node', async () => {
  await cluster.apply(deployment('held', 2), {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'held' },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'held' } } },
  });
  await cluster.kubectl('rollout status deployment/held --timeout=30s');
  await cluster.kubectl('wait --for=jsonpath={.status.disruptionsAllowed}=1 pdb/held --timeout=30s');
  const [{ metadata }] = (await cluster.json('get nodes')).items;
  const drain = `drain ${metadata.name} --ignore-daemonsets --pod-selector=app=held`;
  const refused = await cluster.try(`${drain} --timeout=3s`);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("Cannot evict pod as it would violate the pod's disruption budget.");
  await cluster.kubectl('delete pdb held');
  await cluster.kubectl(`${drain} --timeout=30s`);
  await eventually('none of them runs', async () => {
    const { items } = await cluster.json('get pods -l app=held --field-selector status.phase=Running');
    expect(items).toEqual([]);
  });
  await cluster.kubectl(`uncordon ${metadata.name}`);
  await cluster.kubectl('rollout status deployment/held --timeout=30s');
});
