/** A kubelet with real containers and a real API server on the memory store: needs root, containerd, runc, CNI plugins. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import leases from '#api/coordination/lease.js';
import configmaps from '#api/core/configmap.js';
import namespaces from '#api/core/namespace.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import secrets from '#api/core/secret.js';
import services from '#api/core/service.js';
import type { Container, Pod } from '#api/gen/core-v1.js';
import { startTestServer } from '#apiserver/test-server.js';
import { silentLog } from '#base/log.js';
import { SystemPrng } from '#base/prng.js';
import { Kubelet, type KubeletOptions } from '#kubelet/kubelet.js';
import { readLogs } from '#kubelet/logs.js';
import { busyboxImage, busyboxReference } from '../images/images.js';
import { clock, startNode, type TestNode, until } from '../runtime/node.js';

const namespace = 'default';
const sleeper: Container = { name: 'main', image: busyboxReference, command: ['sh', '-c', 'sleep 1000 & wait'] };

describe('a kubelet on containerd', () => {
  let node: TestNode;
  let server: ReturnType<typeof startTestServer>;
  let kubelet: Kubelet;
  let options: KubeletOptions;
  const events: string[] = [];

  beforeAll(async () => {
    node = await startNode({ bridge: 't8stest1', podCidr: '10.251.8.0/24' });
    await node.runtime.importImage(await busyboxImage());
    const definitions = [configmaps, leases, namespaces, nodes, pods, secrets, services];
    server = startTestServer({ clock, definitions });
    options = {
      client: server.client,
      runtime: node.runtime,
      nodeName: 'real',
      clock,
      prng: new SystemPrng(),
      log: silentLog,
      events: { event: (_about, { reason, message }) => void events.push(`${reason}: ${message}`) },
      mode: 'machine',
      addresses: ['192.0.2.1'],
      cluster: { servers: ['10.96.0.10'], domain: 'cluster.local' },
      version: 'v1.36.0+t8s.test',
      paths: {
        root: path.join(node.dataDirectory, 'kubelet'),
        podLogs: path.join(node.dataDirectory, 'pods'),
        cgroupRoot: `/t8stest-${path.basename(node.dataDirectory)}`,
      },
    };
    kubelet = new Kubelet(options);
    await kubelet.start();
  }, 60_000);

  afterAll(async () => {
    await kubelet?.stop();
    await kubelet?.purge();
    await server?.close();
    await node?.stop();
  }, 60_000);

  const pod = (name: string) => server.client.of(pods).get(name, { namespace });

  async function create(name: string, spec: Partial<Pod['spec']> = {}): Promise<void> {
    const body: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: { nodeName: 'real', terminationGracePeriodSeconds: 5, containers: [sleeper], ...spec },
    };
    await server.client.of(pods).create(body);
  }

  const isRunning = async (name: string) => (await pod(name)).status?.phase === 'Running';

  async function logOf(name: string): Promise<string> {
    const { path: file } = kubelet.logFile({ namespace, pod: name, container: 'main', previous: false });
    const chunks: Uint8Array[] = [];
    const signal = new AbortController().signal;
    for await (const chunk of readLogs({ path: file, clock, signal })) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  }

  it('makes the node Ready at once', async () => {
    await until('the node is ready', async () => {
      const { status } = await server.client.of(nodes).get('real');
      return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
    });
  });

  it('runs a pod with its environment, files, hosts, limits and message, to its end', async () => {
    await server.client.of(configmaps).create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace },
      data: { color: 'blue' },
    });
    await server.client.of(secrets).create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'db', namespace },
      data: { password: Buffer.from('s3cret').toString('base64') },
    });
    const script = [
      'echo "$PASSWORD $POD_IP $(cat /config/color) $(cat /scratch/x 2>/dev/null || echo empty)"',
      'grep -c "$POD_IP" /etc/hosts',
      'cat /etc/resolv.conf',
      'stat -c %a /scratch',
      'echo part > /part/x; echo sub: $(cat /scratch/deep/part/x) $(cat /one-file)',
      'echo secret: $(cat /secret/password) $(stat -L -c %a /secret/password) $(cat /labels/name)',
      'printf bye > /dev/termination-log',
      'exit 3',
    ];
    await create('full', {
      restartPolicy: 'Never',
      volumes: [
        { name: 'config', configMap: { name: 'settings' } },
        { name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        { name: 'secret', secret: { secretName: 'db', defaultMode: 0o400 } },
        { name: 'labels', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
      ],
      containers: [
        {
          ...sleeper,
          command: ['sh', '-c', script.join('\n')],
          env: [
            { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
            { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          resources: { limits: { cpu: '500m', memory: '64Mi' } },
          volumeMounts: [
            { name: 'config', mountPath: '/config' },
            { name: 'scratch', mountPath: '/scratch' },
            { name: 'scratch', mountPath: '/part', subPath: 'deep/part' },
            { name: 'config', mountPath: '/one-file', subPath: 'color' },
            { name: 'secret', mountPath: '/secret' },
            { name: 'labels', mountPath: '/labels' },
          ],
        },
      ],
    });
    await until('it has failed', async () => (await pod('full')).status?.phase === 'Failed');
    const { status } = await pod('full');
    expect(status!.containerStatuses![0]!.state!.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
      message: 'bye',
    });
    expect(status!.qosClass).toBe('Guaranteed');
    const lines = (await logOf('full')).split('\n');
    expect(lines[0]).toBe(`s3cret ${status!.podIP} blue empty`);
    expect(lines[1]).toBe('1');
    expect(lines).toContain('nameserver 10.96.0.10');
    expect(lines).toContain('search default.svc.cluster.local svc.cluster.local cluster.local');
    expect(lines).toContain('options ndots:5');
    expect(lines).toContain('1777');
    expect(lines).toContain('sub: part blue');
    expect(lines).toContain('secret: s3cret 400 full');
  }, 30_000);

  it('a changed ConfigMap shows in the running container', async () => {
    await create('live', {
      volumes: [{ name: 'config', configMap: { name: 'settings' } }],
      containers: [{ ...sleeper, volumeMounts: [{ name: 'config', mountPath: '/config' }] }],
    });
    await until('it runs', () => isRunning('live'));
    const patch = { data: { color: 'green' } };
    await server.client.of(configmaps).patch('settings', patch, { namespace, type: 'merge' });
    const id = (await pod('live')).status!.containerStatuses![0]!.containerID!.split('//')[1]!;
    await until('it is green', async () => {
      const { stdout } = await node.runtime.exec(id, ['cat', '/config/color'], { timeoutMs: 5000 });
      return Buffer.from(stdout).toString() === 'green';
    });
  }, 30_000);

  it('a kubelet that starts anew takes its containers over', async () => {
    await create('kept');
    await until('it runs', () => isRunning('kept'));
    const before = (await pod('kept')).status!.containerStatuses;
    await kubelet.stop();
    kubelet = new Kubelet(options);
    await kubelet.start();
    await clock.sleep(500);
    expect((await pod('kept')).status!.containerStatuses).toEqual(before);
  }, 30_000);

  it('a liveness probe that fails restarts the container', async () => {
    const livenessProbe = { exec: { command: ['cat', '/tmp/alive'] }, periodSeconds: 1, failureThreshold: 1 };
    await create('sick', { terminationGracePeriodSeconds: 0, containers: [{ ...sleeper, livenessProbe }] });
    await until('it is restarted', async () => (await pod('sick')).status?.containerStatuses?.[0]?.restartCount === 1);
    expect(events).toContain('Killing: Container main failed liveness probe, will be restarted');
  }, 30_000);

  it('leaves nothing behind of pods that are deleted', async () => {
    const { items } = await server.client.of(pods).list({ namespace });
    await Promise.all(
      items.map(({ metadata }) => server.client.of(pods).delete(metadata.name!, { namespace, gracePeriodSeconds: 1 })),
    );
    await until('all are gone', async () => (await server.client.of(pods).list({ namespace })).items.length === 0);
    await until('the runtime is empty', async () => (await node.runtime.list()).sandboxes.length === 0);
    expect(readdirSync(path.join(options.paths!.root!, 'pods'))).toEqual([]);
  }, 40_000);
});
