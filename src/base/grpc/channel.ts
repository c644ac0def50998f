/**
 * gRPC calls over node:http2, to a socket on this machine: small because it does only what that needs
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), and costs neither the start time nor the memory of
 * the general library.
 */
import http2 from 'node:http2';
import net from 'node:net';
import type { Clock, Timer } from '../clock.js';
import type { Decoded, Encodable, Fields, Message } from './message.js';

export interface Method<In extends Fields, Out extends Fields> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Message<In>;
  readonly response: Message<Out>;
}

export interface CallOptions {
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  metadata?: Readonly<Record<string, string>> | undefined;
}

export interface ChannelOptions {
  socketPath: string;
  clock: Clock;
  /** Sent with every call. */
  metadata?: Readonly<Record<string, string>>;
}

/** The largest response message; containerd's own limit is the same. */
export const grpcMessageBytesMax = 16 * 1024 * 1024;

/** https://github.com/grpc/grpc/blob/master/doc/statuscodes.md; the index is the code. */
const codeNames = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;
export type GrpcCode = (typeof codeNames)[number];

/** The text reads as Go clients print it, since users compare it with what they know. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly code: GrpcCode;
  readonly description: string;

  constructor(code: GrpcCode, description: string, options?: ErrorOptions) {
    super(`rpc error: code = ${code} desc = ${description}`, options);
    this.code = code;
    this.description = description;
  }
}

/** A call whose requests are sent one by one; end it, or abort its signal. */
export interface StreamingCall<In extends Fields, Out extends Fields> {
  send(request: Encodable<Message<In>>): Promise<void>;
  end(): void;
  responses: AsyncIterableIterator<Decoded<Message<Out>>>;
}

export class Channel {
  readonly #options: ChannelOptions;
  #session: http2.ClientHttp2Session | undefined;
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  async unary<In extends Fields, Out extends Fields>(
    method: Method<In, Out>,
    request: Encodable<Message<In>>,
    options: CallOptions = {},
  ): Promise<Decoded<Message<Out>>> {
    for await (const response of this.serverStream(method, request, options)) return response;
    throw new GrpcError('Internal', `${method.path} ended without a response`);
  }

  /** Throws GrpcError while iterating; returns when the server has ended with status OK. */
  async *serverStream<In extends Fields, Out extends Fields>(
    method: Method<In, Out>,
    request: Encodable<Message<In>>,
    options: CallOptions = {},
  ): AsyncIterableIterator<Decoded<Message<Out>>> {
    const call = this.#open(method, options);
    call.stream.end(frame((method.request as Message<Fields>).encode(request as Encodable<Message<Fields>>)));
    yield* call.responses;
  }

  stream<In extends Fields, Out extends Fields>(
    method: Method<In, Out>,
    options: CallOptions = {},
  ): StreamingCall<In, Out> {
    const { stream, responses } = this.#open(method, options);
    const request = method.request as Message<Fields>;
    return {
      send: (value) =>
        new Promise((resolve, reject) => {
          stream.write(frame(request.encode(value as Encodable<Message<Fields>>)), (failure) =>
            failure ? reject(unavailable(failure)) : resolve(),
          );
        }),
      end: () => void stream.end(),
      responses,
    };
  }

  close(): void {
    this.#closed = true;
    this.#session?.destroy();
    this.#session = undefined;
  }

  #open<In extends Fields, Out extends Fields>(method: Method<In, Out>, options: CallOptions) {
    const { timeoutMs, signal } = options;
    if (this.#closed) throw new GrpcError('Canceled', 'the channel is closed');
    if (signal?.aborted) throw new GrpcError('Canceled', 'context canceled');
    const headers: http2.OutgoingHttpHeaders = {
      ':method': 'POST',
      ':path': method.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...this.#options.metadata,
      ...options.metadata,
    };
    if (timeoutMs !== undefined) headers['grpc-timeout'] = `${Math.ceil(timeoutMs)}m`;
    const stream = this.#connected().request(headers);
    const ending: Ending = {};
    stream.on('response', (received) => noteStatus(ending, received));
    stream.on('trailers', (received) => noteStatus(ending, received));
    // The iterator reports the failure; without a listener one that nobody iterates would end the process.
    stream.on('error', () => {});
    const stop = (code: GrpcCode, text: string) => {
      ending.status ??= { code, description: text };
      stream.close(http2.constants.NGHTTP2_CANCEL);
    };
    const timer: Timer | undefined =
      timeoutMs === undefined
        ? undefined
        : this.#options.clock.setTimer(timeoutMs, () => stop('DeadlineExceeded', 'context deadline exceeded'));
    const abort = () => stop('Canceled', 'context canceled');
    signal?.addEventListener('abort', abort, { once: true });
    stream.once('close', () => {
      timer?.cancel();
      signal?.removeEventListener('abort', abort);
    });
    return { stream, responses: readResponses(stream, method.response, ending) };
  }

  #connected(): http2.ClientHttp2Session {
    const current = this.#session;
    if (current && !current.closed && !current.destroyed) return current;
    const session = http2.connect('http://localhost', {
      createConnection: () => net.connect({ path: this.#options.socketPath }),
      settings: { enablePush: false, initialWindowSize: 1024 * 1024 },
    });
    const forget = () => {
      if (this.#session === session) this.#session = undefined;
    };
    session.on('error', forget);
    session.on('goaway', forget);
    session.on('close', forget);
    this.#session = session;
    return session;
  }
}

interface Ending {
  status?: { code: GrpcCode; description: string };
}

function noteStatus(ending: Ending, headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader): void {
  const code = headers['grpc-status'];
  if (code === undefined) {
    if (headers[':status'] !== undefined && headers[':status'] !== 200) {
      ending.status = { code: 'Unavailable', description: `HTTP status ${headers[':status']}` };
    }
    return;
  }
  ending.status ??= {
    code: codeNames[Number(code)] ?? 'Unknown',
    description: percentDecode(String(headers['grpc-message'] ?? '')),
  };
}

async function* readResponses<Out extends Fields>(
  stream: http2.ClientHttp2Stream,
  type: Message<Out>,
  ending: Ending,
): AsyncIterableIterator<Decoded<Message<Out>>> {
  let pending: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      for (let next = unframe(pending); next; next = unframe(pending)) {
        pending = pending.subarray(next.bytes);
        yield type.decode(next.body) as Decoded<Message<Out>>;
      }
    }
  } catch (failure) {
    if (failure instanceof GrpcError) throw failure;
    if (!ending.status) throw unavailable(failure);
  } finally {
    if (!stream.closed) stream.close(http2.constants.NGHTTP2_CANCEL);
  }
  const status = ending.status ?? { code: 'Unavailable' as const, description: 'the connection was lost' };
  if (status.code !== 'OK') throw new GrpcError(status.code, status.description);
}

/** One byte for compression (none) and four for the length, before each message. */
function frame(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

function unframe(raw: Buffer): { body: Buffer; bytes: number } | undefined {
  if (raw.length < 5) return undefined;
  const length = raw.readUInt32BE(1);
  if (raw[0] !== 0) throw new GrpcError('Unimplemented', 'the server compressed its response');
  if (length > grpcMessageBytesMax) {
    throw new GrpcError('ResourceExhausted', `a response of ${length} bytes; the limit is ${grpcMessageBytesMax}`);
  }
  return raw.length < 5 + length ? undefined : { body: raw.subarray(5, 5 + length), bytes: 5 + length };
}

function unavailable(failure: unknown): GrpcError {
  const text = failure instanceof Error ? failure.message : String(failure);
  return new GrpcError('Unavailable', text, { cause: failure });
}

/** The message travels with every byte outside printable ASCII as %XX; a stray % is kept. */
function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  const raw: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const hex = text.slice(at + 1, at + 3);
    if (text[at] === '%' && /^[0-9a-fA-F]{2}$/.test(hex)) {
      raw.push(Number.parseInt(hex, 16));
      at += 2;
    } else {
      raw.push(text.charCodeAt(at));
    }
  }
  return Buffer.from(raw).toString('utf8');
}
