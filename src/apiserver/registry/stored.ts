/**
 * One object at one revision, in the forms in which it is asked for: bytes to serve, and a frozen object to share. The
 * stored bytes are the JSON of the object without its resourceVersion, which is spliced in; they are decoded only when
 * somebody needs to look inside.
 */

import { builtinSchemas } from '#api/schema-table.js';
import { normalizeKind } from '#apimachinery/encode.js';
import { type KubeObject, parseApiVersion } from '#apimachinery/object.js';
import { parseExact, toJson } from '#base/exact-json.js';
import { escapeHtml } from '#base/go-text.js';
import { freeze } from '#base/json.js';
import { type Steps, Turns } from '#base/turns.js';
import type { Entry } from '#storage/store.js';

/** How a resource's objects differ from their stored form, when they do (`storedAs` of a definition). */
export interface Form {
  decode: (stored: KubeObject) => KubeObject;
}

/** What this process wrote need not be parsed again when the store hands the same bytes back in an event. */
const written = new WeakMap<Uint8Array, KubeObject>();

/** Of what this process wrote: who answers the write and who tells of it share one. */
const opened = new WeakMap<Uint8Array, Stored>();

export function openStored(entry: Entry, form?: Form): Stored {
  const known = opened.get(entry.value);
  if (known?.isOf(entry, form)) return known;
  const stored = new Stored(entry, form);
  if (written.has(entry.value)) opened.set(entry.value, stored);
  return stored;
}

const metadataStart = Buffer.from('"metadata":{');

/** The bytes to store. Takes ownership of the object, which it freezes. */
export function* encodeStored(object: KubeObject): Steps<Uint8Array> {
  const plain = isInOrder(object) ? object : inOrder(object);
  // JSON leaves it out; to delete it would make the object a slow one for as long as it lives.
  if (plain.metadata.resourceVersion) plain.metadata.resourceVersion = undefined;
  freeze(plain);
  yield;
  const value = Buffer.from(escapeHtml(toJson(plain)));
  written.set(value, plain);
  return value;
}

export class Stored {
  readonly key: string;
  readonly created: number;
  readonly modified: number;
  /** Lies in an older form: a write that changes nothing else writes it again. */
  readonly stale: boolean;
  /** As stored, until the splice is made. */
  #value: Uint8Array | undefined;
  /** The JSON and a line feed. */
  #line: Buffer | undefined;
  #object: KubeObject | undefined;
  #apiVersion: string | undefined;
  readonly #form: Form | undefined;
  /** What it was made from by `as`; itself when it is as stored. */
  #source: Stored = this;

  constructor({ key, value, created, modified, stale = false }: Entry, form?: Form) {
    this.key = key;
    this.created = created;
    this.modified = modified;
    this.stale = stale;
    this.#value = value;
    this.#form = form;
  }

  /** Whether it is this entry of the store in this form. */
  isOf({ key, modified }: Entry, form: Form | undefined): boolean {
    return this.key === key && this.modified === modified && this.#form === form;
  }

  get resourceVersion(): string {
    return String(this.modified);
  }

  /** About how many bytes its JSON has, which need not be made for it. */
  get size(): number {
    return this.#value?.length ?? this.#line?.length ?? 0;
  }

  /** The object's JSON, ready to be part of an answer. */
  get json(): Buffer {
    return this.line.subarray(0, -1);
  }

  /** The object's JSON as an answer of its own, which ends with a line feed. */
  get line(): Buffer {
    if (!this.#line) {
      this.#line = this.#form || !this.#value ? lineOf(this.object) : splice(this.#value, this.modified);
      // From here on the line says all that the bytes did.
      if (!this.#form && (this.#object || !(this.#value && written.has(this.#value)))) this.#value = undefined;
    }
    return this.#line;
  }

  /** Frozen, and shared by all who ask. */
  get object(): KubeObject {
    if (!this.#object && !this.#value && this.#line) this.#object = freeze(parse(this.#line));
    if (!this.#object) {
      const stored = written.get(this.#value!) ?? parse(this.#value!);
      const object = this.#form ? this.#form.decode(stored) : stored;
      // Revision 0 is of an object that was never written: the answer to a dry run.
      const metadata = this.modified ? { ...object.metadata, resourceVersion: this.resourceVersion } : object.metadata;
      // Lists leave out what stands before metadata.
      this.#object = freeze(this.#form ? inOrder({ ...object, metadata }) : { ...object, metadata });
      if (this.#line) this.#value = undefined;
    }
    return this.#object;
  }

  get source(): Stored {
    return this.#source;
  }

  /** Read from the bytes, so that an object that is served as stored need not be decoded. */
  get apiVersion(): string {
    this.#apiVersion ??= this.#object?.apiVersion ?? apiVersionOf(this.#value!) ?? this.object.apiVersion;
    return this.#apiVersion;
  }

  /** The same revision in another form, whose resourceVersion may be left out. */
  as(object: KubeObject): Stored {
    const { key, created, modified, resourceVersion } = this;
    const other = new Stored({ key, created, modified, value: noBytes }, this.#form);
    other.#value = undefined;
    const metadata = modified ? { ...object.metadata, resourceVersion } : object.metadata;
    other.#object = freeze({ ...object, metadata });
    other.#source = this.#source;
    return other;
  }

  /** The same value under another revision: the last state of an object in the event of its deletion. */
  under(revision: number): Stored {
    const { key, created } = this;
    if (this.#value) return new Stored({ key, created, modified: revision, value: this.#value }, this.#form);
    const copy = new Stored({ key, created, modified: revision, value: noBytes }, this.#form);
    return copy.as(this.object);
  }
}

const noBytes = new Uint8Array();

/** Whether kind, apiVersion and metadata come first, as `splice` relies on. */
function isInOrder(object: KubeObject): boolean {
  let place = 0;
  for (const key in object) {
    if (key !== leading[place]) return false;
    if (++place === leading.length) break;
  }
  return !Object.isFrozen(object) && !Object.isFrozen(object.metadata);
}

const leading = ['kind', 'apiVersion', 'metadata'];

function inOrder({ kind, apiVersion, metadata, ...rest }: KubeObject): KubeObject {
  return { kind, apiVersion, metadata: { ...metadata }, ...rest };
}

/** The objects of a list that may be long. */
export async function objectsOf(items: readonly Stored[]): Promise<KubeObject[]> {
  const objects: KubeObject[] = [];
  const turns = new Turns();
  for (const stored of items) {
    objects.push(stored.object);
    if (turns.isOver) await turns.next();
  }
  return objects;
}

function parse(value: Uint8Array): KubeObject {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
  const object = parseExact(text) as KubeObject;
  // What is null there may be a list to code; custom resources keep their nulls.
  if (!text.includes(':null')) return object;
  return normalizeKind(builtinSchemas, { ...parseApiVersion(object.apiVersion), kind: object.kind }, object);
}

/** Of an object in the form of `encodeStored`; neither text holds quotes. */
function apiVersionOf(value: Uint8Array): string | undefined {
  const head = Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, headBytesMax)).toString('latin1');
  return /^\{"kind":"[^"]*","apiVersion":"([^"]*)"/.exec(head)?.[1];
}

/** Beyond the longest kind, group and version. */
const headBytesMax = 512;

function lineOf(object: KubeObject): Buffer {
  return Buffer.from(`${escapeHtml(toJson(object))}\n`);
}

/**
 * The line with the resourceVersion in its place. Kind and apiVersion stand before metadata and hold no quotes, so the
 * first match is the object's own metadata.
 */
function splice(value: Uint8Array, revision: number): Buffer {
  const source = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const at = source.indexOf(metadataStart) + metadataStart.length;
  const version = revision === 0 ? '' : `"resourceVersion":"${revision}"${source[at] === 0x7d ? '' : ','}`;
  const line = Buffer.allocUnsafeSlow(source.length + version.length + 1);
  source.copy(line, 0, 0, at);
  line.write(version, at, 'latin1');
  source.copy(line, at + version.length, at);
  line[line.length - 1] = 0x0a;
  return line;
}
