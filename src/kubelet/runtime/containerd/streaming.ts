/**
 * Streams into containers and sandboxes, through the server whose addresses CRI gives: SPDY/3.1, since in it one
 * direction can end while the other goes on, and an exit code has a stream of its own.
 */
import http from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { SpdyConnection, type SpdyStream } from '#base/spdy/connection.js';
import { RuntimeError, type StreamOptions } from '../runtime.js';

/** An exit code, or a failure, comes as a Status in JSON. */
const remoteCommandProtocol = 'v4.channel.k8s.io';
const portForwardProtocol = 'portforward.k8s.io';
const statusBytesMax = 64 * 1024;

/** Runs to the end; gives the exit code (0 for attach). Throws RuntimeError, or the signal's reason. */
export async function runStreams(url: string, options: StreamOptions): Promise<number> {
  options.signal.throwIfAborted();
  const connection = await connect(url, remoteCommandProtocol);
  const abort = () => connection.destroy();
  options.signal.addEventListener('abort', abort, { once: true });
  try {
    return await exchange(connection, options);
  } catch (failure) {
    options.signal.throwIfAborted();
    if (failure instanceof RuntimeError) throw failure;
    throw new RuntimeError('failed', `the streams broke off: ${(failure as Error).message}`, { cause: failure });
  } finally {
    options.signal.removeEventListener('abort', abort);
    connection.close();
  }
}

async function exchange(connection: SpdyConnection, options: StreamOptions): Promise<number> {
  const open = (streamtype: string) => connection.open({ streamtype });
  const hear = (streamtype: string) => connection.open({ streamtype }, { fin: true });
  // The order is the one in which clients open them; the server waits until all it expects are there.
  const errors = hear('error');
  const stdin = options.stdin && open('stdin');
  const stdout = options.stdout && hear('stdout');
  const stderr = options.stderr && !options.tty ? hear('stderr') : undefined;
  const resize = options.tty && options.resize ? open('resize') : undefined;
  const over = new AbortController();
  // Both end with the process, so neither is waited for; what they break on, the error stream tells.
  if (stdin && options.stdin) feed(options.stdin, stdin, over.signal);
  if (resize && options.resize) void sendSizes(options.resize, resize).catch(() => resize.destroy());
  try {
    const [status] = await Promise.all([
      readAll(errors, isStatus),
      stdout && options.stdout && copyTo(options.stdout, stdout),
      stderr && options.stderr && copyTo(options.stderr, stderr),
    ]);
    return exitCodeOf(status);
  } finally {
    over.abort();
    for (const each of [stdin, resize]) each?.on('error', () => {});
  }
}

function feed(source: NodeJS.ReadableStream, sink: SpdyStream, over: AbortSignal): void {
  // The process may end without reading its input.
  sink.on('error', () => source.unpipe(sink));
  over.addEventListener('abort', () => source.unpipe(sink), { once: true });
  source.pipe(sink);
}

async function sendSizes(sizes: NonNullable<StreamOptions['resize']>, sink: SpdyStream): Promise<void> {
  sink.on('error', () => {});
  for await (const { width, height } of sizes) {
    if (sink.destroyed || sink.writableEnded) return;
    sink.write(`${JSON.stringify({ Width: width, Height: height })}\n`);
  }
}

/** Copies to the end and waits until it is written; the sink stays open, since it is the caller's. */
async function copyTo(sink: NodeJS.WritableStream, source: Readable): Promise<void> {
  for await (const chunk of source as AsyncIterable<Buffer>) {
    await new Promise<void>((resolve, reject) => {
      sink.write(chunk, (failure?: Error | null) => (failure ? reject(failure) : resolve()));
    });
  }
}

/** What broke off counts for all when it is `whole` as it is. */
async function readAll(source: Readable, whole?: (text: string) => boolean): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes <= statusBytesMax) chunks.push(chunk);
    }
  } catch (failure) {
    if (!whole?.(Buffer.concat(chunks).toString('utf8'))) throw failure;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A server may hang up so soon after its last word that nothing says that it was the last. */
function isStatus(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

function exitCodeOf(text: string): number {
  if (text === '') return 0;
  let status: { status?: string; reason?: string; message?: string; details?: { causes?: ExitCause[] } };
  try {
    status = JSON.parse(text);
  } catch {
    throw new RuntimeError('failed', text);
  }
  if (status.status === 'Success') return 0;
  const cause = status.details?.causes?.find(({ reason }) => reason === 'ExitCode');
  if (status.reason === 'NonZeroExitCode' && cause) return Number(cause.message);
  throw new RuntimeError('failed', status.message ?? text, { answer: status });
}

interface ExitCause {
  reason: string;
  message: string;
}

/** A byte stream to `port` inside the sandbox. Refusal by what listens there destroys it with the server's text. */
export async function openPort(url: string, port: number): Promise<Duplex> {
  const connection = await connect(url, portForwardProtocol);
  const headers = { port: String(port), requestid: '0' };
  const errors = connection.open({ ...headers, streamtype: 'error' }, { fin: true });
  const data = connection.open({ ...headers, streamtype: 'data' });
  readAll(errors).then(
    (text) => {
      if (text !== '') data.destroy(new RuntimeError('failed', text));
    },
    () => data.destroy(),
  );
  finished(data)
    .catch(() => {})
    .then(() => connection.close());
  return data;
}

function connect(url: string, protocol: string): Promise<SpdyConnection> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      method: 'POST',
      agent: false,
      headers: { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocol },
    });
    request.once('upgrade', (_, socket, head) => {
      hearToTheEnd(socket);
      resolve(new SpdyConnection(socket, { side: 'client', head }));
    });
    request.once('response', (response) => {
      readAll(response).then(
        (text) => reject(new RuntimeError('failed', `the stream was refused (${response.statusCode}): ${text.trim()}`)),
        reject,
      );
    });
    request.once('error', (failure) => reject(new RuntimeError('failed', failure.message, { cause: failure })));
    request.end();
  });
}

/**
 * A server whose command has ended says so and hangs up, with input of ours unread. What cannot be written to it then
 * would break the socket off before the answer is read; it is dropped instead, and reading comes to the end by itself.
 */
export function hearToTheEnd(socket: Duplex): void {
  const { _write, _writev } = socket;
  socket._write = (chunk, encoding, done) => _write.call(socket, chunk, encoding, () => done());
  if (_writev) socket._writev = (chunks, done) => _writev.call(socket, chunks, () => done());
}
