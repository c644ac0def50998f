/** Protobuf messages to plain objects, which `codec/canonical.ts` then checks and completes as it does those from JSON. */
import { parseExact } from '#base/exact-json.js';
import { depthMax, structsMax } from '../codec/canonical.js';
import { SchemaError } from '../codec/schema-error.js';
import { formatDuration, formatInstant, formatMicroInstant } from '../codec/time.js';
import type { MessageField, MessagePlan } from './message-plan.js';
import { type Reader, wireType } from './wire.js';

type Fields = Record<string, unknown>;

/** Gives the objects that stand as bytes in RawExtensions; bytes that are not JSON are its to read. */
export type ReadRaw = (bytes: Buffer) => unknown;

interface Scope {
  raw: ReadRaw;
  depth: number;
  structs: number;
}

/** Reads a whole message. Throws SchemaError. */
export function readMessage(reader: Reader, plan: MessagePlan, raw: ReadRaw): unknown {
  return readTyped(reader, plan, { raw, depth: 0, structs: 0 });
}

function readTyped(reader: Reader, plan: MessagePlan, scope: Scope, into?: unknown): unknown {
  if (++scope.depth > depthMax) throw new SchemaError('Depth', 'exceeded max depth');
  if (++scope.structs > structsMax) throw new SchemaError('Size', `more than ${structsMax} structs`);
  const value = plan.codec
    ? readSpecial(reader, plan, scope)
    : readFields(reader, plan, { scope, out: (into ?? {}) as Fields });
  scope.depth--;
  return value;
}

function readFields(reader: Reader, plan: MessagePlan, { scope, out }: { scope: Scope; out: Fields }): Fields {
  while (!reader.done) {
    const { number, type } = reader.tag();
    const field = plan.byNumber.get(number);
    if (!field) reader.skip(type);
    else readField(reader, field, { type, scope, out });
  }
  return out;
}

function readField(
  reader: Reader,
  field: MessageField,
  { type, scope, out }: { type: number; scope: Scope; out: Fields },
): void {
  const { shape, inline, wrapped } = field.schema;
  if (inline) {
    expectType(type, wireType.bytes, field);
    readTyped(reader.message(), field.type, scope, out);
  } else if (shape === 'single') {
    // A message that comes in pieces is merged.
    const before = field.scalar || field.type.codec ? undefined : out[field.name];
    out[field.name] = readValue(reader, field, { type, scope, before });
  } else if (shape === 'list') {
    const list = (out[field.name] ??= []) as unknown[];
    if (wrapped) {
      expectType(type, wireType.bytes, field);
      readElements(reader.message(), field, { list, scope });
    } else if (type === wireType.bytes && isPackable(field)) {
      const packed = reader.message();
      while (!packed.done) list.push(readValue(packed, field, { type: scalarType(field), scope }));
    } else list.push(readValue(reader, field, { type, scope }));
  } else {
    expectType(type, wireType.bytes, field);
    const map = (out[field.name] ??= {}) as Fields;
    readEntry(reader.message(), field, { map, scope });
  }
}

function readEntry(reader: Reader, field: MessageField, { map, scope }: { map: Fields; scope: Scope }): void {
  let key = '';
  let value: unknown;
  const list: unknown[] = [];
  while (!reader.done) {
    const { number, type } = reader.tag();
    if (number === 1) {
      expectType(type, wireType.bytes, field);
      key = reader.text();
    } else if (number !== 2) reader.skip(type);
    else if (field.schema.shape === 'mapOfLists') {
      expectType(type, wireType.bytes, field);
      readElements(reader.message(), field, { list, scope });
    } else value = readValue(reader, field, { type, scope });
  }
  const entry = field.schema.shape === 'mapOfLists' ? list : (value ?? emptyOf(field));
  // An own property even when the key is `__proto__`.
  Object.defineProperty(map, key, { value: entry, enumerable: true, configurable: true, writable: true });
}

function emptyOf(field: MessageField): unknown {
  if (field.scalar === 'string' || field.scalar === 'bytes') return '';
  if (field.scalar === 'bool') return false;
  if (field.scalar) return 0;
  return field.type.codec ? null : {};
}

function readElements(reader: Reader, field: MessageField, { list, scope }: { list: unknown[]; scope: Scope }): void {
  while (!reader.done) {
    const { number, type } = reader.tag();
    if (number === 1) list.push(readValue(reader, field, { type, scope }));
    else reader.skip(type);
  }
}

function isPackable({ scalar }: MessageField): boolean {
  return scalar === 'int32' || scalar === 'int64' || scalar === 'bool' || scalar === 'double';
}

function scalarType({ scalar }: MessageField): number {
  return scalar === 'double' ? wireType.fixed64 : wireType.varint;
}

function readValue(
  reader: Reader,
  field: MessageField,
  { type, scope, before }: { type: number; scope: Scope; before?: unknown },
): unknown {
  switch (field.scalar) {
    case 'int32':
      expectType(type, wireType.varint, field);
      return int32Of(reader.int64());
    case 'int64':
      expectType(type, wireType.varint, field);
      return reader.int64();
    case 'bool':
      expectType(type, wireType.varint, field);
      return Number(reader.int64()) !== 0;
    case 'double':
      expectType(type, wireType.fixed64, field);
      return reader.double();
  }
  expectType(type, wireType.bytes, field);
  if (field.scalar === 'string') return reader.text();
  if (field.scalar === 'bytes') return reader.bytes().toString('base64');
  if (field.scalar) return parse(reader.text());
  return readTyped(reader.message(), field.type, scope, before);
}

/** What is larger loses its upper bits, as in Go. */
function int32Of(value: number | bigint): number {
  return typeof value === 'number' ? value | 0 : Number(BigInt.asIntN(32, value));
}

function expectType(type: number, expected: number, field: MessageField): void {
  if (type === expected) return;
  throw new SchemaError(
    'Protobuf',
    `proto: wrong wireType = ${type} for field ${field.schema.protobufName ?? field.name}`,
  );
}

function readSpecial(reader: Reader, plan: MessagePlan, scope: Scope): unknown {
  const empty = reader.done;
  const parts = readFields(reader, { ...plan, codec: undefined }, { scope, out: {} });
  const text = (name: string) => parts[name] as string | undefined;
  const number = (name: string) => (parts[name] as number | undefined) ?? 0;
  switch (plan.codec) {
    case 'time':
      return empty ? null : formatInstant(instantOf(number('seconds'), 0));
    case 'microTime':
      return empty ? null : formatMicroInstant(instantOf(number('seconds'), number('nanos')));
    case 'duration':
      return formatDuration(BigInt(number('duration')));
    case 'quantity':
      return text('string') ?? '0';
    case 'intOrString':
      return number('type') === 1 ? (text('strVal') ?? '') : number('intVal');
    case 'raw':
      return parts['raw'] === undefined ? null : scope.raw(Buffer.from(text('raw')!, 'base64'));
    case 'rawJSON': {
      const raw = text('raw') ?? text('Raw');
      return raw === undefined ? null : parse(Buffer.from(raw, 'base64').toString('utf8'));
    }
    case 'items':
      return parts['items'] ?? [];
    case 'schemaOrArray':
      return parts['jSONSchemas'] ?? parts['schema'] ?? null;
    case 'schemaOrBool':
      return parts['schema'] ?? parts['allows'] ?? false;
    default:
      return parts['property'] ?? parts['schema'] ?? null;
  }
}

/** The years that RFC 3339 has: 0000 to 9999. */
const secondsMin = -62167219200;
const secondsMax = 253402300799;

function instantOf(seconds: number, nanos: number) {
  if (seconds < secondsMin || seconds > secondsMax || nanos < 0 || nanos >= 1e9) {
    throw new SchemaError('Protobuf', `proto: time ${seconds}.${nanos} is out of range`);
  }
  return { seconds, nanos };
}

function parse(text: string): unknown {
  try {
    return parseExact(text);
  } catch (cause) {
    throw new SchemaError('Syntax', (cause as Error).message, { cause });
  }
}
