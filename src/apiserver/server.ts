/**
 * The API server: sockets in front, the pipeline behind. HTTP/2 and HTTP/1.1 share one TLS port by ALPN.
 * Options say what it serves; `cluster/` puts them together.
 */

import { type IncomingMessage, ServerResponse } from 'node:http';
import {
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createHttpsServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Log } from '#base/log.js';
import { uuid } from '#base/prng.js';
import { requestHeaderBytesMax } from '#base/request-headers.js';
import type { Transport } from '#client/transport.js';
import type { UserInfo } from './authentication/authenticator.js';
import { bearerOf } from './authentication/bearer.js';
import type { Call, Connection, Outcome } from './call.js';
import { type CallSignal, CallSignals } from './call-signals.js';
import { answerHealth, type HealthCheck, type HealthOptions } from './health.js';
import { readBody } from './http/body.js';
import { type BrowserRules, toldToBrowsers } from './http/browsers.js';
import { type Exchange, Http1Exchange, http2Exchange, upgradeExchange } from './http/exchange.js';
import { commonHeaders, respond } from './http/respond.js';
import { streamWatch } from './http/watch-stream.js';
import { watchExchange } from './http/websocket-watch.js';
import { LoopbackTransport } from './loopback.js';
import { Pipeline, type PipelineOptions } from './pipeline.js';

export interface ApiServerOptions extends PipelineOptions {
  /** PEM texts. Without them the server has no port, only transports. */
  tls?: { cert: string; key: string; clientCa: string };
  healthChecks?: readonly HealthCheck[];
  /** Default: browsers are told nothing. */
  browsers?: BrowserRules | undefined;
  /** Told of every health check that ran. */
  onHealthCheck?: HealthOptions['told'];
}

export interface ApiServer {
  readonly pipeline: Pipeline;
  /** Resolves to the address when the port takes connections. Throws the system's error, such as EADDRINUSE. */
  listen(options: { host: string; port: number }): Promise<AddressInfo>;
  /** For a component in this process, as this user: through authorization and admission like any other. */
  transport(user: UserInfo, options?: { program?: string }): Transport;
  /** Takes no more requests, ends watches, waits for the others up to a limit, closes connections. */
  close(): Promise<void>;
}

/** Streams of one HTTP/2 connection, as upstream's --http2-max-streams-per-connection. */
const streamsMax = 250;
const handshakeTimeoutMs = 10_000;
const headersTimeoutMs = 32_000;
const requestTimeoutMs = 60_000;
/** Connections without a request. */
const idleTimeoutMs = 90_000;
const connectionsMax = 10_000;
/**
 * Of a request over HTTP/2. Node's decompressor takes no longer header than this and breaks the connection off, for all
 * who share it; clients that are told send no such request.
 */
const http2HeaderBytesMax = 1 << 16;
/** How long `close` waits for requests in work. */
const drainTimeoutMs = 5_000;

export function createApiServer(options: ApiServerOptions): ApiServer {
  return new Http(options);
}

class Http implements ApiServer {
  readonly pipeline: Pipeline;
  readonly #options: ApiServerOptions;
  readonly #log: Log;
  readonly #signals = new CallSignals();
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  /** Requests in work. */
  #working = 0;
  /** Called when there are none any more. */
  #rested: (() => void) | undefined;
  #server: Server | undefined;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#log = options.log;
    const checks = options.healthChecks ?? [];
    const health = {
      checks: [{ name: 'ping', check: () => {} }, ...checks],
      log: options.log,
      told: options.onHealthCheck,
    };
    const paths = [
      (_: Call, info: { path: string; query: URLSearchParams }) => answerHealth(info, health),
      ...options.paths,
    ];
    this.pipeline = new Pipeline({ ...options, paths });
  }

  transport(user: UserInfo, { program }: { program?: string } = {}): Transport {
    const answered = this.#options.metrics?.ofClients;
    const { clock } = this.#options;
    return new LoopbackTransport({ pipeline: this.pipeline, user, program, signals: this.#signals, answered, clock });
  }

  listen({ host, port }: { host: string; port: number }): Promise<AddressInfo> {
    const server = (this.#server = this.#createServer());
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        server.on('error', (error) => this.#log.error('the listening socket failed', { err: error }));
        resolve(server.address() as AddressInfo);
      });
    });
  }

  async close(): Promise<void> {
    this.#signals.close();
    const server = this.#server;
    const closed = server && new Promise<void>((resolve) => server.close(() => resolve()));
    if (this.#working > 0) {
      await new Promise<void>((resolve) => {
        const timeout = this.#options.clock.setTimer(drainTimeoutMs, resolve);
        this.#rested = () => {
          timeout.cancel();
          resolve();
        };
      });
    }
    for (const session of this.#sessions) session.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #createServer(): Server {
    const { tls } = this.#options;
    if (!tls) throw new TypeError('a server that listens needs a certificate');
    const http2 = this.#createHttp2();
    const server = createHttpsServer({
      cert: tls.cert,
      key: tls.key,
      ca: tls.clientCa,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2', 'http/1.1'],
      maxHeaderSize: requestHeaderBytesMax,
      handshakeTimeout: handshakeTimeoutMs,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: idleTimeoutMs,
    });
    server.maxConnections = connectionsMax;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    // Node's own listener speaks HTTP/1.1 only: connections that chose h2 are handed over before it sees them.
    const serveHttp1 = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[];
    server.removeAllListeners('secureConnection');
    server.on('secureConnection', (socket: TLSSocket) => {
      if (socket.alpnProtocol === 'h2') http2.emit('connection', socket);
      else for (const serve of serveHttp1) serve.call(server, socket);
    });
    server.on('tlsClientError', (_, socket) => {
      this.#options.metrics?.handshakeFailed();
      socket.destroy();
    });
    server.on('request', (request, response) => void this.#serve(new Http1Exchange(request, response)));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    server.on('clientError', (error, socket) => refuse(socket, error));
    return server;
  }

  #createHttp2(): Http2Server {
    const server = createHttp2Server({
      settings: { maxConcurrentStreams: streamsMax, maxHeaderListSize: http2HeaderBytesMax },
    });
    server.on('session', (session) => {
      this.#sessions.add(session);
      let streams = 0;
      session.on('stream', (stream) => {
        streams++;
        stream.on('close', () => streams--);
      });
      session.setTimeout(idleTimeoutMs, () => {
        if (streams === 0) session.close();
      });
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => session.destroy());
    });
    server.on('sessionError', (error) => this.#log.debug('an HTTP/2 session failed', { err: error }));
    // The types leave the last parameter out, which Node's documentation has.
    server.on(
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) =>
        void this.#serve(http2Exchange(stream, headers, rawHeaders)),
    );
    return server;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    response.on('finish', () => socket.end());
    socket.on('close', () => response.emit('close'));
    void this.#serve(upgradeExchange(request, socket, head, new Http1Exchange(request, response)));
  }

  /** Never throws. */
  async #serve(asked: Exchange): Promise<void> {
    const { browsers } = this.#options;
    const exchange = browsers ? toldToBrowsers(asked, browsers) : asked;
    if (!exchange) return;
    this.#working++;
    const abort = this.#signals.open(exchange.gone);
    try {
      await this.#respond(exchange, this.#callOf(exchange, abort));
    } catch (error) {
      if (!exchange.gone.aborted) this.#log.error('answer failed', { target: exchange.target, err: error });
      exchange.destroy();
    } finally {
      abort.release();
      if (--this.#working === 0) this.#rested?.();
    }
  }

  async #respond(exchange: Exchange, call: Call): Promise<void> {
    const outcome = await this.pipeline.handle(call);
    const { answer } = outcome;
    const query = outcome.query ?? new URLSearchParams();
    const { schemas, clock, log } = this.#options;
    if (answer.type === 'taken' || exchange.gone.aborted) return;
    if (exchange.headersSent) {
      // A handler that began to answer by itself and then failed: the client must not take what it has for all.
      exchange.destroy();
      return;
    }
    if (answer.type === 'watch') {
      const taken = exchange.upgrade ? await watchExchange(exchange, outcome.media.format) : exchange;
      if (taken) await streamWatch(taken, { ...outcome, answer }, { schemas, clock, log, query });
      return;
    }
    const responding = respond(exchange, outcome, answer, { schemas, nowMs: clock.now(), query });
    if (responding) await responding;
    if (!exchange.body.readableEnded && hasBody(outcome)) exchange.body.resume();
  }

  #callOf(exchange: Exchange, abort: CallSignal): Call {
    const { method, target, headers, rawHeaders, body, upgrade, socket } = exchange;
    const { token: bearerToken, warning } = bearerOf(headers);
    const auditId = headers['audit-id'] || uuid(this.#options.prng);
    const connection: Connection = {
      body,
      upgrade,
      respond: (status, more) => exchange.open(status, { ...commonHeaders({ auditId, warnings: [] }), ...more }),
    };
    const call: Call = {
      auditId,
      method,
      target,
      headers,
      rawHeaders,
      credentials: {
        certificate: certificateOf(socket),
        bearerToken,
        headers,
        rawHeaders,
        target,
      },
      source: socket?.remoteAddress ?? '',
      warning,
      readBody: () => {
        const taken = (bytes: Uint8Array) => {
          call.bodyBytes = bytes.length;
          return { bytes };
        };
        const reading = readBody(exchange, this.#options.clock);
        return reading instanceof Promise ? reading.then(taken) : taken(reading);
      },
      get signal() {
        return abort.signal;
      },
      connection,
    };
    return call;
  }
}

/** What was refused may still be on its way; it is thrown away so that the answer gets through. */
function hasBody({ error }: Outcome): boolean {
  return error !== undefined;
}

const certificates = new WeakMap<TLSSocket, Uint8Array | undefined>();

function certificateOf(socket: TLSSocket | undefined): Uint8Array | undefined {
  if (!socket) return undefined;
  if (!certificates.has(socket)) {
    const { raw } = socket.getPeerCertificate();
    certificates.set(socket, raw);
  }
  return certificates.get(socket);
}

function refuse(socket: Duplex, { code }: NodeJS.ErrnoException): void {
  const status = code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
  else socket.destroy();
}
