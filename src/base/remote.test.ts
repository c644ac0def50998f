import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { VirtualClock } from './clock.js';
import { Remote } from './remote.js';

let server: Server;
let url: string;
let seen: string[];

beforeEach(async () => {
  seen = [];
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? '-'} ${body}`);
    if (request.url === '/silent') return;
    response.statusCode = request.url === '/teapot' ? 418 : 200;
    response.end(request.url === '/long' ? 'x'.repeat(1000) : '{"ok":true}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

it('sends JSON with a token, and gives any status as an answer', async () => {
  const remote = new Remote({ url, clock: new VirtualClock(), token: 't' });
  expect(await remote.request({ method: 'POST', body: { a: 1 }, timeoutMs: 1000 })).toMatchObject({
    status: 200,
    text: '{"ok":true}',
  });
  expect((await remote.request({ method: 'GET', path: '/teapot', timeoutMs: 1000 })).status).toBe(418);
  expect(seen).toEqual(['POST / Bearer t {"a":1}', 'GET /teapot Bearer t ']);
  remote.close();
});

it('says why there is no answer', async () => {
  const clock = new VirtualClock();
  const remote = new Remote({ url, clock });
  const late = remote.request({ method: 'GET', path: '/silent', timeoutMs: 1000 });
  const refusal = expect(late).rejects.toMatchObject({ name: 'RemoteError', reason: 'timeout' });
  await clock.advance(1001);
  await refusal;
  await expect(remote.request({ method: 'GET', path: '/long', bytesMax: 10, timeoutMs: 1000 })).rejects.toMatchObject({
    reason: 'too large',
  });
  const stop = new AbortController();
  const aborted = remote.request({ method: 'GET', path: '/silent', timeoutMs: 1000, signal: stop.signal });
  stop.abort();
  await expect(aborted).rejects.toMatchObject({ reason: 'aborted' });
  remote.close();
  const nowhere = new Remote({ url: 'http://127.0.0.1:1', clock });
  await expect(nowhere.request({ method: 'GET', timeoutMs: 1000 })).rejects.toMatchObject({ reason: 'unreachable' });
});
