/**
 * Channels over one WebSocket: each message begins with the number of its channel, a byte, or with base64 a digit and
 * the rest encoded. Since v5 a message of 255 and a channel's number ends that channel.
 */
import { Readable, Writable } from 'node:stream';
import type { WebSocket } from 'ws';

/** Of a channel that nobody reads, before the socket is not read either. */
const waitingBytesMax = 256 * 1024;
const closeSignal = 255;

export class ChannelSocket {
  /** Aborts when the socket has closed. */
  readonly signal: AbortSignal;
  readonly #socket: WebSocket;
  readonly #base64: boolean;
  readonly #readers = new Map<number, ChannelReader>();
  readonly #lagging = new Set<ChannelReader>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#base64 = socket.protocol.includes('base64');
    const gone = new AbortController();
    this.signal = gone.signal;
    socket.binaryType = 'nodebuffer';
    socket.on('message', (message) => this.#receive(message as Buffer));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      for (const reader of this.#readers.values()) reader.push(null);
      gone.abort();
    });
  }

  /** What the client sends on this channel. Messages of channels that nobody reads are dropped. */
  readable(channel: number): Readable {
    const reader = new ChannelReader(() => this.#drained(reader));
    reader.on('close', () => this.#drained(reader));
    this.#readers.set(channel, reader);
    return reader;
  }

  writable(channel: number): Writable {
    const write = (chunk: Buffer, _encoding: string, done: (error?: Error | null) => void) =>
      this.send(channel, chunk, (error) => done(error));
    const writable = new Writable({ highWaterMark: 64 * 1024, write });
    writable.on('error', () => {});
    return writable;
  }

  send(channel: number, bytes: Uint8Array, done?: (error?: Error) => void): void {
    if (this.#base64) {
      this.#socket.send(`${channel}${Buffer.from(bytes).toString('base64')}`, { binary: false }, done);
    } else {
      this.#socket.send(Buffer.concat([Buffer.from([channel]), bytes]), { binary: true }, done);
    }
  }

  close(): void {
    // What still comes is read and dropped: a client that is kept from sending does not get to hear that it is over.
    for (const reader of this.#readers.values()) reader.destroy();
    this.#socket.close(1000);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #receive(message: Buffer): void {
    if (message.length === 0) return;
    if (!this.#base64 && message[0] === closeSignal) {
      if (this.#socket.protocol.startsWith('v5') && message.length > 1) this.#end(message[1]!);
      return;
    }
    const channel = this.#base64 ? message[0]! - 0x30 : message[0]!;
    const rest = message.subarray(1);
    const bytes = this.#base64 ? Buffer.from(rest.toString('latin1'), 'base64') : rest;
    const reader = this.#readers.get(channel);
    if (!reader || reader.destroyed || bytes.length === 0) return;
    reader.push(bytes);
    if (reader.readableLength > waitingBytesMax && !this.#lagging.has(reader)) {
      this.#lagging.add(reader);
      this.#socket.pause();
    }
  }

  #end(channel: number): void {
    this.#readers.get(channel)?.push(null);
    this.#readers.delete(channel);
  }

  #drained(reader: ChannelReader): void {
    if (this.#lagging.delete(reader) && this.#lagging.size === 0) this.#socket.resume();
  }
}

class ChannelReader extends Readable {
  readonly #wantsMore: () => void;

  constructor(wantsMore: () => void) {
    super({ highWaterMark: 64 * 1024 });
    this.#wantsMore = wantsMore;
    this.on('error', () => {});
  }

  override _read(): void {
    this.#wantsMore();
  }
}
