/** A server behind the proxy, and what its clients get. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.js';
import { parseRequestInfo } from '../../request-info.js';
import type { ConnectCall } from '../subresource.js';
import { reverseProxy } from './reverse-proxy.js';

const page = '<html><a href="/next">next</a><a href="near">near</a></html>';
const server = http.createServer((request, response) => {
  const { method = '', url = '' } = request;
  if (url.startsWith('/page')) {
    const zip = url.endsWith('zip');
    const headers = { 'content-type': 'text/html; charset=utf-8', 'access-control-allow-origin': '*' };
    response.writeHead(200, { ...headers, ...(zip && { 'content-encoding': 'gzip' }) });
    return void response.end(zip ? gzipSync(page) : page);
  }
  if (url === '/away') return void response.writeHead(302, { location: '/landed' }).end('moved');
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': String(method.length + url.length + 1) });
  response.end(`${method} ${url}`);
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));

const root = '/api/v1/namespaces/default/pods/http:web:80/proxy';

async function ask(method: string, path: string) {
  const { port } = server.address() as AddressInfo;
  const info = parseRequestInfo(method, root + path) as ConnectCall['info'];
  const body = new PassThrough();
  const answer: { status?: number; headers?: Record<string, string> } = {};
  const respond: ConnectCall['respond'] = (status, headers) => {
    Object.assign(answer, { status, headers });
    return body;
  };
  const { signal } = new AbortController();
  const call = { info, method, headers: { host: 'cluster' }, body: Readable.from([]), signal, respond };
  const [bytes] = await Promise.all([
    buffer(body),
    reverseProxy(call as unknown as ConnectCall, { backend: { host: '127.0.0.1', port }, clock: new VirtualClock() }),
  ]);
  return { ...answer, bytes, text: bytes.toString() };
}

test('the root without a slash is another address to readers, and the server’s root to all others', async () => {
  expect(await ask('GET', '?a=b')).toMatchObject({ status: 301, headers: { location: `${root}/?a=b` }, text: '' });
  expect(await ask('HEAD', '')).toMatchObject({ status: 301 });
  expect(await ask('DELETE', '?a=b')).toMatchObject({ status: 200, text: 'DELETE /?a=b' });
  expect(await ask('GET', '/x/y/')).toMatchObject({ status: 200, text: 'GET /x/y/' });
});

test('links and redirects stay behind the proxy', async () => {
  const expected = page.replace('/next', `${root}/next`);
  const plain = await ask('GET', '/page');
  expect(plain).toMatchObject({ status: 200, text: expected });
  expect(plain.headers).not.toHaveProperty('access-control-allow-origin');
  const zipped = await ask('GET', '/page.zip');
  expect(zipped.headers).toMatchObject({ 'content-encoding': 'gzip' });
  expect(gunzipSync(zipped.bytes).toString()).toBe(expected);
  expect(await ask('GET', '/away')).toMatchObject({ status: 302, headers: { location: `${root}/landed` } });
});
