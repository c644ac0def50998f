import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { type AddressInfo, createServer, connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Pod } from '#api/gen/core-v1.js';
import { badRequest } from '#apimachinery/errors.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SpdyConnection } from '#base/spdy/connection.js';
import { encodeName, issueCertificate, toPem } from '#base/x509.js';
import type { ExecStreamOptions, Runtime } from '../runtime/runtime.js';
import type { Reviews } from './access.js';
import type { ServedNode } from './served-node.js';
import { KubeletServer } from './server.js';

const year = 365 * 86_400_000;
const caName = { commonName: 'test-ca' };
const caKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

function issue(commonName: string, organizations: string[], signer: KeyObject = caKeys.privateKey) {
  const { privateKey, publicKey } =
    commonName === 'test-ca' ? caKeys : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = commonName === 'test-ca';
  const der = issueCertificate({
    subject: { commonName, organizations },
    publicKey,
    issuer: { subject: encodeName(caName), key: signer },
    serial: Buffer.from(commonName.padEnd(10).slice(0, 10)),
    notBeforeMs: Date.UTC(2020, 0, 1),
    notAfterMs: Date.UTC(2020, 0, 1) + 25 * year,
    authority,
    keyUsages: authority ? ['keyCertSign'] : ['digitalSignature'],
    extendedKeyUsages: authority ? undefined : ['serverAuth', 'clientAuth'],
    names: { addresses: ['127.0.0.1'] },
  });
  return { cert: toPem('CERTIFICATE', der), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

const ca = issue('test-ca', []).cert;
const serving = issue('kubelet', []);
const apiServer = issue('kube-apiserver-kubelet-client', ['system:masters']);

const pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
  spec: { containers: [{ name: 'main' }, { name: 'late' }] },
} as unknown as Pod;

/** `cat`, `exit N`, `sizes` (says each size it is told) and `forever` are all it can run. */
const runtime = {
  async execStream(_id: string, options: ExecStreamOptions): Promise<number> {
    const [name, argument] = options.command;
    if (name === 'exit') {
      options.stdout?.write('out\n');
      options.stderr?.write('err\n');
      return Number(argument);
    }
    if (name === 'cat') {
      for await (const chunk of options.stdin as Readable) {
        await new Promise<void>((resolve) => options.stdout!.write(chunk, () => resolve()));
      }
      return 0;
    }
    if (name === 'sizes') {
      for await (const { width, height } of options.resize!) {
        options.stdout!.write(`${width}x${height}`);
        return 0;
      }
    }
    if (name === 'forever') {
      await new Promise((resolve) => options.signal.addEventListener('abort', resolve));
      aborted();
      return 137;
    }
    throw new Error(`no such command: ${name}`);
  },
  async portForward(_sandbox: string, port: number) {
    if (port === 1) throw new Error('connection refused');
    return tcpConnect({ port, host: '127.0.0.1', allowHalfOpen: true });
  },
} as unknown as Runtime;

/** Whom the API server knows, and to whom it allows everything. */
const reviews: Reviews = {
  user: async (token) => (token === 'good' ? { username: 'scraper', groups: ['scrapers'] } : undefined),
  isAllowed: async ({ groups, user, resourceAttributes }) =>
    groups?.includes('system:masters') === true ||
    (user === 'scraper' && resourceAttributes?.subresource === 'healthz' && resourceAttributes.name === 'node'),
};

let aborted = () => {};
let server: KubeletServer;
let port: number;
let echoPort: number;
let directory: string;
const clock = new VirtualClock();
// Says in capitals what it hears, and ends when the other side has.
const echo = createServer({ allowHalfOpen: true }, (socket) => {
  // Who forwards may go away in the middle.
  socket.on('error', () => {});
  socket.on('data', (chunk) => socket.write(chunk.toString().toUpperCase()));
  socket.on('end', () => socket.end('.'));
});

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubelet-server-'));
  const path = join(directory, '0.log');
  await writeFile(path, '2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:01Z stderr F two\n');
  await mkdir(join(directory, 'logs', 'app'), { recursive: true });
  await writeFile(join(directory, 'logs', 'a & b.log'), 'hello\n');
  await symlink(path, join(directory, 'logs', 'out.log'));
  await symlink('a & b.log', join(directory, 'logs', 'within.log'));
  server = new KubeletServer({ reviews, clock, log: silentLog, tls: { ...serving, clientCa: ca } });
  const node: ServedNode = {
    name: 'node',
    pods: {
      pods: () => [pod],
      sandboxId: () => 'sandbox',
      containerId: (_pod, name) => (name === 'main' ? 'container' : undefined),
      logFile: ({ container }) => {
        if (container === 'main') return { path, isRunning: () => false };
        throw badRequest('container "late" in pod "web" is waiting to start: ContainerCreating');
      },
    },
    runtime,
    metrics: () => undefined,
    logDirectory: join(directory, 'logs'),
  };
  ({ port } = await server.listen(node, { host: '127.0.0.1', port: 0 }));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  echoPort = (echo.address() as AddressInfo).port;
});
afterAll(async () => {
  await server.close();
  echo.close();
  await rm(directory, { recursive: true });
});

type Identity = { cert?: string; key?: string; headers?: Record<string, string> };

async function get(path: string, identity: Identity = apiServer) {
  const options = { host: '127.0.0.1', port, path, ca, agent: false as const, ...identity };
  return new Promise<{ code: number; body: string }>((resolve, reject) => {
    const answered = (response: Readable & { statusCode?: number }) =>
      void text(response).then((body) => resolve({ code: response.statusCode ?? 0, body }), reject);
    https.get(options, answered).on('error', reject);
  });
}

describe('who may ask', () => {
  it('is for the API server to say', async () => {
    expect((await get('/healthz?verbose')).body).toBe('[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n');
    expect((await get('/healthz/other')).code).toBe(404);
    expect(await get('/healthz', {})).toEqual({ code: 401, body: 'Unauthorized' });
    const forbidden = 'Forbidden (user=jane, verb=get, resource=nodes, subresource(s)=[pods proxy])\n';
    expect(await get('/pods', issue('jane', ['guests']))).toEqual({ code: 403, body: forbidden });
    const forged = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    expect((await get('/pods', issue('kube-apiserver-kubelet-client', ['system:masters'], forged))).code).toBe(401);
  });

  it('may be told by a bearer token', async () => {
    const bearing = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    expect(await get('/healthz/ping', bearing('good'))).toEqual({ code: 200, body: 'ok' });
    expect((await get('/healthz', bearing('bad'))).code).toBe(401);
    const forbidden = 'Forbidden (user=scraper, verb=get, resource=nodes, subresource(s)=[metrics])\n';
    expect(await get('/metrics/resource', bearing('good'))).toEqual({ code: 403, body: forbidden });
  });

  it('holds for upgrades too', async () => {
    const socket = new WebSocket(`wss://127.0.0.1:${port}/exec/default/web/main?output=1&command=exit&command=0`, {
      ca,
    });
    const message = await new Promise((resolve) => socket.on('error', (error) => resolve(error.message)));
    expect(message).toBe('Unexpected server response: 401');
  });
});

describe('logs', () => {
  it('are the lines of the file, as many as asked for', async () => {
    expect(await get('/containerLogs/default/web/main')).toEqual({ code: 200, body: 'one\ntwo\n' });
    expect((await get('/containerLogs/default/web/main?tailLines=1')).body).toBe('two\n');
  });

  it('that are not there are refused in upstream’s words', async () => {
    const late = { code: 400, body: 'container "late" in pod "web" is waiting to start: ContainerCreating' };
    expect(await get('/containerLogs/default/web/late')).toEqual(late);
    expect(await get('/containerLogs/default/nope/main')).toEqual({ code: 404, body: 'pod "nope" does not exist\n' });
    const none = { code: 404, body: 'container "x" not found in pod "web"\n' };
    expect(await get('/containerLogs/default/web/x')).toEqual(none);
    expect((await get('/containerLogs/default/web/main?tailLines=-1')).code).toBe(400);
  });
});

function spdy(path: string, protocol: string): Promise<SpdyConnection | string> {
  const headers = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocol };
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method: 'POST', ca, agent: false as const, headers, ...apiServer };
    const request = https.request(options, (response) => void text(response).then(resolve, reject));
    request.on('upgrade', (_, socket, head) => resolve(new SpdyConnection(socket, { side: 'client', head })));
    request.on('error', reject);
    request.end();
  });
}

async function open(path: string, protocol: string): Promise<SpdyConnection> {
  const connection = await spdy(path, protocol);
  if (typeof connection === 'string') throw new Error(connection);
  return connection;
}

const notZero = {
  metadata: {},
  status: 'Failure',
  message: 'command terminated with non-zero exit code: error executing command [exit 3], exit code 3',
  reason: 'NonZeroExitCode',
  details: { causes: [{ reason: 'ExitCode', message: '3' }] },
};

describe('exec over SPDY', () => {
  it('gives output, and the exit code as a Status', async () => {
    const path = '/exec/default/web/main?command=exit&command=3&output=1&error=1';
    const connection = await open(path, 'v4.channel.k8s.io');
    const [errors, stdout, stderr] = ['error', 'stdout', 'stderr'].map((streamtype) => connection.open({ streamtype }));
    expect(await Promise.all([text(stdout!), text(stderr!)])).toEqual(['out\n', 'err\n']);
    expect(JSON.parse(await text(errors!))).toEqual(notZero);
    connection.destroy();
  });

  it('lets stdin end while output goes on, for more than any buffer holds', async () => {
    const connection = await open('/exec/default/web/main?command=cat&input=1&output=1', 'v4.channel.k8s.io');
    const [errors, stdin, stdout] = ['error', 'stdin', 'stdout'].map((streamtype) => connection.open({ streamtype }));
    stdin!.end('x'.repeat(3_000_000));
    expect((await text(stdout!)).length).toBe(3_000_000);
    expect(JSON.parse(await text(errors!))).toEqual({ metadata: {}, status: 'Success' });
    connection.destroy();
  });

  it('told its size by the client, tells it to the command', async () => {
    const path = '/exec/default/web/main?command=sizes&output=1&error=1&tty=1';
    const connection = await open(path, 'v4.channel.k8s.io');
    const [, stdout, resize] = ['error', 'stdout', 'resize'].map((streamtype) => connection.open({ streamtype }));
    resize!.write('{"Width":132,"Hei');
    resize!.write('ght":43}\n');
    expect(await text(stdout!)).toBe('132x43');
    connection.destroy();
  });

  it('aborts the command when the client goes', async () => {
    const gone = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    const connection = await open('/exec/default/web/main?command=forever&output=1', 'v4.channel.k8s.io');
    for (const streamtype of ['error', 'stdout']) connection.open({ streamtype });
    await new Promise((resolve) => setImmediate(resolve));
    connection.destroy();
    await gone;
  });

  it('gives up on a client that opens no streams in 30 seconds', async () => {
    const connection = await open('/exec/default/web/main?command=cat&output=1', 'v4.channel.k8s.io');
    connection.open({ streamtype: 'error' });
    await clock.advance(30_000);
    await connection.closed;
  });

  it('is refused where there is nothing to run it in, or nothing is wanted', async () => {
    const protocol = 'v4.channel.k8s.io';
    expect(await spdy('/exec/default/web/late?output=1', protocol)).toBe('container not found ("late")');
    expect(await spdy('/exec/default/nope/main?output=1', protocol)).toBe('pod does not exist');
    const nothing = 'you must specify at least 1 of stdin, stdout, stderr';
    expect(await spdy('/exec/default/web/main?command=cat', protocol)).toBe(nothing);
    expect(await spdy('/exec/default/web/main?output=1', 'v9')).toContain('unable to negotiate protocol');
  });
});

async function webSocket(
  path: string,
  protocol: string,
): Promise<{ socket: WebSocket; messages: Buffer[]; closed: Promise<void> }> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, protocol, { ca, ...apiServer });
  const messages: Buffer[] = [];
  socket.on('message', (message) => messages.push(message as Buffer));
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  return { socket, messages, closed };
}

const onChannel = (messages: Buffer[], channel: number) =>
  Buffer.concat(messages.filter((message) => message[0] === channel).map((message) => message.subarray(1))).toString();

describe('exec over WebSocket', () => {
  it('is over with its command, whatever the client still sends', async () => {
    const path = '/exec/default/web/main?command=exit&command=0&output=1&input=1';
    const { socket, messages, closed } = await webSocket(path, 'v5.channel.k8s.io');
    for (let count = 0; count < 20; count++) socket.send(Buffer.alloc(1_000_000));
    await closed;
    expect(onChannel(messages, 3)).toContain('"status":"Success"');
  }, 10_000);

  it('gives output and Status on their channels', async () => {
    const path = '/exec/default/web/main?command=exit&command=3&output=1&error=1';
    const { messages, closed } = await webSocket(path, 'v5.channel.k8s.io');
    await closed;
    expect([onChannel(messages, 1), onChannel(messages, 2)]).toEqual(['out\n', 'err\n']);
    expect(JSON.parse(onChannel(messages, 3))).toEqual(notZero);
  });

  it('ends stdin by the close signal of v5', async () => {
    const { socket, messages, closed } = await webSocket(
      '/exec/default/web/main?command=cat&input=1&output=1',
      'v5.channel.k8s.io',
    );
    socket.send(Buffer.from('\0hello'));
    socket.send(Buffer.from([255, 0]));
    await closed;
    expect(onChannel(messages, 1)).toBe('hello');
    expect(JSON.parse(onChannel(messages, 3)).status).toBe('Success');
  });

  it('speaks base64 when asked', async () => {
    const path = '/exec/default/web/main?command=exit&command=0&output=1';
    const { messages, closed } = await webSocket(path, 'v4.base64.channel.k8s.io');
    await closed;
    const said = messages.map(String).filter((message) => message.startsWith('1'));
    expect(said.map((message) => Buffer.from(message.slice(1), 'base64').toString()).join('')).toBe('out\n');
  });
});

describe('port forwarding', () => {
  it('over SPDY makes a connection of each pair of streams', async () => {
    const connection = await open('/portForward/default/web', 'portforward.k8s.io');
    const headers = { port: String(echoPort), requestid: '0' };
    const error = connection.open({ ...headers, streamtype: 'error' });
    const data = connection.open({ ...headers, streamtype: 'data' });
    error.end();
    data.end('hello');
    expect(await Promise.all([text(data), text(error)])).toEqual(['HELLO.', '']);
    connection.destroy();
  });

  it('tells what failed on the error stream, and goes on', async () => {
    const connection = await open('/portForward/default/web', 'portforward.k8s.io');
    const pair = { port: '1', requestid: '7' };
    const error = connection.open({ ...pair, streamtype: 'error' });
    const data = connection.open({ ...pair, streamtype: 'data' });
    const told = 'error forwarding port 1 to pod web, uid u1: connection refused';
    expect(await Promise.all([text(error), text(data)])).toEqual([told, '']);
    connection.destroy();
  });

  it('over WebSocket channels begins each with its port', async () => {
    const { socket, messages } = await webSocket(`/portForward/default/web?port=${echoPort}`, 'v4.channel.k8s.io');
    socket.send(Buffer.from('\0hello'));
    while (!onChannel(messages, 0).endsWith('HELLO')) await new Promise((resolve) => setImmediate(resolve));
    expect(messages[0]!.readUInt16LE(1)).toBe(echoPort);
    socket.terminate();
  });

  it('over WebSocket channels outlives clients that leave while the pod speaks', async () => {
    for (let round = 0; round < 20; round++) {
      const { socket } = await webSocket(`/portForward/default/web?port=${echoPort}`, 'v4.channel.k8s.io');
      const closed = new Promise((resolve) => socket.once('close', resolve));
      for (let part = 0; part < 20; part++) socket.send(Buffer.from(`\0${'x'.repeat(round * 500)}`));
      socket.close();
      await closed;
    }
    expect((await get('/healthz')).code).toBe(200);
  });
});

describe('the machine’s logs', () => {
  it('are files and folders below the log directory', async () => {
    const { body } = await get('/logs/');
    expect(body).toContain('<a href="a%20%26%20b.log">a &amp; b.log</a>\n<a href="app/">app/</a>\n');
    expect(await get('/logs/a%20%26%20b.log')).toEqual({ code: 200, body: 'hello\n' });
    expect(await get('/logs/within.log')).toEqual({ code: 200, body: 'hello\n' });
    expect(await get('/logs/app')).toMatchObject({ code: 301 });
    expect(await get('/logs/a%20%26%20b.log/')).toMatchObject({ code: 301 });
  });

  it.each(['nothing', '../0.log', '..%2f0.log', 'out.log', 'app/../../0.log', '%00'])(
    'are not what stands elsewhere: %s',
    async (path) => {
      expect(await get(`/logs/${path}`)).toEqual({ code: 404, body: '404 page not found\n' });
    },
  );
});

it('the pods that run are told with what the runtime knows of them', async () => {
  const { items } = JSON.parse((await get('/runningpods/')).body);
  const metadata = { name: 'web', namespace: 'default', uid: 'u1', creationTimestamp: null };
  expect(items).toEqual([{ metadata, spec: { containers: [{ name: 'main', resources: {} }] }, status: {} }]);
});
