/** Probes against real servers on the loopback interface. */
import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Pod, Probe } from '#api/gen/core-v1.js';
import { SystemClock } from '#base/clock.js';
import { type Runtime, RuntimeError } from '../runtime/runtime.js';
import { machineProber } from './probe.js';

const open: Server[] = [];
afterEach(() => Promise.all(open.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))));

async function listen(server: Server): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const http = (listener: RequestListener) => listen(createServer(listener));

function probe(spec: Probe, runtime: Partial<Runtime> = {}, port = 1) {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'main', ports: [{ name: 'web', containerPort: port }] }] },
  };
  const prober = machineProber({ runtime: runtime as Runtime, clock: new SystemClock() });
  return prober({ type: 'Liveness', pod, container: 'main', containerId: 'c', podIP: '127.0.0.1', probe: spec });
}

describe('HTTP', () => {
  test('says who asks, sends headers, and follows redirects to the same host', async () => {
    const seen: unknown[] = [];
    const port = await http((request, response) => {
      seen.push([request.url, request.headers['user-agent'], request.headers['x-a']]);
      response.writeHead(request.url === '/start' ? 302 : 200, { location: '/end' }).end('fine');
    });
    const httpGet = { port: 'web', path: '/start', httpHeaders: [{ name: 'X-A', value: '1' }] };
    expect(await probe({ httpGet }, {}, port)).toEqual({ result: 'success', output: 'fine' });
    expect(seen).toEqual([
      ['/start', 'kube-probe/1.36', '1'],
      ['/end', 'kube-probe/1.36', '1'],
    ]);
  });

  test('an answer that sends to another host succeeds with a warning, and one that sends in circles fails', async () => {
    const port = await http((request, response) => {
      const location = request.url === '/away' ? 'http://elsewhere.invalid/' : '/round';
      response.writeHead(302, { location }).end('moved');
    });
    expect(await probe({ httpGet: { port, path: '/away' } })).toEqual({
      result: 'success',
      output: 'Probe terminated redirects, Response body: moved',
      isWarning: true,
    });
    expect(await probe({ httpGet: { port, path: '/round' } })).toEqual({
      result: 'failure',
      output: `Get "http://127.0.0.1:${port}/round": stopped after 10 redirects`,
    });
  });

  test('fails by its status, by refusal and by time', async () => {
    const bad = await http((_request, response) => response.writeHead(503).end());
    expect(await probe({ httpGet: { port: bad } })).toEqual({
      result: 'failure',
      output: 'HTTP probe failed with statuscode: 503',
    });
    expect(await probe({ httpGet: { port: 1, path: '/x' } })).toEqual({
      result: 'failure',
      output: 'Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused',
    });
    const bare = await listen(
      createTcpServer((socket) => socket.once('data', () => socket.end('HTTP/1.0 200 OK\n\nok'))),
    );
    expect(await probe({ httpGet: { port: bare } })).toEqual({ result: 'success', output: 'ok' });
    const silent = await http(() => {});
    const slow = await probe({ httpGet: { port: silent }, timeoutSeconds: 0.05 });
    expect(slow.output).toContain('context deadline exceeded (Client.Timeout exceeded while awaiting headers)');
    expect(await probe({ httpGet: { port: 'nope' } })).toEqual({ result: 'unknown', output: 'invalid port: nope' });
  });
});

test('TCP', async () => {
  const port = await listen(createTcpServer((socket) => socket.destroy()));
  expect(await probe({ tcpSocket: { port } })).toEqual({ result: 'success', output: '' });
  expect((await probe({ tcpSocket: { port: 1 } })).output).toBe('dial tcp 127.0.0.1:1: connect: connection refused');
});

test('gRPC asks the health service by name', async () => {
  const status: Record<string, number> = { good: 1, bad: 2 };
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    expect(headers[':path']).toBe('/grpc.health.v1.Health/Check');
    stream.on('data', (bytes: Buffer) => {
      const service = bytes.subarray(7).toString('utf8');
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        const known = status[service] !== undefined;
        stream.sendTrailers(known ? { 'grpc-status': '0' } : { 'grpc-status': '5', 'grpc-message': 'unknown service' });
      });
      stream.end(status[service] === undefined ? undefined : Buffer.from([0, 0, 0, 0, 2, 8, status[service]]));
    });
  });
  const port = await listen(server);
  expect((await probe({ grpc: { port, service: 'good' } })).result).toBe('success');
  expect(await probe({ grpc: { port, service: 'bad' } })).toEqual({
    result: 'failure',
    output: 'service unhealthy (responded with "NOT_SERVING")',
  });
  expect((await probe({ grpc: { port, service: 'none' } })).output).toContain('unknown service');
  expect((await probe({ grpc: { port: 1 } })).output).toContain('connection refused');
});

test('a command succeeds, fails, or takes too long', async () => {
  const answer = (exitCode: number) => ({ exitCode, stdout: Buffer.from('out '), stderr: Buffer.from('err') });
  const spec = { exec: { command: ['check', 'it'] }, timeoutSeconds: 2 };
  expect(await probe(spec, { exec: async () => answer(0) })).toEqual({ result: 'success', output: 'out err' });
  expect(await probe(spec, { exec: async () => answer(1) })).toEqual({ result: 'failure', output: 'out err' });
  const late = async () => {
    throw new RuntimeError('timeout', 'late');
  };
  expect(await probe(spec, { exec: late })).toEqual({
    result: 'failure',
    output: 'command timed out: "check it" timed out after 2s',
  });
});
