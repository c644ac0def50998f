/** Another's HTTP server, as a program speaks to it: one request at a time, JSON or text, bounded in time and size. */
import * as http from 'node:http';
import * as https from 'node:https';
import type { Clock } from './clock.js';

export interface RemoteOptions {
  /** `https://host:port/path`; what a request names is put behind it. */
  url: string;
  clock: Clock;
  /** PEM. Left out: the system's certificate authorities. */
  ca?: string;
  /** A client certificate and its key, PEM. */
  cert?: string;
  key?: string;
  /** The name that the server's certificate must hold, where it is not the one in the URL. */
  tlsServerName?: string;
  insecureSkipTlsVerify?: boolean;
  /** Sent as `Authorization: Bearer`. */
  token?: string;
  userAgent?: string;
}

export interface RemoteRequest {
  method: 'GET' | 'POST';
  /** Appended to the URL as it is. */
  path?: string;
  /** Sent as JSON. */
  body?: unknown;
  timeoutMs: number;
  /** Default: 8 MiB. */
  bytesMax?: number;
  signal?: AbortSignal;
}

export interface RemoteAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

/** No answer: the server could not be reached, took too long or said too much. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';
  readonly reason: 'unreachable' | 'timeout' | 'too large' | 'aborted';

  constructor(reason: RemoteError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

const answerBytesMax = 8 * 2 ** 20;
const socketsMax = 64;

export class Remote {
  readonly #options: RemoteOptions;
  readonly #agent: http.Agent;

  constructor(options: RemoteOptions) {
    this.#options = options;
    const { url, ca, cert, key, tlsServerName: servername, insecureSkipTlsVerify } = options;
    const shared = { keepAlive: true, maxSockets: socketsMax };
    this.#agent = url.startsWith('https:')
      ? new https.Agent({ ...shared, ca, cert, key, servername, rejectUnauthorized: !insecureSkipTlsVerify })
      : new http.Agent(shared);
  }

  /** Any status is an answer. Throws RemoteError. */
  async request({ path = '', timeoutMs, signal, ...request }: RemoteRequest): Promise<RemoteAnswer> {
    const url = `${this.#options.url}${path}`;
    const end = new AbortController();
    const abort = () => end.abort(new RemoteError('aborted', `${request.method} ${url}: aborted`));
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const late = () => end.abort(new RemoteError('timeout', `${request.method} ${url}: no answer in ${timeoutMs} ms`));
    const timer = this.#options.clock.setTimer(timeoutMs, late);
    try {
      return await this.#exchange(url, request, end.signal);
    } catch (error) {
      if (end.signal.aborted) throw end.signal.reason;
      if (error instanceof RemoteError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new RemoteError('unreachable', `${request.method} ${url}: ${why}`, { cause: error });
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Lets go of connections kept for later. */
  close(): void {
    this.#agent.destroy();
  }

  #exchange(
    url: string,
    { method, body, bytesMax = answerBytesMax }: Omit<RemoteRequest, 'path' | 'timeoutMs' | 'signal'>,
    signal: AbortSignal,
  ): Promise<RemoteAnswer> {
    const { token, userAgent = 't8s' } = this.#options;
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers: http.OutgoingHttpHeaders = { accept: 'application/json, */*', 'user-agent': userAgent };
    if (token) headers['authorization'] = `Bearer ${token}`;
    if (bytes) Object.assign(headers, { 'content-type': 'application/json', 'content-length': bytes.length });
    const send = url.startsWith('https:') ? https.request : http.request;
    return new Promise((resolve, reject) => {
      const outgoing = send(url, { method, headers, agent: this.#agent, signal }, (answer) => {
        readText(answer, bytesMax).then(
          (text) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }),
          (error: unknown) => {
            answer.destroy();
            reject(error);
          },
        );
      });
      outgoing.on('error', reject);
      outgoing.end(bytes);
    });
  }
}

async function readText(answer: http.IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new RemoteError('too large', `an answer of more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
