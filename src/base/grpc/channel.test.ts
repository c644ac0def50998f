import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../clock.js';
import { Channel } from './channel.js';
import { int, message, string } from './message.js';

const echo = { path: '/test.Echo/Call', request: message({ text: string(1) }), response: message({ text: string(1) }) };
const count = { path: '/test.Echo/Count', request: message({ to: int(1) }), response: message({ at: int(1) }) };

let directory: string;
let server: http2.Http2Server;
let channel: Channel;
let clock: VirtualClock;
let handle: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'grpc-'));
  const socketPath = path.join(directory, 's');
  server = http2.createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    handle(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  clock = new VirtualClock();
  channel = new Channel({ socketPath, clock, metadata: { always: 'here' } });
});

afterEach(async () => {
  channel.close();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

function framed(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

function answer(stream: http2.ServerHttp2Stream, bodies: Buffer[], trailers: Record<string, string>): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  for (const body of bodies) stream.write(body);
  stream.end();
}

describe('a gRPC channel', () => {
  it('sends a request and its metadata and gives the response', async () => {
    handle = (stream, headers) => {
      expect(headers).toMatchObject({ ':path': echo.path, te: 'trailers', always: 'here', also: 'this' });
      stream.once('data', (raw: Buffer) => answer(stream, [raw], { 'grpc-status': '0' }));
    };
    expect(await channel.unary(echo, { text: 'hello' }, { metadata: { also: 'this' } })).toEqual({ text: 'hello' });
  });

  it('puts messages together however they are cut', async () => {
    const all = Buffer.concat([1, 2, 3].map((at) => framed(count.response.encode({ at }))));
    handle = (stream) =>
      answer(
        stream,
        [...all].map((byte) => Buffer.from([byte])),
        { 'grpc-status': '0' },
      );
    const seen: number[] = [];
    for await (const { at } of channel.serverStream(count, { to: 3 })) seen.push(at);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('throws the status of the trailers, its message decoded', async () => {
    handle = (stream) => answer(stream, [], { 'grpc-status': '5', 'grpc-message': 'no %E2%82%AC 100%' });
    await expect(channel.unary(echo, {})).rejects.toMatchObject({
      code: 'NotFound',
      message: 'rpc error: code = NotFound desc = no € 100%',
    });
  });

  it('throws the status of an answer that is only headers', async () => {
    handle = (stream) =>
      stream.respond({ ':status': 200, 'grpc-status': '12', 'grpc-message': 'no' }, { endStream: true });
    await expect(channel.unary(echo, {})).rejects.toMatchObject({ code: 'Unimplemented' });
  });

  it('ends a call when its time is over', async () => {
    handle = () => {};
    const call = channel.unary(echo, {}, { timeoutMs: 1500 });
    const outcome = expect(call).rejects.toMatchObject({ code: 'DeadlineExceeded' });
    await clock.advance(1500);
    await outcome;
    expect(clock.pending).toBe(0);
  });

  it('ends a call when its signal aborts', async () => {
    const controller = new AbortController();
    handle = () => controller.abort();
    await expect(channel.unary(echo, {}, { signal: controller.signal })).rejects.toMatchObject({ code: 'Canceled' });
  });

  it('says Unavailable when nobody listens, and connects again later', async () => {
    const lost = new Channel({ socketPath: path.join(directory, 'nobody'), clock });
    await expect(lost.unary(echo, {})).rejects.toMatchObject({ code: 'Unavailable' });
    handle = (stream) => stream.session?.destroy();
    await expect(channel.unary(echo, {})).rejects.toMatchObject({ code: 'Unavailable' });
    handle = (stream) => answer(stream, [framed(Buffer.alloc(0))], { 'grpc-status': '0' });
    expect(await channel.unary(echo, {})).toEqual({ text: '' });
  });

  it('refuses a message over the limit before reading it', async () => {
    handle = (stream) => answer(stream, [Buffer.from([0, 0x7f, 0, 0, 0])], { 'grpc-status': '0' });
    await expect(channel.unary(echo, {})).rejects.toMatchObject({ code: 'ResourceExhausted' });
  });
});
