/** What pods say, and what happens to them, over WebSockets, on real containers. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Access } from '#client/kubeconfig.js';
import { parseKubeconfig } from '#client/kubeconfig.js';
import { Cluster } from '../../e2e/cluster.js';
import { busyboxImage, busyboxReference } from '../../images/images.js';
import { eventually } from '../../kubectl.js';
import { conformance } from './label.js';

let cluster: Cluster;
let access: Access;

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 98, images: [await busyboxImage()] });
  access = await parseKubeconfig(await readFile(path.join(cluster.dataDir, 'kubeconfig'), 'utf8'));
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

function open(target: string, protocols: string[]): WebSocket {
  const { certificateAuthority: ca, clientCertificate: cert, clientKey: key } = access;
  return new WebSocket(new URL(target, access.server.replace('https:', 'wss:')), protocols, { ca, cert, key });
}

/** All messages until the server closes. */
function messagesOf(socket: WebSocket): Promise<Buffer[]> {
  const messages: Buffer[] = [];
  return new Promise((resolve, reject) => {
    socket.on('message', (message) => messages.push(message as Buffer));
    socket.on('error', reject);
    socket.on('close', () => resolve(messages));
  });
}

async function run(name: string, command: string): Promise<void> {
  const containers = [{ name: 'main', image: busyboxReference, command: ['sh', '-c', command] }];
  const spec = { terminationGracePeriodSeconds: 0, containers };
  await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
  await cluster.kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s']);
}

const pod = (name: string) => `/api/v1/namespaces/default/pods/${name}`;

conformance(
  '[sig-node] Pods should support retrieving logs from the container over websockets [Conformance] [NodeConformance]',
  async () => {
    await run('says', 'echo container is alive; sleep 600');
    const socket = open(`${pod('says')}/log?container=main`, ['binary.k8s.io']);
    const messages = await messagesOf(socket);
    expect(socket.protocol).toBe('binary.k8s.io');
    expect(messages[0]).toHaveLength(0);
    expect(Buffer.concat(messages).toString()).toBe('container is alive\n');
    const encoded = await messagesOf(open(`${pod('says')}/log?container=main`, ['base64.binary.k8s.io']));
    const text = encoded.map((message) => Buffer.from(message.toString(), 'base64').toString()).join('');
    expect(text).toBe('container is alive\n');
  },
);

conformance(
  '[sig-node] Pods should support remote command execution over websockets [Conformance] [NodeConformance]',
  async () => {
    await run('does', 'sleep 600');
    const query = 'stdout=1&stderr=1&tty=0&container=main&command=echo&command=remote+execution+test';
    const messages = await messagesOf(open(`${pod('does')}/exec?${query}`, ['channel.k8s.io']));
    const stdout = messages.filter((message) => message[0] === 1).map((message) => message.subarray(1));
    expect(Buffer.concat(stdout).toString()).toBe('remote execution test\n');
  },
);

test('a watch comes as one message of text an event', async () => {
  const socket = open('/api/v1/namespaces/default/configmaps?watch=1&fieldSelector=metadata.name%3Dseen', []);
  const events: string[] = [];
  socket.on('message', (message, isBinary) => {
    const { type, object } = JSON.parse((message as Buffer).toString()) as { type: string; object: { data?: object } };
    events.push(`${isBinary} ${type} ${JSON.stringify(object.data)}`);
  });
  await new Promise((resolve) => socket.once('open', resolve));
  for (const value of ['1', '2'])
    await cluster.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'seen' }, data: { value } });
  await eventually('both events have come', () =>
    Promise.resolve(expect(events).toEqual(['false ADDED {"value":"1"}', 'false MODIFIED {"value":"2"}'])),
  );
  socket.terminate();
});
