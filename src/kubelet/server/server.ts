/**
 * The kubelet's HTTPS server: logs, exec, attach, port forwarding and metrics, for whom the API server allows it. Paths
 * and answers are those of upstream's kubelet.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, createServer as createListener, type Server as Listener } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { requestHeaderBytesMax } from '#base/request-headers.js';
import { refuseUpgrade, type UpgradeRequest } from '#base/websocket.js';
import { textOf } from '../kubelet-error.js';
import { requestKind } from '../kubelet-metrics.js';
import { containersOf, findContainer } from '../pod-state.js';
import { KubeletAccess, type Refusal, type Reviews } from './access.js';
import { LogQueryError, serveLogs } from './container-logs.js';
import { serveNodeLogs } from './node-logs.js';
import { servePortForward } from './port-forward.js';
import { serveRemoteCommand, wantedStreams } from './remote-command.js';
import { serveRun } from './run-command.js';
import { findPod, type ServedNode, type ServedPods } from './served-node.js';

export interface KubeletServerOptions {
  reviews: Reviews;
  clock: Clock;
  log: Log;
  tls: {
    cert: string | Buffer;
    key: string | Buffer;
    /** Of the clients' certificates. */
    clientCa: string | Buffer;
  };
}

const connectionsMax = 2000;

export class KubeletServer {
  readonly #options: KubeletServerOptions;
  readonly #access: KubeletAccess;
  /** Listens nowhere itself: the connections come from the ports of the nodes. */
  readonly #server: Server;
  readonly #listeners: Listener[] = [];
  /** By port. */
  readonly #nodes = new Map<number, ServedNode>();
  readonly #sockets = new Set<Duplex>();

  constructor(options: KubeletServerOptions) {
    this.#options = options;
    const { cert, key, clientCa: ca } = options.tls;
    this.#access = new KubeletAccess(options);
    this.#server = createServer({
      cert,
      key,
      ca,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      maxHeaderSize: requestHeaderBytesMax,
    });
    this.#server.on('request', (request, response) => this.#answer(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade({ request, socket, head }));
    this.#server.on('secureConnection', (socket) => this.#keep(socket));
  }

  /** Serves the node at an address of its own. Throws the system's error for the address. */
  async listen(node: ServedNode, { host, port }: { host: string; port: number }): Promise<AddressInfo> {
    const listener = createListener((socket) => {
      this.#keep(socket);
      this.#server.emit('connection', socket);
    });
    listener.maxConnections = connectionsMax;
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, host, () => {
        listener.off('error', reject);
        resolve();
      });
    });
    listener.on('error', (err) => this.#options.log.error('the kubelet server failed', { err }));
    const address = listener.address() as AddressInfo;
    this.#listeners.push(listener);
    this.#nodes.set(address.port, node);
    return address;
  }

  /** Breaks what is open off. */
  async close(): Promise<void> {
    const closed = this.#listeners.map((listener) => new Promise<void>((resolve) => listener.close(() => resolve())));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #nodeOf({ socket }: IncomingMessage): ServedNode {
    return this.#nodes.get(socket.localPort!)!;
  }

  #count(request: IncomingMessage, response: ServerResponse | Duplex): void {
    const { clock } = this.#options;
    const beganMs = clock.monotonic();
    const { metrics } = this.#nodeOf(request).metrics() ?? {};
    response.once('close', () =>
      metrics?.countRequest({ ...requestKind(request), tookMs: clock.monotonic() - beganMs }),
    );
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#count(request, response);
    try {
      const node = this.#nodeOf(request);
      const refused = await this.#access.refusal(request, node.name);
      const refusal = refused ?? (await this.#route(node, { request, response }));
      if (!refusal) return;
      response.writeHead(refusal.code, { 'content-type': 'text/plain; charset=utf-8' });
      response.end(refusal.text);
    } catch (error) {
      this.#options.log.error('request failed', { url: request.url, err: error });
      if (response.headersSent) return void response.destroy();
      response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
      response.end(textOf(error));
    }
  }

  /** Answers, or gives the refusal to answer with. */
  async #route(node: ServedNode, { request, response }: Exchange): Promise<Refusal | undefined> {
    const { clock } = this.#options;
    const { pods: served, logDirectory: directory } = node;
    const { parts, query } = targetOf(request);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const [action = '', namespace = '', pod = '', ...rest] = parts;
    if (['exec', 'attach', 'portForward'].includes(action)) {
      const target = this.#streamTarget(node, request);
      return 'code' in target ? target : { code: 400, text: 'UpgradeRequest request required' };
    }
    if (action === 'run' && (parts.length === 4 || parts.length === 5)) {
      if (request.method !== 'POST') return { code: 405, text: 'Method Not Allowed' };
      return serveRun(node, { parts: parts.slice(1), query, response });
    }
    if (!isRead) return { ...notFound, code: action === 'containerLogs' ? 405 : 404 };
    if (action === 'containerLogs' && parts.length === 4) {
      const container = rest[0]!;
      const found = findPod(served, { namespace, name: pod });
      if (!found) return { code: 404, text: `pod ${JSON.stringify(pod)} does not exist\n` };
      if (!findContainer(found, container))
        return { code: 404, text: `container ${JSON.stringify(container)} not found in pod ${JSON.stringify(pod)}\n` };
      try {
        await serveLogs(response, { namespace, pod, container, query }, { served, clock });
      } catch (error) {
        if (error instanceof LogQueryError) return { code: 400, text: error.message };
        throw error;
      }
      return undefined;
    }
    if (action === 'logs' && parts.length > 1) {
      if (!directory) return { code: 405, text: 'logs endpoint is disabled.\n' };
      return (await serveNodeLogs(request, response, { directory, parts: parts.slice(1) })) ? undefined : notFound;
    }
    const path = parts.join('/');
    if (action === 'healthz') return healthz(response, { parts, query });
    if (path === 'pods') return void json(response, podList(served.pods()));
    if (path === 'runningpods' || path === 'runningpods/') return void json(response, podList(runningPods(served)));
    const metrics = node.metrics();
    if (!metrics) return { code: 503, text: 'the kubelet has not started yet' };
    if (path === 'configz') return void json(response, { kubeletconfig: metrics.configuration });
    if (path === 'stats/summary') {
      const onlyCpuAndMemory = query.get('only_cpu_and_memory') === 'true';
      return void json(response, await metrics.summary({ onlyCpuAndMemory }));
    }
    const told = await metrics.text(path);
    return told === undefined ? notFound : void text(response, told, metricsMediaType);
  }

  async #upgrade(upgrade: UpgradeRequest): Promise<void> {
    const { request, socket } = upgrade;
    socket.on('error', () => socket.destroy());
    this.#count(request, socket);
    try {
      const node = this.#nodeOf(request);
      const refusal = await this.#access.refusal(request, node.name);
      if (refusal) return void refuseUpgrade(socket, refusal);
      const target = this.#streamTarget(node, request);
      if ('code' in target) return void refuseUpgrade(socket, target);
      await target.serve(upgrade);
    } catch (err) {
      this.#options.log.error('a stream failed', { url: request.url, err });
      socket.destroy();
    }
  }

  #streamTarget(node: ServedNode, request: IncomingMessage): Refusal | StreamTarget {
    const { clock, log } = this.#options;
    const { runtime, pods: served } = node;
    const { parts, query } = targetOf(request);
    const [action = '', namespace = '', name = '', ...rest] = parts;
    const isCommand = action === 'exec' || action === 'attach';
    const lengths = isCommand ? [4, 5] : [3, 4];
    if ((!isCommand && action !== 'portForward') || !lengths.includes(parts.length)) return notFound;
    if (request.method !== 'GET' && request.method !== 'POST') return { code: 405, text: 'Method Not Allowed' };
    const pod = findPod(served, { namespace, name });
    if (!pod) return { code: 404, text: 'pod does not exist' };
    if (!isCommand) {
      const sandboxId = served.sandboxId(pod);
      if (!sandboxId) return { code: 500, text: `pod not found (${JSON.stringify(name)})` };
      const context = { runtime, clock, log, sandboxId, pod: { name, uid: pod.metadata.uid ?? '' } };
      return { serve: (upgrade) => servePortForward(upgrade, context) };
    }
    const container = rest.at(-1)!;
    let wanted: ReturnType<typeof wantedStreams>;
    try {
      wanted = wantedStreams(query);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return { code: 400, text: error.message };
    }
    const containerId = served.containerId(pod, container);
    if (!containerId) return { code: 500, text: `container not found (${JSON.stringify(container)})` };
    const remote = { action, containerId, command: query.getAll('command'), wanted } as const;
    return { serve: (upgrade) => serveRemoteCommand(upgrade, remote, { runtime, clock, log }) };
  }
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

interface StreamTarget {
  serve(upgrade: UpgradeRequest): Promise<void>;
}

const notFound: Refusal = { code: 404, text: '404 page not found\n' };

function targetOf({ url = '/' }: IncomingMessage): { parts: string[]; query: URLSearchParams } {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  try {
    return { parts: path.split('/').slice(1).map(decodeURIComponent), query };
  } catch {
    return { parts: [], query };
  }
}

function podList(pods: readonly object[]): object {
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: pods };
}

/** Those that the runtime has something running of, with no more than the runtime knows. */
function runningPods(served: ServedPods): object[] {
  return served.pods().flatMap((pod) => {
    const { name, namespace, uid } = pod.metadata;
    const running = [...containersOf(pod)].filter(({ container }) => served.containerId(pod, container.name));
    const containers = running.map(({ container }) => ({
      name: container.name,
      image: container.image,
      resources: {},
    }));
    if (containers.length === 0) return [];
    return [{ metadata: { name, namespace, uid, creationTimestamp: null }, spec: { containers }, status: {} }];
  });
}

/** Whoever is answered at all is answered by a kubelet that is well. */
const healthChecks = ['ping', 'log', 'syncloop'];

function healthz(response: ServerResponse, { parts, query }: ReturnType<typeof targetOf>): Refusal | undefined {
  const [, check, ...rest] = parts;
  if (rest.length > 0 || (check !== undefined && !healthChecks.includes(check))) return notFound;
  if (check !== undefined || !query.has('verbose')) return void text(response, 'ok');
  const lines = healthChecks.map((name) => `[+]${name} ok\n`);
  return void text(response, `${lines.join('')}healthz check passed\n`);
}

const plainMediaType = 'text/plain; charset=utf-8';
const metricsMediaType = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

function text(response: ServerResponse, body: string, mediaType = plainMediaType): void {
  response.writeHead(200, { 'content-type': mediaType, 'x-content-type-options': 'nosniff' });
  response.end(body);
}

function json(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
