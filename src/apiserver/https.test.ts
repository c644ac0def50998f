import { generateKeyPairSync } from 'node:crypto';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import coreEvents from '#api/core/event.js';
import namespaces from '#api/core/namespace.js';
import events from '#api/events/event.js';
import { builtinSchemas } from '#api/schema-table.js';
import { decodeProtobuf } from '#apimachinery/decode.js';
import type { KubeList } from '#apimachinery/object.js';
import { encodeProtobuf } from '#apimachinery/protobuf/envelope.js';
import { SystemClock, VirtualClock } from '#base/clock.js';
import { requestHeaderBytesMax } from '#base/request-headers.js';
import { atOnce } from '#base/turns.js';
import { encodeName, issueCertificate, toPem } from '#base/x509.js';
import { bodyBytesMax } from './http/body.js';
import { stalledWatchMs } from './http/watch-stream.js';
import { startTestServer } from './test-server.js';

const tls = (() => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = issueCertificate({
    subject: { commonName: 'test' },
    publicKey,
    issuer: { subject: encodeName({ commonName: 'test' }), key: privateKey },
    serial: Buffer.alloc(8, 1),
    notBeforeMs: Date.UTC(2020, 0, 1),
    notAfterMs: Date.UTC(2045, 0, 1),
    authority: true,
    keyUsages: ['digitalSignature', 'keyCertSign'],
    extendedKeyUsages: ['serverAuth'],
  });
  const cert = toPem('CERTIFICATE', der);
  return { cert, clientCa: cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
})();

interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  bytes: Buffer;
}

function replyOf(reply: Pick<Reply, 'status' | 'headers'>, chunks: Buffer[]): Reply {
  const bytes = Buffer.concat(chunks);
  return { ...reply, bytes, body: bytes.toString() };
}

let test: ReturnType<typeof startTestServer>;
let port: number;
let session: ClientHttp2Session;

async function start(options: Parameters<typeof startTestServer>[0] = {}) {
  test = startTestServer({ tls, clock: new SystemClock(), ...options });
  ({ port } = await test.server.listen({ host: '127.0.0.1', port: 0 }));
  session = connectHttp2(`https://127.0.0.1:${port}`, { ca: tls.cert, checkServerIdentity: () => undefined });
}

beforeEach(() => start());
afterEach(async () => {
  session.destroy();
  await test.close();
});

interface Ask {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string | Uint8Array;
}

function http2(path: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': method, ':path': path, authorization: 'Bearer jane', ...headers });
    let answer: Record<string, string | string[] | undefined> = {};
    const chunks: Buffer[] = [];
    stream.on('response', (given) => (answer = given as typeof answer));
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => resolve(replyOf({ status: Number(answer[':status']), headers: answer }, chunks)));
    stream.end(body);
  });
}

function http1(path: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false });
    const options = {
      host: '127.0.0.1',
      port,
      path,
      method,
      agent,
      ca: tls.cert,
      checkServerIdentity: () => undefined,
    };
    const request = httpsRequest({ ...options, headers: { authorization: 'Bearer jane', ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve(replyOf({ status: response.statusCode!, headers: response.headers }, chunks)));
    });
    request.on('error', reject);
    request.end(body);
  });
}

const configMaps = '/api/v1/namespaces/default/configmaps';
const json = { 'content-type': 'application/json' };
const configMap = (name: string, data = {}) => JSON.stringify({ metadata: { name }, data });

describe.each([
  ['HTTP/2', http2],
  ['HTTP/1.1', http1],
] as const)('%s', (protocol, send) => {
  it('creates, gets, lists and deletes', async () => {
    const made = await send(configMaps, { method: 'POST', headers: json, body: configMap('a', { x: '1' }) });
    expect(made.status).toBe(201);
    expect(made.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    expect(made.headers['audit-id']).toMatch(/^[0-9a-f-]{36}$/);
    const got = await send(`${configMaps}/a`);
    expect(got.body).toBe(made.body);
    const list = JSON.parse((await send(configMaps)).body);
    expect(list).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1', items: [{ metadata: { name: 'a' } }] });
    expect(JSON.parse((await send(`${configMaps}/a`, { method: 'DELETE' })).body).status).toBe('Success');
    expect((await send(`${configMaps}/a`)).status).toBe(404);
  });

  it('takes each header that says whom to act as by itself', async () => {
    await test.close();
    session.destroy();
    const groups: string[] = [];
    await start({
      allow: ({ verb, resource, user }) => {
        if (resource?.resource === 'groups') groups.push(resource.name);
        const isAllowed = verb.startsWith('impersonate') ? user.name === 'jane' : user.name === 'bob';
        return { decision: isAllowed ? 'allow' : 'no opinion', reason: '' };
      },
    });
    const headers = { 'impersonate-user': 'bob', 'impersonate-group': ['a, b', 'c'] };
    expect((await send(configMaps, { headers })).status).toBe(200);
    expect(groups).toEqual(['a, b', 'c']);
    const refused = await send(configMaps, { headers: { 'impersonate-user': 'carol' } });
    expect(refused.body).toContain('configmaps is forbidden: User \\"carol\\" cannot list resource');
    expect((await send(configMaps, { headers: { 'impersonate-group': 'a' } })).status).toBe(400);
  });

  it('answers in YAML and takes it', async () => {
    const body = 'metadata:\n  name: a\ndata:\n  x: "1"\n';
    const made = await send(configMaps, {
      method: 'POST',
      headers: { 'content-type': 'application/yaml', accept: 'application/yaml' },
      body,
    });
    expect(made.status).toBe(201);
    expect(made.body).toContain('data:\n  x: "1"\n');
    expect(made.body).toMatch(/^apiVersion: v1\ndata:/);
  });

  it('lists without the kind of each item, which a watch and a single object have', async () => {
    await send(configMaps, { method: 'POST', headers: json, body: configMap('a', { x: '1' }) });
    for (const query of ['', '?pretty=true']) {
      const { items } = JSON.parse((await send(`${configMaps}${query}`)).body);
      expect(Object.keys(items[0])).toEqual(['metadata', 'data']);
    }
    expect(JSON.parse((await send(`${configMaps}/a`)).body)).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
  });

  it('indents failures for those who read them', async () => {
    const headers = { 'user-agent': 'curl/8.0', authorization: '' };
    expect((await send('/api', { headers })).body).toContain('\n  "reason": "Unauthorized"');
  });

  it('refuses a patch whose outcome does not fit, showing the patch', async () => {
    await send(configMaps, { method: 'POST', headers: json, body: configMap('a', { x: '1' }) });
    const patch = async (type: string, query = '') => {
      const headers = { 'content-type': `application/${type}+json` };
      const body = query ? '{"nope":1}' : '{"data":{"x":1}}';
      const answer = await send(`${configMaps}/a${query}`, { method: 'PATCH', headers, body });
      return [answer.status, JSON.parse(answer.body).message];
    };
    expect(await patch('strategic-merge-patch')).toEqual([
      422,
      ` "" is invalid: patch: Invalid value: "map[data:map[x:1]]": cannot convert int64 to string`,
    ]);
    const [status, message] = await patch('merge-patch');
    expect(status).toBe(422);
    expect(message).toMatch(
      /^ "" is invalid: patch: Invalid value: "\{\\"apiVersion\\":\\"v1\\",\\"data\\":\{\\"x\\":1\},\\"kind\\"/,
    );
    expect(await patch('strategic-merge-patch', '?fieldValidation=Strict')).toEqual([
      422,
      ' "" is invalid: patch: Invalid value: "map[nope:1]": strict decoding error: unknown field "nope"',
    ]);
  });

  it('refuses a limit that is no number', async () => {
    const { body } = await send(`${configMaps}?limit=x`);
    expect(JSON.parse(body).message).toBe('strconv.ParseInt: parsing "x": invalid syntax');
  });

  it('refuses a body over the limit, whether declared or not, and goes on', async () => {
    const big = await send(configMaps, { method: 'POST', headers: json, body: Buffer.alloc(bodyBytesMax + 1, 0x20) });
    expect(big.status).toBe(413);
    expect(JSON.parse(big.body)).toMatchObject({
      reason: 'RequestEntityTooLarge',
      message: `Request entity too large: limit is ${bodyBytesMax}`,
    });
    expect((await send('/healthz')).body).toBe('ok');
  });

  it.each([
    ['no JSON', '{', 400, 'BadRequest'],
    ['another kind', '{"kind":"Pod","apiVersion":"v1"}', 400, 'BadRequest'],
    ['wrong types', '{"metadata":{"name":1}}', 400, 'BadRequest'],
    ['a list', '[]', 400, 'BadRequest'],
    ['nothing', '', 400, 'BadRequest'],
  ])('refuses a body that is %s', async (_what, body, status, reason) => {
    const answer = await send(configMaps, { method: 'POST', headers: json, body });
    expect([answer.status, JSON.parse(answer.body).reason]).toEqual([status, reason]);
  });

  it.each([30_000, ...(protocol === 'HTTP/1.1' ? [500_000] : [])])('takes a selector of %i bytes', async (bytes) => {
    await send(configMaps, { method: 'POST', headers: json, body: configMap('a') });
    const long = `${configMaps}?labelSelector=a+notin+(${'x,'.repeat(bytes / 2)}x)`;
    expect(JSON.parse((await send(long)).body).items).toHaveLength(1);
  });

  it('says what it accepts', async () => {
    expect((await send(configMaps, { headers: { accept: 'text/html' } })).status).toBe(406);
    const unsupported = await send(configMaps, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'x',
    });
    expect(unsupported.status).toBe(415);
    const patch = await send(`${configMaps}/a`, { method: 'PATCH', headers: json, body: '{}' });
    expect(patch.status).toBe(415);
  });

  it('tells unknown paths from unknown resources', async () => {
    expect(await send('/nope')).toMatchObject({ status: 404, body: '404 page not found\n' });
    const unknown = await send('/api/v1/nopes');
    expect(JSON.parse(unknown.body).message).toBe('the server could not find the requested resource');
    expect((await send(configMaps, { method: 'PUT' })).status).toBe(405);
    expect((await send('/api/v1/pods/%zz')).status).toBe(400);
  });

  it('refuses who does not say who it is', async () => {
    const answer = await send(configMaps, { headers: { authorization: '' } });
    expect([answer.status, JSON.parse(answer.body).message]).toEqual([401, 'Unauthorized']);
  });

  it('compresses long answers', async () => {
    const value = 'x'.repeat(200_000);
    await send(configMaps, { method: 'POST', headers: json, body: configMap('a', { value }) });
    const { headers } = await send(configMaps, { headers: { 'accept-encoding': 'gzip' } });
    expect(headers['content-encoding']).toBe('gzip');
    expect(JSON.parse((await send(configMaps)).body).items[0].data.value).toBe(value);
  });

  it('shows a table', async () => {
    await send(configMaps, { method: 'POST', headers: json, body: configMap('a', { x: '1' }) });
    const { body } = await send(configMaps, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
    expect(JSON.parse(body)).toMatchObject({
      kind: 'Table',
      columnDefinitions: [{ name: 'Name' }, { name: 'Data' }, { name: 'Age' }],
      rows: [{ cells: ['a', 1, expect.any(String)], object: { kind: 'PartialObjectMetadata' } }],
    });
  });

  it('takes and gives protobuf', async () => {
    const protobuf = 'application/vnd.kubernetes.protobuf';
    const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a' }, data: { x: '1' } };
    const body = encodeProtobuf(builtinSchemas, object);
    const made = await send(configMaps, { method: 'POST', headers: { 'content-type': protobuf }, body });
    expect(JSON.parse(made.body).data).toEqual({ x: '1' });
    const list = await send(configMaps, { headers: { accept: protobuf } });
    expect(list.headers['content-type']).toBe(protobuf);
    const target = { table: builtinSchemas, kind: { group: '', version: 'v1', kind: 'ConfigMapList' } };
    const decoded = atOnce(decodeProtobuf<KubeList>(list.bytes, target)).object;
    expect(decoded.items).toMatchObject([{ metadata: { name: 'a', namespace: 'default' }, data: { x: '1' } }]);
    expect(decoded.metadata.resourceVersion).toBe('2');
    const missing = await send(`${configMaps}/b`, { headers: { accept: protobuf } });
    const status = { table: builtinSchemas, kind: { group: '', version: 'v1', kind: 'Status' } };
    const typeName = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status';
    expect(atOnce(decodeProtobuf(missing.bytes, { ...status, typeName })).object).toMatchObject({
      code: 404,
      reason: 'NotFound',
    });
  });

  it('warns of fields it does not know', async () => {
    const body = JSON.stringify({ metadata: { name: 'a' }, nope: 1 });
    const { headers, status } = await send(configMaps, { method: 'POST', headers: json, body });
    expect([status, headers['warning']]).toEqual([201, '299 - "unknown field \\"nope\\""']);
    const strict = await send(`${configMaps}?fieldValidation=Strict`, { method: 'POST', headers: json, body });
    expect(strict.body).toContain('strict decoding error: unknown field \\"nope\\"');
  });
});

it('lists without the kind of each item what lies in the form of another kind', async () => {
  session.destroy();
  await test.close();
  await start({ definitions: [namespaces, coreEvents, events] });
  const regarding = { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'p' };
  const told = { reason: 'R', action: 'A', type: 'Normal', reportingController: 'c.io/x', reportingInstance: 'i' };
  const event = { metadata: { name: 'e' }, eventTime: '2026-01-01T00:00:00.000000Z', regarding, ...told };
  const path = '/apis/events.k8s.io/v1/namespaces/default/events';
  const made = await http2(path, { method: 'POST', body: JSON.stringify(event) });
  expect(made.status, made.body).toBe(201);
  const [item] = JSON.parse((await http2(path)).body).items;
  expect(item).toMatchObject(event);
  expect([item.kind, item.apiVersion]).toEqual([undefined, undefined]);
});

it('says how long headers may be, and of those that are longer that they are', async () => {
  await http2(configMaps);
  expect(session.remoteSettings.maxHeaderListSize).toBe(65_536);
  const reply = await http1(configMaps, { headers: { 'x-long': 'x'.repeat(requestHeaderBytesMax) } });
  expect(reply.status).toBe(431);
});

describe('a watch', () => {
  function watchHttp2(path: string) {
    const stream = session.request({ ':path': path, authorization: 'Bearer jane' });
    const lines: string[] = [];
    let rest = '';
    stream.on('data', (chunk) => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop()!;
      lines.push(...parts);
    });
    stream.on('error', () => {});
    return { stream, lines };
  }

  async function until(condition: () => boolean) {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  }

  it('sends one line an event, and ends when the server closes', async () => {
    const { stream, lines } = watchHttp2(`${configMaps}?watch=true`);
    await http2(configMaps, { method: 'POST', headers: json, body: configMap('a') });
    await until(() => lines.length > 0);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      type: 'ADDED',
      object: { kind: 'ConfigMap', metadata: { name: 'a' } },
    });
    const ended = new Promise((resolve) => stream.on('close', resolve));
    await test.server.close();
    await ended;
  });

  it('is closed when its client does not read, while others go on', async () => {
    session.destroy();
    await test.close();
    const clock = new VirtualClock();
    await start({ clock });
    const stuck = session.request({ ':path': `${configMaps}?watch=true`, authorization: 'Bearer jane' });
    stuck.on('error', () => {});
    stuck.pause();
    await new Promise((resolve) => stuck.once('response', resolve));
    const closed = new Promise<number>((resolve) => stuck.on('close', () => resolve(stuck.rstCode)));
    const value = 'x'.repeat(100_000);
    for (let index = 0; index < 30; index++)
      await http2(configMaps, { method: 'POST', headers: json, body: configMap(`a${index}`, { value }) });
    await clock.advance(stalledWatchMs);
    stuck.resume();
    expect(await closed).not.toBe(0);
    expect((await http2('/livez')).body).toBe('ok');
  });
});

describe('a slow client', () => {
  it('is answered with a timeout when its body does not come', async () => {
    session.destroy();
    await test.close();
    const clock = new VirtualClock();
    await start({ clock });
    const stream = session.request({ ':method': 'POST', ':path': configMaps, authorization: 'Bearer jane', ...json });
    stream.write('{"metadata":');
    const status = new Promise<number>((resolve) => stream.once('response', (headers) => resolve(headers[':status']!)));
    await http2('/livez');
    await clock.advance(60_000);
    expect(await status).toBe(504);
    stream.destroy();
  });

  it('that sends no HTTP is dropped', async () => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: tls.cert, checkServerIdentity: () => undefined });
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {});
    socket.resume();
    socket.write('\0\0\0 nonsense\r\n\r\n');
    await closed;
    expect((await http1('/livez')).body).toBe('ok');
  });
});
