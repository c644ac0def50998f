/**
 * Answers in protobuf. The message of a stored object is made once and kept with it, for lists and watches alike, and a
 * list is put together from them as its JSON is from stored bytes.
 */
import type { KubeObject, ListMeta } from '#apimachinery/object.js';
import { encodeProtobuf, hasProtobuf } from '#apimachinery/protobuf/envelope.js';
import { type MessagePlan, messagePlanOf } from '#apimachinery/protobuf/message-plan.js';
import { BackwardWriter, wireType } from '#apimachinery/protobuf/wire.js';
import { writeMessage } from '#apimachinery/protobuf/write-message.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { MetaVersion } from '#apimachinery/table.js';
import { Turns } from '#base/turns.js';
import type { Answer } from '../call.js';
import type { Stored } from '../registry/stored.js';

const metaPackage = 'io.k8s.apimachinery.pkg.apis.meta.v1';
/** Kinds of the machinery, whose apiVersion does not name their package. */
const metaKinds = new Set([
  'APIGroup',
  'APIGroupList',
  'APIResourceList',
  'APIVersions',
  'PartialObjectMetadata',
  'PartialObjectMetadataList',
  'Status',
]);

export function servesProtobuf(schemas: SchemaTable, kind: { group: string; version: string; kind: string }): boolean {
  const type = schemas.kind(kind);
  return type !== undefined && hasProtobuf(schemas, type.name);
}

/** A body of its own. Throws a TypeError for a kind without protobuf form. */
export function encodeBody(schemas: SchemaTable, object: { apiVersion?: string; kind: string }): Uint8Array {
  const typeName = metaKinds.has(object.kind) ? `${metaPackage}.${object.kind}` : undefined;
  return encodeProtobuf(schemas, object, typeName);
}

const bodies = new WeakMap<Stored, Uint8Array>();

/** The same of a stored object, made once. */
export function encodeStoredBody(schemas: SchemaTable, stored: Stored): Uint8Array {
  let body = bodies.get(stored);
  if (!body) bodies.set(stored, (body = Buffer.from(encodeBody(schemas, stored.object as KubeObject))));
  return body;
}

const messages = new WeakMap<Stored, Uint8Array>();

/** Parts of one body: the envelope, the list's metadata (field 1) and its items (field 2 each). */
export function encodeList(schemas: SchemaTable, answer: Extract<Answer, { type: 'list' }>): Promise<Uint8Array[]> {
  const { resource, version, items, metadata } = answer;
  const { group } = resource;
  const type = schemas.kind({ group, version: version.slice(version.indexOf('/') + 1), kind: resource.kind });
  const plan = type && messagePlanOf(schemas, type.name);
  if (!plan) throw new TypeError(`${version} ${resource.kind} has no protobuf form`);
  const itemAt = (index: number) => {
    const stored = items[index]!;
    let message = messages.get(stored);
    if (!message) messages.set(stored, (message = itemOf(plan, stored.object)));
    return message;
  };
  const list = { apiVersion: version, kind: resource.listKind, metadata, length: items.length };
  return encodeItems(schemas, list, itemAt);
}

/** A PartialObjectMetadataList. */
export function encodePartialList(
  schemas: SchemaTable,
  { items, metadata }: Extract<Answer, { type: 'list' }>,
  version: MetaVersion,
): Promise<Uint8Array[]> {
  const plan = messagePlanOf(schemas, `${metaPackage}.PartialObjectMetadata`)!;
  const apiVersion = `meta.k8s.io/${version}`;
  const list = { apiVersion, kind: 'PartialObjectMetadataList', metadata, length: items.length };
  return encodeItems(schemas, list, (index) => itemOf(plan, { metadata: items[index]!.object.metadata }));
}

function itemOf(plan: MessagePlan, object: object): Uint8Array {
  const writer = new BackwardWriter();
  writeMessage(writer, plan, object);
  writer.close(2, 0);
  return Buffer.from(writer.finish());
}

async function encodeItems(
  schemas: SchemaTable,
  { apiVersion, kind, metadata, length }: { apiVersion: string; kind: string; metadata: ListMeta; length: number },
  itemAt: (index: number) => Uint8Array,
): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [encodeListMeta(schemas, metadata)];
  let bytes = parts[0]!.length;
  const turns = new Turns();
  for (let index = 0; index < length; index++) {
    const message = itemAt(index);
    parts.push(message);
    bytes += message.length;
    if (turns.isOver) await turns.next();
  }
  return [envelopeHead({ apiVersion, kind, bytes }), ...parts, envelopeEnd];
}

function encodeListMeta(schemas: SchemaTable, metadata: ListMeta): Uint8Array {
  const writer = new BackwardWriter();
  writeMessage(writer, messagePlanOf(schemas, `${metaPackage}.ListMeta`)!, metadata);
  writer.close(1, 0);
  return Buffer.from(writer.finish());
}

/** contentEncoding and contentType (fields 3 and 4), which are written also where they are empty. */
const envelopeEnd = Buffer.from([0x1a, 0, 0x22, 0]);

/** Magic, type and the start of field 2 (raw). */
function envelopeHead({ apiVersion, kind, bytes }: { apiVersion: string; kind: string; bytes: number }): Uint8Array {
  const writer = new BackwardWriter();
  writer.varint(bytes);
  writer.tag(2, wireType.bytes);
  const mark = writer.length;
  for (const [number, text] of [
    [2, kind],
    [1, apiVersion],
  ] as const) {
    const start = writer.length;
    writer.text(text);
    writer.close(number, start);
  }
  writer.close(1, mark);
  writer.bytes(Buffer.from([0x6b, 0x38, 0x73, 0x00]));
  return Buffer.from(writer.finish());
}
