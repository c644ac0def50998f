/** What clients send by mistake or in bad faith: each gets its Status or loses its connection, and the server goes on. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ClusterProcess } from '../cluster-process.js';
import type { TlsAccess } from '../connection.js';
import { eventually } from '../kubectl.js';
import { clock, freePort } from './cluster.js';

const configMaps = '/api/v1/namespaces/default/configmaps';
const protobuf = 'application/vnd.kubernetes.protobuf';
/** What a wave of bad clients may add to the process. */
const growthBytesMax = 200 * 1024 * 1024;

let folder: string;
let server: ClusterProcess;
let access: TlsAccess;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 't8s-bad-input-'));
  const ranges = { podCidr: '10.78.0.0/16', serviceCidr: '10.79.0.0/16' };
  const port = await freePort();
  server = new ClusterProcess({ dataDir: path.join(folder, 'data'), port, runtime: 'simulated', ...ranges });
  server.start();
  await server.ready();
  await eventually('the administrator has certificates', async () => {
    if (!server.access) throw new Error('no certificates yet');
    access = server.access;
  });
  await eventually('the namespace is there', async () => {
    expect((await send({ path: '/api/v1/namespaces/default' })).code).toBe(200);
  });
});
afterEach(async () => {
  expect((await send({ path: '/readyz' })).code).toBe(200);
});
afterAll(async () => {
  await server?.purge();
  await rm(folder, { recursive: true, force: true });
});

interface Sent {
  path: string;
  method?: string;
  type?: string;
  body?: string | Buffer;
}

async function send({ path: target, method = 'GET', type = 'application/json', body }: Sent) {
  const outgoing = request({
    host: '127.0.0.1',
    ...access,
    path: target,
    method,
    agent: false,
    headers: { 'content-type': type },
  });
  // An answer may come before the body is through; what becomes of the rest does not matter then.
  const answered = once(outgoing, 'response');
  outgoing.on('error', () => {});
  outgoing.end(body);
  const [response] = await answered;
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return { code: response.statusCode as number, text };
}

/** The Status that answers a POST. */
async function post(body: string | Buffer, { type = 'application/json', path: target = configMaps } = {}) {
  const { code, text } = await send({ path: target, method: 'POST', type, body });
  const status = JSON.parse(text);
  expect(status).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code });
  return status as { code: number; reason: string; message: string };
}

function open(): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', ...access, ALPNProtocols: ['http/1.1'] }, () => resolve(socket));
    socket.once('error', reject);
  });
}

function residentBytes(): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))!;
  return Number(kilobytes) * 1024;
}

describe('a body', () => {
  it.each([
    ['no JSON', '{"metadata":', 'application/json'],
    ['an array', '[]', 'application/json'],
    ['no text', Buffer.from([0xff, 0xfe, 0]), 'application/json'],
    ['nested without end', '['.repeat(200_000), 'application/json'],
    ['no YAML', 'a: [1, 2', 'application/yaml'],
    ['YAML that grows', yamlBomb(), 'application/yaml'],
    ['no protobuf', 'k8s', protobuf],
    ['protobuf of garbage', Buffer.concat([Buffer.from('6b387300', 'hex'), Buffer.alloc(100, 0xff)]), protobuf],
    ['protobuf that promises more', Buffer.from('6b3873000affffffff07', 'hex'), protobuf],
  ])('that is %s is a bad request', async (_, body, type) => {
    expect(await post(body, { type })).toMatchObject({ code: 400, reason: 'BadRequest' });
  });

  it('of another kind is a bad request', async () => {
    const { message, code } = await post('{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}');
    expect(code).toBe(400);
    expect(message).toContain('Secret');
  });

  it('with values of the wrong type is a bad request', async () => {
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a' },
      spec: { replicas: 'three' },
    };
    const { message, code } = await post(JSON.stringify(deployment), {
      path: '/apis/apps/v1/namespaces/default/deployments',
    });
    expect(code).toBe(400);
    expect(message).toContain(
      'cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    );
  });

  it('that says nothing is told all that is missing', async () => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: {} };
    const { message, code, reason } = await post(JSON.stringify(pod), { path: '/api/v1/namespaces/default/pods' });
    expect([code, reason]).toEqual([422, 'Invalid']);
    expect(message).toContain('spec.containers: Required value');
  });

  it('of an unknown type of media is refused', async () => {
    expect(await post('a', { type: 'text/html' })).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
  });

  it('that is too large is refused, declared or not', async () => {
    const value = 'x'.repeat(4 * 1024 * 1024);
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'big' }, data: { value } });
    expect(await post(body)).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge' });
    expect((await send({ path: `${configMaps}/big` })).code).toBe(404);
  });
});

describe('a request', () => {
  it('for what is not served is not found', async () => {
    expect((await send({ path: '/api/v1/nonsenses' })).code).toBe(404);
    expect((await send({ path: '/apis/nonsense.io/v1/things' })).code).toBe(404);
    expect((await send({ path: `${configMaps}/a/nonsense` })).code).toBe(404);
  });

  it('with a path or query that cannot be read is a bad request', async () => {
    expect((await send({ path: `${configMaps}?labelSelector=a%20in%20(` })).code).toBe(400);
    expect((await send({ path: `${configMaps}?limit=many` })).code).toBe(400);
    expect((await send({ path: `${configMaps}?continue=nonsense` })).code).toBe(400);
  });

  it('that is no HTTP loses its connection', async () => {
    const socket = await open();
    const closed = once(socket, 'close');
    socket.on('error', () => {}).resume();
    socket.write('\0\0 nonsense \r\n\r\n');
    await closed;
  });
});

describe('hundreds of clients', () => {
  it('that never end their requests do not keep others out', async () => {
    const before = residentBytes();
    const sockets = await Promise.all(Array.from({ length: 300 }, open));
    for (const socket of sockets) {
      socket.on('error', () => {}).resume();
      socket.write(`POST ${configMaps} HTTP/1.1\r\nhost: a\r\n`);
    }
    for (let round = 0; round < 5; round++) {
      for (const socket of sockets) socket.write(`x-${round}: slow\r\n`);
      const startedMs = clock.monotonic();
      expect((await send({ path: configMaps })).code).toBe(200);
      expect(clock.monotonic() - startedMs).toBeLessThan(2000);
    }
    expect(residentBytes() - before).toBeLessThan(growthBytesMax);
    for (const socket of sockets) socket.destroy();
  });

  it('that watch and never read cost a bounded amount', async () => {
    const sockets = await Promise.all(Array.from({ length: 50 }, open));
    for (const socket of sockets) {
      socket.on('error', () => {}).pause();
      socket.write(`GET ${configMaps}?watch=true HTTP/1.1\r\nhost: a\r\n\r\n`);
    }
    const before = residentBytes();
    // 10 MB for each of them: 500 MB if all were kept for all.
    for (let count = 0; count < 100; count++) {
      const data = { value: `${count}`.padEnd(100_000, 'x') };
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `large-${count}` }, data };
      const { code } = await send({ path: configMaps, method: 'POST', body: JSON.stringify(body) });
      expect(code).toBe(201);
    }
    expect(residentBytes() - before).toBeLessThan(growthBytesMax);
    for (const socket of sockets) socket.destroy();
    expect((await send({ path: configMaps, method: 'DELETE' })).code).toBe(200);
  });
});

/** Nine levels of nine references each: a few hundred bytes that stand for hundreds of millions of values. */
function yamlBomb(): string {
  const levels = Array.from({ length: 9 }, (_, level) => {
    const item = level === 0 ? 'x' : `*l${level - 1}`;
    return `l${level}: &l${level} [${Array(9).fill(item).join(', ')}]`;
  });
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n${levels.join('\n')}\n`;
}
