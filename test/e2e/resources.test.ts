/** What a node tells of what pods use, what they are given as a whole, and how all of a pod starts anew. */
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { busyboxImage, busyboxReference } from '../images/images.js';
import { eventually } from '../kubectl.js';
import { Cluster } from './cluster.js';

let cluster: Cluster;
let node: string;

const forever = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'];

function podOf(name: string, containers: object[], spec = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: containers.map((one) => ({ image: busyboxReference, command: forever, ...one })),
      ...spec,
    },
  };
}

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 84, images: [await busyboxImage()] });
  node = (await cluster.json('get nodes')).items[0].metadata.name;
  const whole = { limits: { cpu: '500m', memory: '64Mi' } };
  await cluster.apply(podOf('whole', [{ name: 'one' }, { name: 'two' }], { resources: whole }));
  const exitCodes = { operator: 'In', values: [42] };
  const restartPolicyRules = [{ action: 'RestartAllContainers', exitCodes }];
  const command = ['sh', '-c', 'while [ ! -e /tmp/end ]; do sleep 0.1; done; exit 42'];
  const cause = { name: 'cause', command, restartPolicy: 'Never', restartPolicyRules };
  await cluster.apply(podOf('again', [{ name: 'main' }, cause], { restartPolicy: 'Never' }));
  await cluster.kubectl('wait --for=condition=Ready pod --all --timeout=30s');
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

const told = (path: string) => cluster.kubectl(`get --raw /api/v1/nodes/${node}/proxy/${path}`);

describe('usage', () => {
  it('is told of node, pods and containers, in every form', async () => {
    const resource = await told('metrics/resource');
    expect(resource).toMatch(/^node_cpu_usage_seconds_total [\d.e+]+ \d{13}$/m);
    expect(resource).toMatch(
      /^container_memory_working_set_bytes\{container="one",namespace="default",pod="whole"\} \d/m,
    );
    expect(resource).toMatch(/^resource_scrape_error 0$/m);
    const cadvisor = await told('metrics/cadvisor');
    expect(cadvisor).toMatch(/^container_cpu_usage_seconds_total\{container="two",cpu="total",.*pod="whole"\} \d/m);
    expect(cadvisor).toMatch(/^container_network_receive_bytes_total\{.*interface="eth0",.*pod="whole"\} [1-9]/m);
    const { pods } = JSON.parse(await told('stats/summary'));
    const summary = pods.find(({ podRef }: { podRef: { name: string } }) => podRef.name === 'whole');
    expect(summary.memory.availableBytes).toBeLessThan(64 * 2 ** 20);
    expect(summary.containers.map(({ name }: { name: string }) => name).sort()).toEqual(['one', 'two']);
    expect(summary.containers[0].rootfs.capacityBytes).toBeGreaterThan(0);
  });

  it('is told to whom RBAC allows it, and to nobody else', async () => {
    await cluster.kubectl('create serviceaccount scraper');
    await cluster.kubectl('create clusterrole scraper --verb=get --resource=nodes/metrics');
    await cluster.kubectl('create clusterrolebinding scraper --clusterrole=scraper --serviceaccount=default:scraper');
    const token = (await cluster.kubectl('create token scraper')).trim();
    const { status } = await cluster.json(`get node ${node}`);
    const { address: host } = status.addresses[0];
    const port = status.daemonEndpoints.kubeletEndpoint.Port;
    const ask = (path: string, headers = {}) =>
      new Promise<{ code: number; body: string }>((resolve, reject) => {
        const options = { host, port, path, headers, rejectUnauthorized: false, agent: false };
        https
          .get(options, (response) => {
            text(response).then((body) => resolve({ code: response.statusCode ?? 0, body }), reject);
          })
          .on('error', reject);
      });
    const authorization = `Bearer ${token}`;
    expect((await ask('/metrics/resource', { authorization })).code).toBe(200);
    const who = 'system:serviceaccount:default:scraper';
    expect(await ask('/stats/summary', { authorization })).toEqual({
      code: 403,
      body: `Forbidden (user=${who}, verb=get, resource=nodes, subresource(s)=[stats])\n`,
    });
    expect((await ask('/metrics/resource')).code).toBe(401);
  });
});

describe('resources of a pod as a whole', () => {
  /** By the container's own view of its cgroup, of either version. */
  const limit = async () => {
    const files = '/sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes';
    const { stdout } = await cluster.try(['exec', 'whole', '-c', 'one', '--', 'sh', '-c', `cat ${files} 2>/dev/null`]);
    return Number(stdout);
  };

  it('limit its containers, and can be changed while they run', async () => {
    expect(await limit()).toBe(64 * 2 ** 20);
    const before = await cluster.json('get pod whole');
    expect(before.status).toMatchObject({
      qosClass: 'Guaranteed',
      allocatedResources: { cpu: '500m', memory: '64Mi' },
    });
    const amounts = { cpu: '600m', memory: '96Mi' };
    const patch = JSON.stringify({ spec: { resources: { limits: amounts, requests: amounts } } });
    await cluster.kubectl(['patch', 'pod', 'whole', '--subresource', 'resize', '-p', patch]);
    await eventually('the pod has it', async () => {
      const { status } = await cluster.json('get pod whole');
      expect(status.resources).toMatchObject({ limits: amounts, requests: amounts });
      expect(await limit()).toBe(96 * 2 ** 20);
      expect(status.containerStatuses.map(({ restartCount }: { restartCount: number }) => restartCount)).toEqual([
        0, 0,
      ]);
    });
  });
});

describe('a container that ends as its rules say', () => {
  it('has all containers of its pod start anew', async () => {
    const before = await cluster.json('get pod again');
    await cluster.kubectl('exec again -c cause -- touch /tmp/end');
    await eventually('all run again', async () => {
      const { status } = await cluster.json('get pod again');
      for (const one of status.containerStatuses) {
        expect(one).toMatchObject({ restartCount: 1, ready: true });
        expect(one.lastState.terminated).toMatchObject({ exitCode: 137, reason: 'RestartingAllContainers' });
      }
      expect(status.podIP).toBe(before.status.podIP);
      expect(status.phase).toBe('Running');
    });
  });
});
