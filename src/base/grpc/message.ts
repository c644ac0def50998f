/**
 * Protocol buffer messages declared once, as values: the declaration is the codec and, by inference, the type.
 * Only what proto3 services on this machine need (https://protobuf.dev/programming-guides/encoding).
 */

type Kind = 'string' | 'bytes' | 'bool' | 'int' | 'int64' | 'uint64' | 'message' | 'map';

/** `In` may be given to `encode`; `Out` comes from `decode`, where an absent scalar is its zero value. */
export interface Field<In, Out = In> {
  readonly number: number;
  readonly kind: Kind;
  readonly repeated: boolean;
  readonly type?: Message<Fields> | undefined;
  /** Never present at run time. */
  readonly phantom?: { in: In; out: Out };
}

// biome-ignore lint/suspicious/noExplicitAny: fields of every type stand side by side; inference recovers each.
export type Fields = Record<string, Field<any, any>>;
type FieldIn<F> = F extends Field<infer In, infer _> ? In : never;
type FieldOut<F> = F extends Field<infer _, infer Out> ? Out : never;
type EncodableFields<F extends Fields> = { readonly [K in keyof F]?: FieldIn<F[K]> | undefined };
type DecodedFields<F extends Fields> = { [K in keyof F]: FieldOut<F[K]> };
export type Encodable<M> = M extends Message<infer F> ? EncodableFields<F> : never;
export type Decoded<M> = M extends Message<infer F> ? DecodedFields<F> : never;

const scalar =
  <T>(kind: Kind) =>
  (number: number): Field<T> => ({ number, kind, repeated: false });

export const string = scalar<string>('string');
export const bool = scalar<boolean>('bool');
/** int32, uint32, enums, and those 64-bit integers that never leave JavaScript's safe range. */
export const int = scalar<number>('int');
export const int64 = scalar<bigint>('int64');
export const uint64 = scalar<bigint>('uint64');
export const bytes = (number: number): Field<Uint8Array, Buffer> => ({ number, kind: 'bytes', repeated: false });
/** `map<string, string>`. */
export const map = (number: number): Field<Readonly<Record<string, string>>, Record<string, string>> => ({
  number,
  kind: 'map',
  repeated: false,
});
export const nested = <F extends Fields>(
  number: number,
  type: Message<F>,
): Field<EncodableFields<F>, DecodedFields<F> | undefined> => ({
  number,
  kind: 'message',
  repeated: false,
  type: type as unknown as Message<Fields>,
});
export const list = <In, Out>(of: Field<In, Out>): Field<readonly In[], Exclude<Out, undefined>[]> => ({
  number: of.number,
  kind: of.kind,
  type: of.type,
  repeated: true,
});

/** Bytes that are not the message they should be. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

const wireVarint = 0;
const wireFixed64 = 1;
const wireBytes = 2;
const wireFixed32 = 5;

export class Message<F extends Fields> {
  readonly #fields: [name: string, field: Field<unknown>][];
  readonly #byNumber: Map<number, [name: string, field: Field<unknown>]>;

  constructor(fields: F) {
    this.#fields = Object.entries(fields);
    this.#byNumber = new Map(this.#fields.map((entry) => [entry[1].number, entry]));
  }

  encode(value: EncodableFields<F>): Buffer {
    const out = new Writer();
    const given = value as Record<string, unknown>;
    for (const [name, field] of this.#fields) {
      const item = given[name];
      if (item === undefined) continue;
      if (field.repeated) this.#encodeList(out, field, item as unknown[]);
      else this.#encodeOne(out, field, item, true);
    }
    return out.finish();
  }

  #encodeList(out: Writer, field: Field<unknown>, items: unknown[]): void {
    if (items.length === 0) return;
    if (field.kind === 'string' || field.kind === 'bytes' || field.kind === 'message') {
      for (const item of items) this.#encodeOne(out, field, item, false);
      return;
    }
    const packed = new Writer();
    for (const item of items) packed.scalar(field.kind, item);
    out.tag(field.number, wireBytes);
    out.lengthPrefixed(packed.finish());
  }

  #encodeOne(out: Writer, field: Field<unknown>, item: unknown, omitZero: boolean): void {
    if (field.kind === 'message') {
      out.tag(field.number, wireBytes);
      out.lengthPrefixed(field.type!.encode(item as EncodableFields<Fields>));
      return;
    }
    if (field.kind === 'map') {
      for (const [key, text] of Object.entries(item as Record<string, string>)) {
        const entry = new Writer();
        entry.tag(1, wireBytes);
        entry.lengthPrefixed(Buffer.from(key));
        entry.tag(2, wireBytes);
        entry.lengthPrefixed(Buffer.from(text));
        out.tag(field.number, wireBytes);
        out.lengthPrefixed(entry.finish());
      }
      return;
    }
    if (field.kind === 'string' || field.kind === 'bytes') {
      const raw = typeof item === 'string' ? Buffer.from(item) : (item as Uint8Array);
      if (omitZero && raw.length === 0) return;
      out.tag(field.number, wireBytes);
      out.lengthPrefixed(raw);
      return;
    }
    if (omitZero && (item === 0 || item === false || item === 0n)) return;
    out.tag(field.number, wireVarint);
    out.scalar(field.kind, item);
  }

  /** Unknown fields are skipped. Throws MalformedMessageError. Byte fields share memory with `raw`. */
  decode(raw: Buffer): DecodedFields<F> {
    const value: Record<string, unknown> = {};
    for (const [name, field] of this.#fields) value[name] = zero(field);
    const input = new Reader(raw);
    while (!input.done) {
      const tag = Number(input.varint());
      const wire = tag & 7;
      const known = this.#byNumber.get(tag >>> 3);
      if (!known) {
        input.skip(wire);
        continue;
      }
      decodeField(input, wire, value, known);
    }
    return value as DecodedFields<F>;
  }
}

export function message<F extends Fields>(fields: F): Message<F> {
  return new Message(fields);
}

function zero(field: Field<unknown>): unknown {
  if (field.repeated) return [];
  switch (field.kind) {
    case 'string':
      return '';
    case 'bytes':
      return Buffer.alloc(0);
    case 'bool':
      return false;
    case 'int':
      return 0;
    case 'int64':
    case 'uint64':
      return 0n;
    case 'map':
      return {};
    case 'message':
      return undefined;
  }
}

function decodeField(
  input: Reader,
  wire: number,
  value: Record<string, unknown>,
  [name, field]: [string, Field<unknown>],
): void {
  const keep = (item: unknown) => {
    if (field.repeated) (value[name] as unknown[]).push(item);
    else value[name] = item;
  };
  if (wire === wireVarint) {
    keep(fromVarint(field.kind, input.varint()));
    return;
  }
  if (wire !== wireBytes) throw new MalformedMessageError(`field ${field.number} has wire type ${wire}`);
  const raw = input.bytes();
  if (field.kind === 'string') keep(raw.toString('utf8'));
  else if (field.kind === 'bytes') keep(raw);
  else if (field.kind === 'message') keep(field.type!.decode(raw));
  else if (field.kind === 'map') {
    const entry = mapEntry.decode(raw);
    (value[name] as Record<string, string>)[entry.key] = entry.value;
  } else {
    const packed = new Reader(raw);
    while (!packed.done) keep(fromVarint(field.kind, packed.varint()));
  }
}

const mapEntry = message({ key: string(1), value: string(2) });

function fromVarint(kind: Kind, raw: number | bigint): unknown {
  switch (kind) {
    case 'bool':
      return raw !== 0 && raw !== 0n;
    case 'int':
      return typeof raw === 'number' ? raw : Number(BigInt.asIntN(64, raw));
    case 'int64':
      return BigInt.asIntN(64, BigInt(raw));
    case 'uint64':
      return BigInt(raw);
    default:
      throw new MalformedMessageError(`a number where ${kind} is expected`);
  }
}

class Writer {
  #parts: Uint8Array[] = [];
  #small: number[] = [];

  tag(number: number, wire: number): void {
    this.#varint(number * 8 + wire);
  }

  lengthPrefixed(raw: Uint8Array): void {
    this.#varint(raw.length);
    this.#flush();
    this.#parts.push(raw);
  }

  scalar(kind: Kind, item: unknown): void {
    if (kind === 'bool') this.#varint(item ? 1 : 0);
    else if (typeof item === 'number' && item >= 0) this.#varint(item);
    else this.#varintLong(BigInt.asUintN(64, BigInt(item as number | bigint)));
  }

  finish(): Buffer {
    this.#flush();
    return Buffer.concat(this.#parts);
  }

  #varint(value: number): void {
    let left = value;
    while (left > 0x7f) {
      this.#small.push((left % 128) | 0x80);
      left = Math.floor(left / 128);
    }
    this.#small.push(left);
  }

  #varintLong(value: bigint): void {
    let left = value;
    while (left > 0x7fn) {
      this.#small.push(Number(left & 0x7fn) | 0x80);
      left >>= 7n;
    }
    this.#small.push(Number(left));
  }

  #flush(): void {
    if (this.#small.length > 0) this.#parts.push(Uint8Array.from(this.#small));
    this.#small = [];
  }
}

class Reader {
  readonly #raw: Buffer;
  #at = 0;

  constructor(raw: Buffer) {
    this.#raw = raw;
  }

  get done(): boolean {
    return this.#at >= this.#raw.length;
  }

  /** A number while it fits seven groups of seven bits, else a bigint of up to 64 bits. */
  varint(): number | bigint {
    let value = 0;
    let scale = 1;
    for (let group = 0; group < 7; group++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    let long = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      long |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, long);
    }
    throw new MalformedMessageError('a varint of more than ten bytes');
  }

  bytes(): Buffer {
    return this.#take(Number(this.varint()));
  }

  skip(wire: number): void {
    if (wire === wireVarint) this.varint();
    else if (wire === wireBytes) this.bytes();
    else if (wire === wireFixed64) this.#take(8);
    else if (wire === wireFixed32) this.#take(4);
    else throw new MalformedMessageError(`wire type ${wire}`);
  }

  #byte(): number {
    const byte = this.#raw[this.#at++];
    if (byte === undefined) throw new MalformedMessageError('the message ends inside a field');
    return byte;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#raw.length) throw new MalformedMessageError('the message ends inside a field');
    const raw = this.#raw.subarray(this.#at, end);
    this.#at = end;
    return raw;
  }
}
