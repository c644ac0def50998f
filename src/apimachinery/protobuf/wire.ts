/**
 * Protobuf's wire format (https://protobuf.dev/programming-guides/encoding/): a writer that fills its buffer from the
 * end, so that each message's length is known when it is written, and a bounded reader.
 */
import { SchemaError } from '../codec/schema-error.js';

export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Every method puts its bytes before those that are there: write fields in reverse order, values before tags. */
export class BackwardWriter {
  #buffer = Buffer.allocUnsafe(1024);
  #at = 1024;

  /** Bytes written so far. */
  get length(): number {
    return this.#buffer.length - this.#at;
  }

  finish(): Buffer {
    return this.#buffer.subarray(this.#at);
  }

  tag(number: number, type: number): void {
    this.varint(number * 8 + type);
  }

  /** A whole number of 64 bits; a negative one takes ten bytes. */
  varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === 'bigint') {
      this.#bigVarint(BigInt.asUintN(64, value));
      return;
    }
    if (value >= 0 && value < 0x80) {
      this.#buffer[--this.#at] = value;
      return;
    }
    // Two's complement in halves of 32 bits.
    let low = value >>> 0;
    let high = Math.floor(value / 2 ** 32) >>> 0;
    const bytes: number[] = [];
    while (high !== 0 || low >= 0x80) {
      bytes.push((low & 0x7f) | 0x80);
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#buffer[--this.#at] = low;
    for (let index = bytes.length - 1; index >= 0; index--) this.#buffer[--this.#at] = bytes[index]!;
  }

  #bigVarint(value: bigint): void {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    this.#buffer[--this.#at] = Number(rest);
    for (let index = bytes.length - 1; index >= 0; index--) this.#buffer[--this.#at] = bytes[index]!;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at -= 8;
    this.#buffer.writeDoubleLE(value, this.#at);
  }

  /** Without a length before it. */
  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#at -= bytes.length;
    this.#buffer.set(bytes, this.#at);
  }

  text(text: string): void {
    const length = Buffer.byteLength(text);
    this.#reserve(length);
    this.#at -= length;
    this.#buffer.write(text, this.#at, length, 'utf8');
  }

  /** Closes what was written since `mark` (a former `length`) as field `number`, with its length. */
  close(number: number, mark: number): void {
    this.varint(this.length - mark);
    this.tag(number, wireType.bytes);
  }

  #reserve(count: number): void {
    if (this.#at >= count) return;
    const length = this.length;
    const size = Math.max(this.#buffer.length * 2, (length + count) * 2);
    const grown = Buffer.allocUnsafe(size);
    this.#buffer.copy(grown, size - length, this.#at);
    this.#buffer = grown;
    this.#at = size - length;
  }
}

/** Reads one message. Throws SchemaError where the bytes end early or are none. */
export class Reader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  tag(): { number: number; type: number } {
    const value = this.varint();
    const number = Math.floor(value / 8);
    if (number < 1 || number > 2 ** 29 - 1) throw new SchemaError('Protobuf', `proto: illegal tag ${number}`);
    return { number, type: value % 8 };
  }

  /** Of what is no number of the API's. Throws SchemaError beyond what a JavaScript number holds exactly. */
  varint(): number {
    const value = this.int64();
    if (typeof value === 'bigint') throw new SchemaError('Protobuf', 'proto: integer overflow');
    return value;
  }

  /** A signed 64-bit number, which is a bigint where no JavaScript number holds it exactly. */
  int64(): number | bigint {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift >= 70) throw new SchemaError('Protobuf', 'proto: integer overflow');
      if (this.#at >= this.#end) throw new SchemaError('Protobuf', 'unexpected EOF');
      const byte = this.#bytes[this.#at++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= bits << 31;
      if (byte < 0x80) break;
    }
    const value = high * 2 ** 32 + (low >>> 0);
    if (Number.isSafeInteger(value)) return value;
    return (BigInt(high) << 32n) | BigInt(low >>> 0);
  }

  double(): number {
    const at = this.#advance(8);
    return this.#bytes.readDoubleLE(at);
  }

  /** The reader of a field with a length. */
  message(): Reader {
    const length = this.#length();
    const at = this.#advance(length);
    return new Reader(this.#bytes, at, at + length);
  }

  bytes(): Buffer {
    const length = this.#length();
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(): string {
    const length = this.#length();
    const at = this.#advance(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  skip(type: number): void {
    if (type === wireType.varint) this.#skipVarint();
    else if (type === wireType.fixed64) this.#advance(8);
    else if (type === wireType.bytes) this.bytes();
    else if (type === wireType.fixed32) this.#advance(4);
    else throw new SchemaError('Protobuf', `proto: illegal wireType ${type}`);
  }

  #skipVarint(): void {
    for (let count = 0; count < 10; count++) {
      if (this.#at >= this.#end) throw new SchemaError('Protobuf', 'unexpected EOF');
      if (this.#bytes[this.#at++]! < 0x80) return;
    }
    throw new SchemaError('Protobuf', 'proto: integer overflow');
  }

  #length(): number {
    const length = this.varint();
    if (length < 0) throw new SchemaError('Protobuf', 'proto: negative length found during unmarshaling');
    return length;
  }

  #advance(count: number): number {
    const at = this.#at;
    if (at + count > this.#end) throw new SchemaError('Protobuf', 'unexpected EOF');
    this.#at = at + count;
    return at;
  }
}
