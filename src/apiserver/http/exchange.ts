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

export function http1Exchange(request: IncomingMessage, response: ServerResponse): Exchange {
  const gone = new LazyAbort();
  response.on('close', () => gone.abort());
  response.on('error', () => gone.abort());
  return {
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    headers: request.headers as Exchange['headers'],
    rawHeaders: request.rawHeaders,
    socket: request.socket as TLSSocket,
    body: request,
    gone,
    get headersSent() {
      return response.headersSent;
    },
    open(status, headers) {
      response.writeHead(status, headers);
      return response;
    },
    chunks() {
      response.flushHeaders();
      return (response.chunkedEncoding && response.socket) || undefined;
    },
    destroy: () => request.socket.destroy(),
  };
}

/** For a request that asks to upgrade. An answer that is none of the upgrade is written by hand and ends the socket. */
export function upgradeExchange(request: IncomingMessage, socket: Duplex, head: Buffer, plain: Exchange): Exchange {
  const protocol = (request.headers.upgrade ?? '').toLowerCase();
  return Object.create(plain, {
    upgrade: { value: { protocol, socket, head, request }, enumerable: true },
  }) as Exchange;
}
