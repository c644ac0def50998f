/**
 * Writes an answer to an exchange in the form that was negotiated. Stored bytes are sent as they are, in slices, so that
 * no answer, however long, holds up the others.
 */

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { AnyResource } from '#api/resource.js';
import { type KubeObject, type ListMeta, parseApiVersion } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import { partialObjectMetadata, tableOf, tableRow } from '#apimachinery/table.js';
import { toJson } from '#base/exact-json.js';
import { escapeHtml } from '#base/go-text.js';
import { Turns } from '#base/turns.js';
import { formatYaml } from '#base/yaml.js';
import type { Answer, Outcome } from '../call.js';
import { classificationHeaders } from '../flow-control/classification.js';
import { contentTypes, includeObjectOf, type Media } from '../media.js';
import { objectsOf, type Stored } from '../registry/stored.js';
import type { Exchange } from './exchange.js';
import { encodeListDocument, type ListDocument } from './list-document.js';
import { encodeBody, encodeList, encodePartialList, encodeStoredBody, servesProtobuf } from './protobuf.js';

/** Shorter answers are not worth compressing (upstream's threshold). */
const gzipBytesMin = 128 * 1024;
const gzipLevel = 1;
/** Written at once, before others get a turn. */
const sliceBytes = 256 * 1024;

export interface RespondOptions {
  schemas: SchemaTable;
  nowMs: number;
  query: URLSearchParams;
}

type Listed = Extract<Answer, { type: 'list' }>;

/**
 * Of every answer but watches and those that a handler has given. A promise where it takes turns, which resolves when all
 * is handed to the connection.
 */
export function respond(
  exchange: Exchange,
  outcome: Outcome,
  answer: Exclude<Answer, { type: 'watch' | 'taken' }>,
  options: RespondOptions,
): Promise<void> | void {
  const { media } = outcome;
  const headers = commonHeaders(outcome);
  if (answer.type === 'bytes') {
    const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
    // A 304 that names a type would give the client's cached document that type.
    if (answer.code !== 304) headers['content-type'] = answer.contentType;
    outcome.sizes?.observe(body.length);
    return send(exchange, answer.code, Object.assign(headers, answer.headers), slicedBody([body]));
  }
  const code = answer.type === 'list' ? 200 : answer.code;
  const retryAfter = answer.type === 'value' ? retryAfterOf(answer.value) : undefined;
  if (retryAfter) headers['retry-after'] = String(retryAfter);
  headers['content-type'] = contentTypes[media.format];
  const encoded = (body: Body) => {
    outcome.sizes?.observe(body.bytes);
    return send(exchange, code, headers, body);
  };
  const encoding = bodyOf(answer, media, options);
  return encoding instanceof Promise ? encoding.then(encoded) : encoded(encoding);
}

export function commonHeaders({
  auditId,
  warnings,
  classification,
  headers: own,
}: Pick<Outcome, 'auditId' | 'warnings' | 'classification' | 'headers'>): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    'audit-id': auditId,
    'cache-control': 'no-cache, private',
    ...own,
  };
  if (classification) Object.assign(headers, classificationHeaders(classification));
  if (warnings.length > 0) headers['warning'] = warnings.map((text) => `299 - ${quoted(text)}`);
  return headers;
}

/** A quoted string of RFC 9110; what cannot stand in a header is replaced. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replace(/[^\x20-\x7e]/g, ' ')}"`;
}

function retryAfterOf(value: object): number | undefined {
  return (value as { details?: { retryAfterSeconds?: number } }).details?.retryAfterSeconds;
}

interface Body {
  bytes: number;
  /** Each is written when the one before has been taken; one that is no more than a slice, at once. */
  slices: Iterable<Uint8Array> | Uint8Array;
}

function bodyOf(
  answer: Exclude<Answer, { type: 'watch' | 'taken' | 'bytes' }>,
  media: Media,
  options: RespondOptions,
): Body | Promise<Body> {
  const { as, format, pretty } = media;
  if (answer.type === 'list' && !as && format === 'json' && !pretty) return listBody(answer, isTyped(answer, options));
  if (answer.type === 'list') return encodeListed(answer, media, options).then(slicedBody);
  const encoding = encode(answer, media, options);
  return encoding instanceof Promise ? encoding.then((bytes) => slicedBody([bytes])) : slicedBody([encoding]);
}

function slicedBody(parts: readonly Uint8Array[]): Body {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  const [only] = parts;
  return { bytes, slices: only && bytes <= sliceBytes && parts.length === 1 ? only : slicesOf(parts) };
}

/** Small parts are written together, a large one bit by bit. */
function* slicesOf(parts: readonly Uint8Array[]): Iterable<Uint8Array> {
  let slice: Uint8Array[] = [];
  let bytes = 0;
  for (const part of parts) {
    let rest = part;
    for (; slice.length === 0 && rest.length > sliceBytes; rest = rest.subarray(sliceBytes))
      yield rest.subarray(0, sliceBytes);
    slice.push(rest);
    bytes += rest.length;
    if (bytes < sliceBytes) continue;
    yield Buffer.concat(slice, bytes);
    slice = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(slice, bytes);
}

function encode(
  answer: Exclude<Answer, { type: 'watch' | 'taken' | 'bytes' | 'list' }>,
  media: Media,
  options: RespondOptions,
): Uint8Array | Promise<Uint8Array> {
  if (media.as && !isFailure(answer)) return encodeValue(transformed(answer, media.as, options), media, options);
  if (answer.type === 'stored') {
    if (media.format === 'json' && !media.pretty) return answer.stored.line;
    if (media.format === 'protobuf') return encodeStoredBody(options.schemas, answer.stored);
  }
  const value = plainOf(answer, options);
  return isLong(value) ? encodeLong(value, media, options) : encodeValue(value, media, options);
}

/** Of all that is wrong with a large object. */
const longMessageMin = 64 * 1024;

function isLong(value: { message?: string }): boolean {
  return value.message !== undefined && value.message.length >= longMessageMin;
}

/** Others have their turn between what is done with the whole text. */
async function encodeLong(value: object, media: Media, options: RespondOptions): Promise<Uint8Array> {
  const turns = new Turns();
  await turns.next();
  if (media.format !== 'json' || media.pretty) return encodeValue(value, media, options);
  const json = toJson(value);
  await turns.next();
  const text = escapeHtml(json);
  await turns.next();
  return Buffer.from(`${text}\n`);
}

/** Stored bytes where they are what is wanted; else one element after the other, so that others have their turn. */
async function encodeListed(answer: Listed, media: Media, options: RespondOptions): Promise<Uint8Array[]> {
  const { as, format } = media;
  if (as && answer.items.length === 0) return [encodeValue(transformed(answer, as, options), media, options)];
  if (format === 'protobuf')
    return as ? encodePartialList(options.schemas, answer, as.version) : encodeList(options.schemas, answer);
  return encodeListDocument(documentOf(answer, as, options), media);
}

function documentOf(answer: Listed, as: Media['as'], options: RespondOptions): ListDocument {
  const { resource, version, metadata, items } = answer;
  const { length } = items;
  const objectAt = (index: number) => items[index]!.object;
  if (!as) {
    const typed = isTyped(answer, options);
    const head = { kind: resource.listKind, apiVersion: version, metadata: listMeta(resource, metadata) };
    const element = (index: number) => (typed ? withoutType(objectAt(index)) : objectAt(index));
    return { head, key: 'items', length, element };
  }
  const apiVersion = `meta.k8s.io/${as.version}`;
  if (as.kind === 'Table') {
    const { columns, rowConditions, rowOrder } = resource;
    const includeObject = includeObjectOf(options.query);
    const ordered = rowOrder && shown(answer).sort(rowOrder);
    const row = { columns, rowConditions, nowMs: options.nowMs, includeObject, version: as.version };
    const { rows: _, ...head } = tableOf({ ...row, objects: [], metadata });
    return { head, key: 'rows', length, element: (index) => tableRow(ordered?.[index] ?? objectAt(index), row) };
  }
  const head = { kind: 'PartialObjectMetadataList', apiVersion, metadata };
  return { head, key: 'items', length, element: (index) => partialObjectMetadata(objectAt(index), as.version) };
}

function withoutType({ kind: _, apiVersion: __, ...object }: KubeObject): object {
  return object;
}

const braceByte = 0x7b;
const metadataKey = Buffer.from('"metadata":');

/**
 * Whether the items of a list leave out their kind, as those of every kind with a Go type do; custom resources, which
 * have none (and no protobuf form), keep it.
 */
function isTyped({ resource, version }: Listed, { schemas }: RespondOptions): boolean {
  return servesProtobuf(schemas, { ...parseApiVersion(version), kind: resource.kind });
}

/** Slices are made when it is their turn to be written, straight from the stored lines: each byte is copied once. */
function listBody({ resource, version, items, metadata }: Listed, typed: boolean): Body {
  const meta = listMeta(resource, metadata);
  const text = JSON.stringify({ kind: resource.listKind, apiVersion: version, metadata: meta });
  const head = Buffer.from(`${text.slice(0, -1)},"items":[`);
  const end = Buffer.from(']}\n');
  // Stored objects begin with kind and apiVersion, which hold no quotes.
  const starts = typed ? items.map(({ line }) => line.indexOf(metadataKey)) : undefined;
  let bytes = head.length + end.length + Math.max(0, items.length - 1);
  // An item is its line without the line feed; one that leaves out its kind begins with a brace of ours.
  for (const [index, { line }] of items.entries()) bytes += line.length - 1 - (starts ? starts[index]! - 1 : 0);
  return { bytes, slices: listSlices({ head, end, items, starts }) };
}

interface ListPieces {
  head: Buffer;
  end: Buffer;
  items: readonly Stored[];
  /** Where of each line to begin; all of it where there is none. */
  starts: readonly number[] | undefined;
}

function* listSlices({ head, end, items, starts }: ListPieces): Iterable<Uint8Array> {
  let slice = Buffer.allocUnsafe(sliceBytes);
  let used = head.copy(slice);
  for (const [index, { line }] of items.entries()) {
    const from = starts?.[index] ?? 0;
    // Comma, brace, and what the list ends with, too.
    const wanted = line.length - from + 1 + end.length;
    if (used + wanted > slice.length) {
      yield slice.subarray(0, used);
      slice = Buffer.allocUnsafe(Math.max(sliceBytes, wanted));
      used = 0;
    }
    if (index > 0) slice[used++] = commaByte;
    if (starts) slice[used++] = braceByte;
    used += line.copy(slice, used, from, line.length - 1);
  }
  used += end.copy(slice, used);
  yield slice.subarray(0, used);
}

const commaByte = 0x2c;

function plainOf(answer: Exclude<Answer, { type: 'watch' | 'taken' | 'bytes' }>, options: RespondOptions): object {
  if (answer.type === 'stored') return answer.stored.object;
  if (answer.type === 'value') return answer.value;
  const { head, element } = documentOf(answer, undefined, options);
  return { ...head, items: answer.items.map((_, index) => element(index)) };
}

/** Lists of custom resources tell that nothing follows. */
function listMeta({ shape }: AnyResource, metadata: ListMeta): ListMeta {
  return shape ? { continue: '', ...metadata } : metadata;
}

/** What an answer shows, as one object; undefined for bytes. */
export async function shownObject(answer: Answer, media: Media, options: RespondOptions): Promise<object | undefined> {
  if (answer.type === 'watch' || answer.type === 'taken' || answer.type === 'bytes') return undefined;
  if (answer.type === 'list') await objectsOf(answer.items);
  return media.as && !isFailure(answer) ? transformed(answer, media.as, options) : plainOf(answer, options);
}

function isFailure(answer: Answer): boolean {
  return answer.type === 'value' && (answer.value as { kind?: string }).kind === 'Status';
}

function transformed(
  answer: Exclude<Answer, { type: 'watch' | 'taken' | 'bytes' }>,
  as: NonNullable<Media['as']>,
  options: RespondOptions,
): object {
  const objects = shown(answer);
  const isList = answer.type === 'list' || (answer.type === 'value' && 'items' in answer.value);
  const metadata =
    answer.type === 'list' ? answer.metadata : isList ? {} : { resourceVersion: objects[0]?.metadata.resourceVersion };
  if (as.kind === 'Table') {
    const includeObject = includeObjectOf(options.query);
    const { resource } = answer;
    const columns = (answer.type === 'value' ? answer.columns : undefined) ?? resource?.columns;
    const { rowConditions, rowOrder } = resource ?? {};
    if (rowOrder) objects.sort(rowOrder);
    const { nowMs } = options;
    return tableOf({ columns, rowConditions, objects, metadata, nowMs, includeObject, version: as.version });
  }
  const partial = objects.map((object) => partialObjectMetadata(object, as.version));
  if (!isList) return partial[0]!;
  // Upstream's list of nothing has no items.
  const items = partial.length > 0 ? partial : null;
  return { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${as.version}`, metadata, items };
}

function shown(answer: Exclude<Answer, { type: 'watch' | 'taken' | 'bytes' }>): KubeObject[] {
  if (answer.type === 'stored') return [answer.stored.object];
  if (answer.type === 'list') return answer.items.map(({ object }) => object);
  return 'items' in answer.value ? (answer.value.items as KubeObject[]) : [answer.value as KubeObject];
}

function encodeValue(value: object, { format, pretty }: Media, { schemas }: RespondOptions): Uint8Array {
  return format === 'protobuf' ? encodeBody(schemas, value as KubeObject) : encodeText(value, { format, pretty });
}

export function encodeText(
  value: object,
  { format, pretty }: { format: 'json' | 'yaml'; pretty: boolean },
): Uint8Array {
  if (format === 'yaml') return Buffer.from(formatYaml(value));
  // As Go's encoder, which ends its line; its indented form has no end.
  return Buffer.from(pretty ? escapeHtml(toJson(value, 2)) : `${escapeHtml(toJson(value))}\n`);
}

function send(
  exchange: Exchange,
  code: number,
  headers: Record<string, string | string[]>,
  { bytes, slices }: Body,
): Promise<void> | void {
  const compress =
    bytes > gzipBytesMin && !headers['content-encoding'] && takesGzip(exchange.headers['accept-encoding'] ?? '');
  if (compress) {
    headers['content-encoding'] = 'gzip';
    headers['vary'] = 'Accept-Encoding';
    const out = exchange.open(code, headers);
    const gzip = createGzip({ level: gzipLevel });
    gzip.pipe(out);
    return writeSlices(gzip, slices, exchange);
  }
  if (code !== 304) headers['content-length'] = String(bytes);
  const out = exchange.open(code, headers);
  if (exchange.method === 'HEAD' || code === 304) out.end();
  else return writeSlices(out, slices, exchange);
}

/** Upstream knows the word alone, without a quality. */
function takesGzip(encodings: string): boolean {
  return encodings.split(',').some((one) => one.trim() === 'gzip');
}

function writeSlices(out: Writable, slices: Body['slices'], exchange: Exchange): Promise<void> | void {
  if (slices instanceof Uint8Array) out.end(slices);
  else return writeEach(out, slices, exchange);
}

/** Each after the one before has been taken; the last one with the end. */
async function writeEach(out: Writable, slices: Iterable<Uint8Array>, { gone }: Exchange): Promise<void> {
  let last: Uint8Array | undefined;
  for (const slice of slices) {
    const ready = last;
    last = slice;
    if (!ready) continue;
    const taken = out.write(ready);
    if (gone.aborted) return;
    try {
      if (!taken) await once(out, 'drain', { signal: gone.signal });
      else await new Promise<void>((resolve) => setImmediate(resolve));
    } catch {
      // The client has gone; there is nobody to tell.
      return;
    }
  }
  out.end(last);
}
