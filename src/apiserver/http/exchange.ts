/**
 * One request and its response, over HTTP/1.1 or HTTP/2, behind one small face. HTTP/2 uses Node's stream API, which
 * does about twice the work per second of its compatibility layer.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { LazyAbort } from '#base/lazy-abort.js';

export interface Exchange {
  readonly method: string;
  readonly target: string;
  /** One value a name, as Node joins all but `set-cookie`, which no request has; names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Names and values in turn, as sent. */
  readonly rawHeaders: readonly string[];
  readonly socket: TLSSocket | undefined;
  readonly body: Readable;
  /** Aborts when the client has gone. */
  readonly gone: LazyAbort;
  readonly upgrade?: { protocol: string; socket: Duplex; head: Buffer; request: IncomingMessage };
  readonly headersSent: boolean;
  /** Sends status and headers, and gives the stream to write the body to. */
  open(status: number, headers: Record<string, string | string[]>): Writable;
  /**
   * After `open`: where whole chunks (RFC 9112, 7.1) may be written past the answer's own framing, in one piece that
   * many exchanges share. Undefined where this answer is not sent in chunks.
   */
  chunks?(): Writable | undefined;
  /** Ends the exchange at once, whatever has been sent. */
  destroy(): void;
}

export function http2Exchange(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): Exchange {
  const gone = new LazyAbort();
  stream.on('close', () => gone.abort());
  // A reset by the client is an error event; closing says all there is to know.
  stream.on('error', () => gone.abort());
  const method = headers[':method'] ?? 'GET';
  return {
    method,
    target: headers[':path'] ?? '/',
    headers: headers as Exchange['headers'],
    rawHeaders,
    socket: stream.session?.socket as TLSSocket | undefined,
    body: stream,
    gone,
    get headersSent() {
      return stream.headersSent;
    },
    open(status, answerHeaders) {
      if (!stream.destroyed && !stream.closed) {
        const endStream = method === 'HEAD' || status === 304 || status === 204;
        stream.respond({ ...answerHeaders, ':status': status }, { endStream });
      }
      return stream;
    },
    destroy: () => stream.close(constants.NGHTTP2_CANCEL),
  };
}

/** A class, since there is one for every request; its fields are no private ones since others are made that inherit from it. */
export class Http1Exchange implements Exchange {
  readonly method: string;
  readonly target: string;
  readonly headers: Exchange['headers'];
  readonly rawHeaders: readonly string[];
  readonly socket: TLSSocket;
  readonly body: IncomingMessage;
  readonly gone = new LazyAbort();
  private readonly response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.method = request.method ?? 'GET';
    this.target = request.url ?? '/';
    this.headers = request.headers as Exchange['headers'];
    this.rawHeaders = request.rawHeaders;
    this.socket = request.socket as TLSSocket;
    this.body = request;
    this.response = response;
    const leave = () => this.gone.abort();
    response.on('close', leave);
    response.on('error', leave);
  }

  get headersSent(): boolean {
    return this.response.headersSent;
  }

  open(status: number, headers: Record<string, string | string[]>): Writable {
    return this.response.writeHead(status, headers);
  }

  chunks(): Writable | undefined {
    const { response } = this;
    response.flushHeaders();
    return (response.chunkedEncoding && response.socket) || undefined;
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** For a request that asks to upgrade. An answer that is none of the upgrade is written by hand and ends the socket. */
export function upgradeExchange(request: IncomingMessage, socket: Duplex, head: Buffer, plain: Exchange): Exchange {
  const protocol = (request.headers.upgrade ?? '').toLowerCase();
  return Object.create(plain, {
    upgrade: { value: { protocol, socket, head, request }, enumerable: true },
  }) as Exchange;
}
