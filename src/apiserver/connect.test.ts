import { generateKeyPairSync } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Event } from '#api/gen/audit-v1.js';
import { forbidden, notFound } from '#apimachinery/errors.js';
import { SystemClock } from '#base/clock.js';
import { encodeName, issueCertificate, toPem } from '#base/x509.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission/admission.js';
import type { AuditSink, Stage } from './audit/audit.js';
import { type Auditor, AuditRecord } from './audit/record.js';
import type { SubresourceHandler } from './subresources/subresource.js';
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

/** Sends back what it gets, in capitals. */
const exec: SubresourceHandler = {
  resource: { group: '', plural: 'pods' },
  name: 'exec',
  async connect({ key, upgrade }) {
    if (key.name === 'gone') throw notFound({ group: '', resource: 'pods', name: key.name });
    const { socket, head, protocol } = upgrade!;
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
    socket.on('data', (chunk) => socket.write(String(chunk).toUpperCase()));
    if (head.length > 0) socket.unshift(head);
  },
};

const log: SubresourceHandler = {
  resource: { group: '', plural: 'pods' },
  name: 'log',
  async stream({ respond, info }) {
    const out = respond(200, { 'content-type': 'text/plain' });
    out.write(`${info.query.get('container')}: one\n`);
    out.end('two\n');
  },
};

/** Says how it was asked. */
const proxy: SubresourceHandler = {
  resource: { group: '', plural: 'pods' },
  name: 'proxy',
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
  async connect({ method, respond }) {
    respond(200, { 'content-type': 'text/plain', 'x-method': method }).end(method);
  },
};

let admitted: AdmissionRequest[];
let audited: Event[];

const stages = () => audited.map(({ stage, responseStatus }) => `${stage} ${responseStatus?.code ?? '-'}`);

const witness: AdmissionPlugin = {
  name: 'witness',
  handles: ({ operation }) => operation === 'CONNECT',
  validate(request) {
    admitted.push(request);
    if (request.name === 'refused') throw forbidden({ group: '', resource: 'pods', name: request.name }, 'no');
  },
};

let test: ReturnType<typeof startTestServer>;
let port: number;

beforeEach(async () => {
  admitted = [];
  audited = [];
  const clock = new SystemClock();
  const verdict = { level: 'Metadata' as const, omitStages: new Set<Stage>(), omitManagedFields: false };
  const sink: AuditSink = {
    process: (event) => audited.push(event) > 0,
    close: async () => {},
  };
  const counts = { events: 0, rejected: 0, levels: new Map(), errors: new Map() };
  const audit: Auditor = { begin: (received) => new AuditRecord({ received, verdict, sink, clock, counts }) };
  test = startTestServer({ tls, clock, subresources: [exec, log, proxy], admission: [witness], audit });
  ({ port } = await test.server.listen({ host: '127.0.0.1', port: 0 }));
});
afterEach(() => test.close());

/** Sends text over TLS, and gives what comes back once it matches, or at the end of the connection. */
function converse(name: string, answer: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, ca: tls.cert, checkServerIdentity: () => undefined };
    const socket = connectTls({ ...options, ALPNProtocols: ['http/1.1'] });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      if (!answer.test(text)) return;
      socket.destroy();
      resolve(text);
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
    const path = `/api/v1/namespaces/default/pods/${name}/exec?command=sh&command=-i&stdin=true&tty=false`;
    const head = ['Host: x', 'Authorization: Bearer jane', 'Connection: Upgrade', 'Upgrade: SPDY/3.1'];
    socket.write(`POST ${path} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\nhello`);
  });
}

it('gives the connection to the handler, with what has come already', async () => {
  const text = await converse('a', /HELLO/);
  expect(text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
  expect(text).toContain('Upgrade: spdy/3.1');
  await vi.waitUntil(() => stages().length === 3);
  expect(stages()).toEqual(['RequestReceived -', 'ResponseStarted 101', 'ResponseComplete 101']);
  expect(admitted).toMatchObject([
    {
      operation: 'CONNECT',
      subresource: 'exec',
      name: 'a',
      object: { kind: 'PodExecOptions', apiVersion: 'v1', stdin: true, tty: false, command: ['sh', '-i'] },
    },
  ]);
});

it.each([
  ['gone', 'HTTP/1.1 404 Not Found', 'pods \\"gone\\" not found'],
  ['refused', 'HTTP/1.1 403 Forbidden', 'pods \\"refused\\" is forbidden: no'],
])('answers in HTTP when there will be no connection: %s', async (name, status, message) => {
  const text = await converse(name, /\}\n$/);
  expect(text.startsWith(status)).toBe(true);
  expect(text).toContain(message);
});

it('streams bytes', async () => {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: tls.cert, checkServerIdentity: () => undefined });
  const path = '/api/v1/namespaces/default/pods/a/log?container=web';
  const stream = session.request({ ':path': path, authorization: 'Bearer jane', accept: 'text/plain' });
  let auditId: string | string[] | undefined;
  stream.on('response', (headers) => {
    auditId = headers['audit-id'];
  });
  let text = '';
  for await (const chunk of stream) text += chunk;
  expect(text).toBe('web: one\ntwo\n');
  await vi.waitUntil(() => stages().length === 3);
  expect(stages()).toEqual(['RequestReceived -', 'ResponseStarted 200', 'ResponseComplete 200']);
  expect(new Set([auditId, ...audited.map(({ auditID }) => auditID)]).size).toBe(1);
  session.close();
});

it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
  'passes %s on, whatever its body is',
  async (method) => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: tls.cert, checkServerIdentity: () => undefined });
    const path = '/api/v1/namespaces/default/pods/a/proxy';
    const stream = session.request({ ':method': method, ':path': path, authorization: 'Bearer jane' });
    stream.end();
    let asked: unknown;
    stream.on('response', (headers) => {
      asked = headers['x-method'];
    });
    let text = '';
    for await (const chunk of stream) text += chunk;
    expect([asked, text]).toEqual([method, method === 'HEAD' ? '' : method]);
    session.close();
  },
);

it('refuses a connection to a caller in this process', async () => {
  const request = { method: 'GET' as const, path: '/api/v1/namespaces/default/pods/a/log' };
  await expect(test.transport.request(request)).rejects.toThrow('a connection can only be made over HTTPS');
});
