import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { StatusError } from '#apimachinery/errors.js';
import { SystemClock, VirtualClock } from '#base/clock.js';
import { HttpTransport } from './http-transport.js';
import { TransportError, type WatchEvent } from './transport.js';

type Answer = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(answer: Answer, clock: VirtualClock | SystemClock = new SystemClock()) {
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const transport = new HttpTransport({ server: `http://127.0.0.1:${port}`, clock, token: () => 'secret' });
  closers.push(() => {
    transport.close();
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { transport, sessions };
}

function json(stream: http2.ServerHttp2Stream, body: unknown, status = 200, headers: Record<string, string> = {}) {
  stream.respond({ ':status': status, 'content-type': 'application/json', ...headers });
  stream.end(JSON.stringify(body));
}

test('a request carries path, query, token and body, and the answer is frozen', async () => {
  const seen: unknown[] = [];
  const { transport } = await serve(async (stream, headers) => {
    let body = '';
    for await (const chunk of stream) body += chunk;
    seen.push([headers[':method'], headers[':path'], headers.authorization, headers['content-type'], body]);
    json(stream, { kind: 'Pod', metadata: { name: 'a' } }, 201);
  });
  const { status, body } = await transport.request({
    method: 'POST',
    path: '/api/v1/namespaces/default/pods',
    query: { dryRun: 'All', fieldManager: undefined },
    body: { kind: 'Pod' },
  });
  expect(status).toBe(201);
  expect(Object.isFrozen((body as { metadata: object }).metadata)).toBe(true);
  const path = '/api/v1/namespaces/default/pods?dryRun=All';
  expect(seen).toEqual([['POST', path, 'Bearer secret', 'application/json', '{"kind":"Pod"}']]);
});

test('a Status becomes a StatusError with its reason and code', async () => {
  const { transport } = await serve((stream) =>
    json(
      stream,
      { kind: 'Status', status: 'Failure', reason: 'NotFound', message: 'pods "a" not found', code: 404 },
      404,
    ),
  );
  const error = await transport.request({ method: 'GET', path: '/' }).catch((caught) => caught);
  expect(error).toBeInstanceOf(StatusError);
  expect([error.reason, error.code, error.message]).toEqual(['NotFound', 404, 'pods "a" not found']);
});

test('a busy server is asked again after the time that it names', async () => {
  const clock = new VirtualClock();
  let asked = 0;
  const { transport } = await serve((stream) => {
    asked++;
    if (asked === 1) json(stream, { kind: 'Status', code: 429 }, 429, { 'retry-after': '3' });
    else json(stream, { ok: true });
  }, clock);
  const answer = transport.request({ method: 'GET', path: '/' });
  while (clock.nextInMs !== 3000) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(2999);
  expect(asked).toBe(1);
  await clock.advance(1);
  expect((await answer).body).toEqual({ ok: true });
  expect(asked).toBe(2);
});

test('a watch gives events as they come, across chunk borders, and ends with the stream', async () => {
  const lines = `${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'ä' } } })}\n${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '7' } } })}\n`;
  const bytes = Buffer.from(lines);
  const cut = bytes.indexOf(0xc3) + 1; // in the middle of a character
  const { transport } = await serve((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.write(bytes.subarray(0, cut));
    setImmediate(() => stream.end(bytes.subarray(cut)));
  });
  const events: WatchEvent<unknown>[] = [];
  for await (const event of transport.watch({ method: 'GET', path: '/', query: { watch: 'true' } })) events.push(event);
  expect(events).toEqual([
    { type: 'ADDED', object: { metadata: { name: 'ä' } } },
    { type: 'BOOKMARK', object: { metadata: { resourceVersion: '7' } } },
  ]);
});

test('an ERROR event is thrown, and an aborted watch ends quietly', async () => {
  const { transport } = await serve((stream, headers) => {
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    if (headers[':path'] === '/gone')
      stream.write(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', reason: 'Expired', code: 410 } })}\n`);
    else stream.write(`${JSON.stringify({ type: 'ADDED', object: {} })}\n`);
  });
  const drain = async (path: string, signal?: AbortSignal, each?: () => void) => {
    for await (const _ of transport.watch({ method: 'GET', path, signal })) each?.();
  };
  await expect(drain('/gone')).rejects.toMatchObject({ reason: 'Expired', code: 410 });
  const stop = new AbortController();
  await drain('/endless', stop.signal, () => stop.abort());
});

test('after the connection breaks, requests under way fail as TransportError and the next opens another', async () => {
  let broken = false;
  const { transport, sessions } = await serve((stream) => {
    if (broken) json(stream, {});
    else for (const session of sessions) session.destroy();
    broken = true;
  });
  await expect(transport.request({ method: 'GET', path: '/' })).rejects.toBeInstanceOf(TransportError);
  expect((await transport.request({ method: 'GET', path: '/' })).status).toBe(200);
  expect(sessions.size).toBe(2);
});

test('no server is a TransportError, a silent one is given up in time', async () => {
  const clock = new VirtualClock();
  const nobody = new HttpTransport({ server: 'http://127.0.0.1:1', clock });
  await expect(nobody.request({ method: 'GET', path: '/' })).rejects.toBeInstanceOf(TransportError);
  let asked = false;
  const { transport } = await serve(() => {
    asked = true;
  }, clock);
  const answer = transport.request({ method: 'GET', path: '/' }).catch((error) => error);
  while (!asked) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(60_000);
  expect(await answer).toBeInstanceOf(TransportError);
});
