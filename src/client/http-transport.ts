/** Reaches an API server over HTTPS: one HTTP/2 connection for many requests and watches, opened again when it breaks. */

import * as http2 from 'node:http2';
import type { Readable } from 'node:stream';
import { type Reason, type Status, StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import { toJson } from '#base/exact-json.js';
import { freeze } from '#base/json.js';
import { type ApiRequest, type ApiResponse, type Transport, TransportError, type WatchEvent } from './transport.js';

export interface HttpTransportOptions {
  /** `https://host:port`, without a path. */
  server: string;
  clock: Clock;
  /** PEM. Left out: the system's certificate authorities. */
  ca?: string | Buffer;
  /** A client certificate and its key, PEM. */
  cert?: string | Buffer;
  key?: string | Buffer;
  /** The name that the server's certificate must hold, where it is not the one in `server`. */
  tlsServerName?: string;
  /** Take any certificate: whoever sits between us and the server can read and change everything. */
  insecureSkipTlsVerify?: boolean;
  /** A bearer token; a function is asked for each request, since tokens are renewed. */
  token?: string | (() => string);
  userAgent?: string;
  /** Default: 60 s. Not for watches. */
  requestTimeoutMs?: number;
}

/** As client-go: a busy server says when to come back, and is believed this often. */
const retriesMax = 10;
const responseBytesMax = 512 * 2 ** 20;
const watchLineCharsMax = 64 * 2 ** 20;
/** A connection on which nothing was heard for this long is probed, and given up if the probe is not answered. */
const probeAfterMs = 30_000;
const probeTimeoutMs = 15_000;
/** Assumed until the server has told its own limit. */
const streamsMaxAssumed = 100;

interface Connection {
  session: http2.ClientHttp2Session;
  ready: Promise<void>;
  streams: number;
}

class RefusedStream extends TransportError {}

interface Opened {
  stream: http2.ClientHttp2Stream;
  headers: http2.IncomingHttpHeaders;
  status: number;
}

export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;
  #connections: Connection[] = [];

  constructor(options: HttpTransportOptions) {
    this.#options = options;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const { clock, requestTimeoutMs = 60_000 } = this.#options;
    for (let retries = 0; ; retries++) {
      const late = new AbortController();
      const timer = clock.setTimer(requestTimeoutMs, () => late.abort(new TransportError('no answer in time')));
      const signal = request.signal ? AbortSignal.any([request.signal, late.signal]) : late.signal;
      try {
        const { stream, headers, status } = await this.#open({ ...request, signal });
        const body = decode(await readAll(stream, signal), headers);
        if (status < 400) return { status, body: freeze(body) };
        const retryAfterSeconds = Number(headers['retry-after']);
        const retriable = (status === 429 || status >= 500) && Number.isFinite(retryAfterSeconds);
        if (!retriable || retries >= retriesMax) throw failure({ status, body, request });
        timer.cancel();
        await clock.sleep(retryAfterSeconds * 1000, request.signal);
      } finally {
        timer.cancel();
      }
    }
  }

  async *watch(request: ApiRequest): AsyncIterable<WatchEvent> {
    const { signal } = request;
    if (signal?.aborted) return;
    try {
      const { stream, headers, status } = await this.#open(request);
      if (status >= 400) throw failure({ status, body: decode(await readAll(stream, signal), headers), request });
      try {
        yield* eventsOf(stream);
      } finally {
        stream.close(http2.constants.NGHTTP2_CANCEL);
      }
    } catch (error) {
      if (signal?.aborted) return;
      throw error instanceof StatusError ? error : asTransportError(error, request);
    }
  }

  /** Ends all connections; requests under way fail. */
  close(): void {
    for (const { session } of this.#connections) session.destroy();
    this.#connections = [];
  }

  /** Sends a request and waits for the answer's header. A stream that the server never looked at is sent once more. */
  async #open(request: ApiRequest): Promise<Opened> {
    try {
      return await this.#openOnce(request).catch((error) => {
        if (!(error instanceof RefusedStream)) throw error;
        return this.#openOnce(request);
      });
    } catch (error) {
      throw request.signal?.aborted ? request.signal.reason : asTransportError(error, request);
    }
  }

  async #openOnce(request: ApiRequest): Promise<Opened> {
    const { signal } = request;
    signal?.throwIfAborted();
    const connection = this.#connection();
    connection.streams++;
    try {
      await connection.ready;
      signal?.throwIfAborted();
    } catch (error) {
      connection.streams--;
      throw error;
    }
    const body = request.body === undefined ? undefined : Buffer.from(toJson(request.body));
    const stream = connection.session.request(this.#headers(request), { endStream: body === undefined });
    const abort = () => stream.close(http2.constants.NGHTTP2_CANCEL);
    signal?.addEventListener('abort', abort, { once: true });
    stream.once('close', () => {
      connection.streams--;
      signal?.removeEventListener('abort', abort);
    });
    if (body) stream.end(body);
    return await new Promise((resolve, reject) => {
      stream.once('response', (headers) => resolve({ stream, headers, status: headers[':status'] ?? 0 }));
      // Stays for the stream's whole life: whoever reads the body hears of an error in another way.
      stream.on('error', (error) => {
        const refused = stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM;
        reject(refused ? new RefusedStream('the server refused the stream', { cause: error }) : error);
      });
      stream.once('close', () => reject(signal?.reason ?? new TransportError('connection closed without an answer')));
    });
  }

  #headers({ method, path, query, body, contentType }: ApiRequest): http2.OutgoingHttpHeaders {
    const { token, userAgent } = this.#options;
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, value);
    const headers: http2.OutgoingHttpHeaders = {
      ':method': method,
      ':path': search.size > 0 ? `${path}?${search}` : path,
      accept: 'application/json',
      'user-agent': userAgent ?? 't8s',
    };
    if (body !== undefined) headers['content-type'] = contentType ?? 'application/json';
    if (token) headers.authorization = `Bearer ${typeof token === 'function' ? token() : token}`;
    return headers;
  }

  /** A connection with room for one more stream, if need be a new one. */
  #connection(): Connection {
    for (const connection of this.#connections) {
      const max = connection.session.remoteSettings?.maxConcurrentStreams ?? streamsMaxAssumed;
      if (connection.streams < max) return connection;
    }
    const { server, ca, cert, key, tlsServerName, insecureSkipTlsVerify } = this.#options;
    const session = http2.connect(server, {
      ca,
      cert,
      key,
      ...(tlsServerName && { servername: tlsServerName }),
      rejectUnauthorized: !insecureSkipTlsVerify,
      settings: { enablePush: false },
    });
    const ready = new Promise<void>((resolve, reject) => {
      session.once('connect', () => resolve());
      session.once('error', reject);
      session.once('close', () => reject(new TransportError('connection closed')));
    });
    ready.catch(() => {});
    const connection = { session, ready, streams: 0 };
    this.#connections.push(connection);
    const drop = () => {
      this.#connections = this.#connections.filter((one) => one !== connection);
    };
    // Each stream hears of the error as well; here it only must not be unhandled.
    session.on('error', drop);
    session.on('goaway', drop);
    session.on('close', drop);
    this.#probe(connection);
    return connection;
  }

  #probe(connection: Connection): void {
    const { clock } = this.#options;
    const { session } = connection;
    let timer = clock.setTimer(probeAfterMs, () => {
      if (session.closed || session.destroyed) return;
      timer = clock.setTimer(probeTimeoutMs, () => session.destroy(new TransportError('connection does not answer')));
      const sent = session.ping((error) => {
        timer.cancel();
        if (!error) this.#probe(connection);
      });
      if (!sent) timer.cancel();
    });
    session.once('close', () => timer.cancel());
  }
}

async function readAll(stream: http2.ClientHttp2Stream, signal: AbortSignal | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > responseBytesMax) throw new TransportError(`answer of more than ${responseBytesMax} bytes`);
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw error instanceof TransportError ? error : new TransportError('the answer broke off', { cause: error });
  }
  // A cancelled stream ends like a finished one.
  if (signal?.aborted) throw signal.reason;
  return Buffer.concat(chunks).toString();
}

/** The events of a watch as it travels, one a line. Throws StatusError for one that is an error, or TransportError. */
export async function* eventsOf(stream: Readable): AsyncIterable<WatchEvent> {
  for await (const line of linesOf(stream)) yield eventOf(line);
}

async function* linesOf(stream: Readable): AsyncIterable<string> {
  stream.setEncoding('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    if (rest.length > watchLineCharsMax)
      throw new TransportError(`an event of more than ${watchLineCharsMax} characters`);
    for (const line of lines) if (line) yield line;
  }
}

function eventOf(line: string): WatchEvent {
  const { type, object } = JSON.parse(line) as { type: string; object: unknown };
  if (type === 'ERROR') throw new StatusError(object as Status);
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED' && type !== 'BOOKMARK')
    throw new TransportError(`unknown watch event ${type}`);
  return { type, object: freeze(object) };
}

function decode(text: string, headers: http2.IncomingHttpHeaders): unknown {
  if (!headers['content-type']?.startsWith('application/json')) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TransportError('the answer is not JSON', { cause: error });
  }
}

const reasons: Record<number, Reason> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function failure({ status, body, request }: { status: number; body: unknown; request: ApiRequest }): StatusError {
  const answer = body as Partial<Status> | undefined;
  if (typeof body === 'object' && answer?.kind === 'Status')
    return new StatusError({ ...answer, code: answer.code ?? status });
  // Not from an API server, but from something in front of it.
  const message = `${request.method} ${request.path}: HTTP status ${status}: ${String(body).slice(0, 200)}`;
  const details = { causes: [{ reason: 'UnexpectedServerResponse', message: String(body).slice(0, 200) }] };
  return new StatusError({ reason: reasons[status], message, details, code: status });
}

function asTransportError(error: unknown, { method, path }: ApiRequest): TransportError {
  if (error instanceof TransportError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new TransportError(`${method} ${path}: ${why}`, { cause: error });
}
