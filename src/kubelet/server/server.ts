/**
 * The kubelet's HTTPS server: logs, exec, attach and port forwarding for the API server, and nobody else. Paths and
 * answers are those of upstream's kubelet.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { refuseUpgrade, type UpgradeRequest } from '#base/websocket.js';
import { textOf } from '../kubelet-error.js';
import { containersOf, findContainer } from '../pod-state.js';
import type { ServedRuntime } from '../runtime/runtime.js';
import { LogQueryError, serveLogs } from './container-logs.js';
import { serveNodeLogs } from './node-logs.js';
import { servePortForward } from './port-forward.js';
import { serveRemoteCommand, wantedStreams } from './remote-command.js';
import { findPod, type ServedPods } from './served-pods.js';
import { StatsSummary } from './stats.js';

export interface KubeletServerOptions {
  pods: ServedPods;
  runtime: ServedRuntime;
  nodeName: string;
  clock: Clock;
  log: Log;
  tls: {
    cert: string | Buffer;
    key: string | Buffer;
    /** Of the clients' certificates. */
    clientCa: string | Buffer;
  };
  /** What /logs/ shows. Default: nothing. */
  logDirectory?: string;
  /** The one client that may do everything. Default: the API server's. */
  allowed?: { commonName: string; organization: string };
}

const apiServer = { commonName: 'kube-apiserver-kubelet-client', organization: 'system:masters' };
const connectionsMax = 2000;

export class KubeletServer {
  readonly #options: KubeletServerOptions;
  readonly #server: Server;
  readonly #stats: StatsSummary;
  readonly #sockets = new Set<Duplex>();

  constructor(options: KubeletServerOptions) {
    this.#options = options;
    const { pods: served, runtime, nodeName, clock, tls } = options;
    this.#stats = new StatsSummary({ served, runtime, nodeName, startedAtMs: clock.now() });
    const { cert, key, clientCa: ca } = tls;
    this.#server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' });
    this.#server.maxConnections = connectionsMax;
    this.#server.on('request', (request, response) => this.#answer(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade({ request, socket, head }));
    this.#server.on('secureConnection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Throws the system's error for the address. */
  async listen({ host, port }: { host: string; port: number }): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', (err) => this.#options.log.error('the kubelet server failed', { err }));
    return this.#server.address() as AddressInfo;
  }

  /** Breaks what is open off. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const refusal = this.#refusal(request) ?? (await this.#route(request, response));
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
  async #route(request: IncomingMessage, response: ServerResponse): Promise<Refusal | undefined> {
    const { clock, pods: served } = this.#options;
    const { parts, query } = targetOf(request);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const [action = '', namespace = '', pod = '', ...rest] = parts;
    if (['exec', 'attach', 'portForward'].includes(action)) {
      const target = this.#streamTarget(request);
      return 'code' in target ? target : { code: 400, text: 'UpgradeRequest request required' };
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
      const directory = this.#options.logDirectory;
      if (!directory) return { code: 405, text: 'logs endpoint is disabled.\n' };
      return (await serveNodeLogs(request, response, { directory, parts: parts.slice(1) })) ? undefined : notFound;
    }
    const path = parts.join('/');
    if (path === 'healthz') return void text(response, 'ok');
    if (path === 'pods') return void json(response, podList(served.pods()));
    if (path === 'runningpods' || path === 'runningpods/') return void json(response, podList(runningPods(served)));
    if (path === 'stats/summary') return void json(response, await this.#stats.read());
    return notFound;
  }

  #upgrade(upgrade: UpgradeRequest): void {
    const { request, socket } = upgrade;
    socket.on('error', () => socket.destroy());
    const refusal = this.#refusal(request);
    if (refusal) return void refuseUpgrade(socket, refusal);
    const target = this.#streamTarget(request);
    if ('code' in target) return void refuseUpgrade(socket, target);
    target.serve(upgrade).catch((err) => {
      this.#options.log.error('a stream failed', { url: request.url, err });
      socket.destroy();
    });
  }

  #streamTarget(request: IncomingMessage): Refusal | { serve(upgrade: UpgradeRequest): Promise<void> } {
    const { runtime, clock, log, pods: served } = this.#options;
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

  #refusal(request: IncomingMessage): Refusal | undefined {
    const socket = request.socket as TLSSocket;
    if (!socket.authorized) return { code: 401, text: 'Unauthorized' };
    const { commonName, organization } = this.#options.allowed ?? apiServer;
    const subject = socket.getPeerCertificate().subject as
      | { CN?: string | string[]; O?: string | string[] }
      | undefined;
    const names = [subject?.CN ?? []].flat();
    if (names.includes(commonName) && [subject?.O ?? []].flat().includes(organization)) return undefined;
    const verb = request.method === 'GET' ? 'get' : 'create';
    return { code: 403, text: `Forbidden (user=${names.join()}, verb=${verb}, resource=nodes, subresource=proxy)` };
  }
}

interface Refusal {
  code: number;
  text: string;
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

function text(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' });
  response.end(body);
}

function json(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
