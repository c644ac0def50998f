/**
 * The Kubernetes media type `application/vnd.kubernetes.protobuf`
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding): four magic bytes and a
 * runtime.Unknown that names the type, and the frames of a watch.
 */
import { parseJson } from '../codec/parse-json.js';
import { SchemaError } from '../codec/schema-error.js';
import { parseApiVersion } from '../object.js';
import type { SchemaTable } from '../schema.js';
import { type MessagePlan, messagePlanOf } from './message-plan.js';
import { readMessage } from './read-message.js';
import { BackwardWriter, Reader } from './wire.js';
import { writeMessage } from './write-message.js';

export const protobufMediaType = 'application/vnd.kubernetes.protobuf';
export const protobufWatchMediaType = 'application/vnd.kubernetes.protobuf;stream=watch';

const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

export interface Envelope {
  apiVersion: string;
  kind: string;
  /** The message; when `contentType` is set, text of that type. */
  raw: Buffer;
  contentType: string;
}

/** Whether objects of a type can be written as protobuf; custom resources and Tables cannot. */
export function hasProtobuf(table: SchemaTable, typeName: string): boolean {
  return messagePlanOf(table, typeName) !== undefined;
}

/**
 * An object with its apiVersion and kind, in the form of a body. `typeName` is needed only where those do not name the
 * type in the table. Throws a TypeError when the type has no protobuf form.
 */
export function encodeProtobuf(table: SchemaTable, object: Typed, typeName?: string): Uint8Array {
  const name = typeName ?? table.kind({ ...parseApiVersion(object.apiVersion ?? ''), kind: object.kind })?.name;
  const plan = name === undefined ? undefined : messagePlanOf(table, name);
  if (!plan) throw new TypeError(`${object.apiVersion} ${object.kind} has no protobuf form`);
  const writer = new BackwardWriter();
  writeEnvelope(writer, object, plan);
  writer.bytes(magic);
  return writer.finish();
}

interface Typed {
  /** Absent of what upstream tells no version of: APIVersions. */
  apiVersion?: string;
  kind: string;
}

function writeEnvelope(writer: BackwardWriter, object: Typed, plan: MessagePlan): void {
  writeText(writer, 4, '');
  writeText(writer, 3, '');
  let mark = writer.length;
  writeMessage(writer, plan, object);
  writer.close(2, mark);
  mark = writer.length;
  writeText(writer, 2, object.kind);
  writeText(writer, 1, object.apiVersion ?? '');
  writer.close(1, mark);
}

function writeText(writer: BackwardWriter, number: number, text: string): void {
  const mark = writer.length;
  writer.text(text);
  writer.close(number, mark);
}

/** Opens a body. Throws SchemaError. */
export function readEnvelope(body: Uint8Array): Envelope {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!startsWithMagic(bytes)) {
    throw new SchemaError(
      'Protobuf',
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  }
  if (bytes.length === magic.length) throw new SchemaError('Protobuf', 'empty body');
  const envelope: Envelope = { apiVersion: '', kind: '', raw: Buffer.alloc(0), contentType: '' };
  const reader = new Reader(bytes, magic.length);
  while (!reader.done) {
    const { number, type } = reader.tag();
    if (type !== 2) reader.skip(type);
    else if (number === 1) readTypeMeta(reader.message(), envelope);
    else if (number === 2) envelope.raw = reader.bytes();
    else if (number === 4) envelope.contentType = reader.text();
    else reader.skip(type);
  }
  return envelope;
}

export function startsWithMagic(bytes: Uint8Array): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}

function readTypeMeta(reader: Reader, envelope: Envelope): void {
  while (!reader.done) {
    const { number, type } = reader.tag();
    if (type === 2 && number === 1) envelope.apiVersion = reader.text();
    else if (type === 2 && number === 2) envelope.kind = reader.text();
    else reader.skip(type);
  }
}

/** Embedded objects inside embedded objects, and so on. */
const embeddingMax = 8;

/** The object of an envelope as a plain value, not yet checked. Throws SchemaError. */
export function readObject(
  envelope: Envelope,
  { table, typeName, embedded = 0 }: { table: SchemaTable; typeName: string; embedded?: number },
): Record<string, unknown> {
  if (envelope.contentType === 'application/json') {
    return parseJson(envelope.raw.toString('utf8')) as Record<string, unknown>;
  }
  const plan = messagePlanOf(table, typeName);
  if (!plan)
    throw new SchemaError('Protobuf', `object *${typeName} does not implement the protobuf marshalling interface`);
  const raw = (bytes: Buffer) => readRaw(bytes, { table, embedded: embedded + 1 });
  const object = readMessage(new Reader(envelope.raw), plan, raw) as Record<string, unknown>;
  const { kind, apiVersion } = envelope;
  return { ...(kind ? { kind } : {}), ...(apiVersion ? { apiVersion } : {}), ...object };
}

/** What a RawExtension holds: JSON, or an object in an envelope of its own. */
function readRaw(bytes: Buffer, { table, embedded }: { table: SchemaTable; embedded: number }): unknown {
  if (!startsWithMagic(bytes)) return bytes.length === 0 ? null : parseJson(bytes.toString('utf8'));
  if (embedded > embeddingMax) throw new SchemaError('Depth', 'exceeded max depth');
  const envelope = readEnvelope(bytes);
  const type = table.kind({ ...parseApiVersion(envelope.apiVersion), kind: envelope.kind });
  if (!type) {
    const [kind, version] = [JSON.stringify(envelope.kind), JSON.stringify(envelope.apiVersion)];
    throw new SchemaError('UnknownKind', `no kind ${kind} is registered for version ${version}`);
  }
  return readObject(envelope, { table, typeName: type.name, embedded });
}

/** One frame of a watch in protobuf: the length in four bytes, then a WatchEvent around an encoded object. */
export function encodeWatchFrame(type: string, object: Uint8Array): Uint8Array {
  const writer = new BackwardWriter();
  writer.bytes(object);
  writer.close(1, 0);
  writer.close(2, 0);
  writeText(writer, 1, type);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(writer.length);
  writer.bytes(length);
  return writer.finish();
}

/** Reads the message of a frame, without its length. Throws SchemaError. */
export function decodeWatchEvent(message: Uint8Array): { type: string; object: Uint8Array } {
  const event = { type: '', object: new Uint8Array() as Uint8Array };
  const reader = new Reader(Buffer.from(message.buffer, message.byteOffset, message.byteLength));
  while (!reader.done) {
    const { number, type } = reader.tag();
    if (type === 2 && number === 1) event.type = reader.text();
    else if (type === 2 && number === 2) {
      const inner = reader.message();
      while (!inner.done) {
        const tag = inner.tag();
        if (tag.type === 2 && tag.number === 1) event.object = inner.bytes();
        else inner.skip(tag.type);
      }
    } else reader.skip(type);
  }
  return event;
}

/** As client-go's frame reader allows. */
export const frameBytesMax = 16 * 1024 * 1024;

/** Cuts a stream into the messages of its frames. Throws SchemaError for a frame beyond `frameBytesMax`. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Uint8Array): Buffer[] {
    this.#pending = this.#pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#pending, chunk]);
    const messages: Buffer[] = [];
    while (this.#pending.length >= 4) {
      const length = this.#pending.readUInt32BE(0);
      if (length > frameBytesMax) throw new SchemaError('Protobuf', `frame of ${length} bytes is too large`);
      if (this.#pending.length < 4 + length) break;
      messages.push(this.#pending.subarray(4, 4 + length));
      this.#pending = this.#pending.subarray(4 + length);
    }
    return messages;
  }
}
