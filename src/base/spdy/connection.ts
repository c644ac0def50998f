/**
 * SPDY/3.1 over a socket that has been upgraded: streams in both directions, as Kubernetes uses them for exec, attach
 * and port-forward. Flow control windows are neither kept nor announced (the peers in question do neither): when one
 * stream's reader is slow, the whole socket waits.
 */
import { Duplex } from 'node:stream';
import { HeaderCompressor, HeaderDecompressor, type StreamHeaders } from './header-block.js';

const frameType = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goaway: 7, headers: 8, window: 9 };
const flagFin = 1;
const statusCancel = 5;
const statusRefused = 3;
/** Of one frame. Peers send at most 32 KiB of data at once; the format allows 16 MiB. */
export const spdyFrameBytesMax = 1024 * 1024;
const dataBytesMax = 32 * 1024;
/** Written, and not taken by the peer, when one more control frame is to go out. Data waits for the peer by itself. */
export const spdyUnsentBytesMax = 4 * 1024 * 1024;
/** Open streams on one connection. */
export const spdyStreamsMax = 1000;

export interface SpdyOptions {
  /** The side that asked for the upgrade has odd stream ids. */
  side: 'client' | 'server';
  /** Bytes that came after the upgrade's head. */
  head?: Buffer;
  /** A stream opened by the peer; without this they are refused. It is accepted when this returns. */
  onStream?(stream: SpdyStream): void;
}

/** A connection that is broken, or was ended by its peer, as seen by its streams. */
export class SpdyError extends Error {
  override readonly name = 'SpdyError';
}

export class SpdyConnection {
  readonly #socket: Duplex;
  readonly #options: SpdyOptions;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #compressor = new HeaderCompressor();
  readonly #decompressor = new HeaderDecompressor();
  #nextId: number;
  #pending = Buffer.alloc(0) as Buffer;
  /** Streams whose readers have not taken what came. */
  readonly #full = new Set<SpdyStream>();
  /** Resolves when the socket has closed, for whatever reason. */
  readonly closed: Promise<void>;

  constructor(socket: Duplex, options: SpdyOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#nextId = options.side === 'client' ? 1 : 2;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#abandon(new SpdyError('the connection is closed'));
        resolve();
      });
    });
    socket.on('error', (failure) => this.#abandon(new SpdyError(failure.message, { cause: failure })));
    socket.on('end', () => this.#abandon(new SpdyError('the peer ended the connection')));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    if (options.head && options.head.length > 0) this.#receive(options.head);
  }

  /**
   * Opens a stream; the peer's refusal ends it with SpdyError. One with nothing to say (`fin`) ends its half in the same
   * frame: a peer that answers and hangs up at once must not have more to read, or its answer is lost.
   */
  open(headers: StreamHeaders, { fin = false }: { fin?: boolean } = {}): SpdyStream {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = this.#add(id, headers);
    const start = Buffer.alloc(10);
    start.writeUInt32BE(id, 0);
    const body = Buffer.concat([start, this.#compressor.compress(headers)]);
    this.#sendControl(frameType.synStream, fin ? flagFin : 0, body);
    if (fin) stream.endUnsaid();
    return stream;
  }

  /** Says goodbye and closes the socket once what was written has gone out. */
  close(): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#sendControl(frameType.goaway, 0, Buffer.alloc(8));
    this.#socket.end();
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** @internal */
  sendData(id: number, data: Buffer, options: { fin: boolean }, done: (failure?: Error | null) => void): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) {
      done(new SpdyError('the connection is closed'));
      return;
    }
    let at = 0;
    // In one write: the first into a socket that its peer has closed does no harm, and what came before is still read.
    this.#socket.cork();
    do {
      const piece = data.subarray(at, at + dataBytesMax);
      at += piece.length;
      const last = at >= data.length;
      const head = Buffer.alloc(8);
      head.writeUInt32BE(id, 0);
      head.writeUInt32BE(piece.length, 4);
      head[4] = last && options.fin ? flagFin : 0;
      this.#socket.write(head);
      if (last) this.#socket.write(piece, done);
      else this.#socket.write(piece);
    } while (at < data.length);
    this.#socket.uncork();
  }

  /** @internal */
  reset(id: number): void {
    if (!this.#streams.has(id) || this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#sendReset(id, statusCancel);
  }

  /** @internal */
  forget(stream: SpdyStream): void {
    this.#streams.delete(stream.id);
    this.drained(stream);
  }

  /** @internal */
  drained(stream: SpdyStream): void {
    if (this.#full.delete(stream) && this.#full.size === 0) this.#socket.resume();
  }

  #add(id: number, headers: StreamHeaders): SpdyStream {
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    return stream;
  }

  #receive(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    try {
      while (this.#pending.length >= 8) {
        const length = this.#pending.readUIntBE(5, 3);
        if (length > spdyFrameBytesMax) throw new SpdyError(`a frame of ${length} bytes`);
        if (this.#pending.length < 8 + length) return;
        const frame = this.#pending.subarray(0, 8 + length);
        this.#pending = this.#pending.subarray(8 + length);
        this.#take(frame);
      }
    } catch (failure) {
      // The state of the two sides can no longer be the same.
      this.#abandon(failure instanceof SpdyError ? failure : new SpdyError(String(failure), { cause: failure }));
      this.#socket.destroy();
    }
  }

  #take(frame: Buffer): void {
    const flags = frame[4]!;
    const body = frame.subarray(8);
    if ((frame[0]! & 0x80) === 0) {
      const stream = this.#streams.get(frame.readUInt32BE(0));
      if (!stream) return;
      if (!stream.deliver(body, { fin: (flags & flagFin) !== 0 })) {
        this.#full.add(stream);
        this.#socket.pause();
      }
      return;
    }
    const type = frame.readUInt16BE(2);
    if (type === frameType.synStream) this.#accept(body, flags);
    else if (type === frameType.synReply || type === frameType.headers) {
      // Nothing in them matters to us, but the decompressor must see every block.
      this.#decompressor.decompress(body.subarray(4));
      if (flags & flagFin) this.#streams.get(body.readUInt32BE(0))?.deliver(Buffer.alloc(0), { fin: true });
    } else if (type === frameType.rstStream) {
      const stream = this.#streams.get(body.readUInt32BE(0));
      if (!stream) return;
      this.#streams.delete(stream.id);
      const status = body.readUInt32BE(4);
      // Go's servers cancel every stream when they are done with a connection; what came before is still to be read.
      if (status === statusCancel) {
        stream.deliver(Buffer.alloc(0), { fin: true });
        stream.emit('reset');
      } else stream.destroy(new SpdyError(`the peer reset the stream (status ${status})`));
    } else if (type === frameType.ping) {
      // Pings of our own side's parity would be answers; we send none.
      this.#sendControl(frameType.ping, 0, Buffer.from(body));
    }
  }

  #accept(body: Buffer, flags: number): void {
    const id = body.readUInt32BE(0) & 0x7fffffff;
    const headers = this.#decompressor.decompress(body.subarray(10));
    const parity = this.#options.side === 'client' ? 0 : 1;
    if (id === 0 || id % 2 !== parity || this.#streams.has(id))
      throw new SpdyError(`stream id ${id} is not to be used`);
    if (!this.#options.onStream || this.#streams.size >= spdyStreamsMax) {
      this.#sendReset(id, statusRefused);
      return;
    }
    const stream = this.#add(id, headers);
    const start = Buffer.alloc(4);
    start.writeUInt32BE(id, 0);
    this.#sendControl(frameType.synReply, 0, Buffer.concat([start, this.#compressor.compress({})]));
    this.#options.onStream(stream);
    if (flags & flagFin) stream.deliver(Buffer.alloc(0), { fin: true });
  }

  #sendReset(id: number, status: number): void {
    const body = Buffer.alloc(8);
    body.writeUInt32BE(id, 0);
    body.writeUInt32BE(status, 4);
    this.#sendControl(frameType.rstStream, 0, body);
  }

  #sendControl(type: number, flags: number, body: Buffer): void {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x8003, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt32BE(body.length, 4);
    head[4] = flags;
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(Buffer.concat([head, body]));
    // One that asks for answers (to pings, to streams that are refused) and never reads them.
    if (this.#socket.writableLength > spdyUnsentBytesMax) this.#socket.destroy();
  }

  #abandon(failure: SpdyError): void {
    for (const stream of [...this.#streams.values()]) {
      // One that has said all it had to say is merely over, once that is read: destroyed now, it would lose the rest.
      if (stream.finished && stream.isRead) stream.once('end', () => stream.destroy());
      else stream.destroy(stream.finished ? undefined : failure);
    }
    this.#streams.clear();
  }
}

/** Emits `reset` when the peer has cancelled it: what was sent before is still to be read, what is written is lost. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: StreamHeaders;
  readonly #connection: SpdyConnection;
  #finished = false;
  #isEndSaid = false;

  constructor(connection: SpdyConnection, id: number, headers: StreamHeaders) {
    super({ allowHalfOpen: true });
    this.id = id;
    this.headers = headers;
    this.#connection = connection;
    this.once('close', () => connection.forget(this));
    // Readers and writers are told; one that nobody reads any more must not end the process.
    this.on('error', () => {});
  }

  /** Whether the peer has ended its half. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Whether somebody reads it and has not come to its end. */
  get isRead(): boolean {
    const hasReader = this.listenerCount('readable') > 0 || this.listenerCount('data') > 0;
    return !this.readableEnded && (hasReader || this.readableLength > 0);
  }

  /** @internal False: wait until it is read. */
  deliver(data: Buffer, { fin }: { fin: boolean }): boolean {
    const more = data.length === 0 || this.push(Buffer.from(data));
    if (fin && !this.#finished) {
      this.#finished = true;
      this.push(null);
    }
    return more;
  }

  /** @internal Ends the half whose end the peer knows of. */
  endUnsaid(): void {
    this.#isEndSaid = true;
    this.end();
  }

  override _read(): void {
    this.#connection.drained(this);
  }

  override _write(chunk: Buffer, _encoding: string, done: (failure?: Error | null) => void): void {
    this.#connection.sendData(this.id, chunk, { fin: false }, done);
  }

  override _final(done: (failure?: Error | null) => void): void {
    if (this.#isEndSaid) done();
    else this.#connection.sendData(this.id, Buffer.alloc(0), { fin: true }, done);
  }

  override _destroy(failure: Error | null, done: (failure?: Error | null) => void): void {
    if (!this.#finished || !this.writableFinished) this.#connection.reset(this.id);
    done(failure);
  }
}
