/**
 * JSON data as values of expressions, by its schema. Nothing is copied: fields and elements become values when they are
 * read.
 */
import { isNumber } from '#base/exact-json.js';
import { equal } from '#base/json.js';
import type { OwnAddition } from '../arithmetic.js';
import { toText } from '../conversions.js';
import { equalValues, type OwnEquality } from '../equality.js';
import { opaqueType, type Type } from '../types.js';
import {
  ArrayList,
  CelError,
  CelMap,
  Double,
  List,
  mapKey,
  normalizeInt,
  noSuchOverload,
  Opaque,
  type Result,
  type Value,
} from '../values.js';
import { escapeName, unescapeName } from './escape.js';
import { formatted } from './formats.js';
import { isEmbedded, itemsOf, type Schema, valuesOf, withTypeAndObjectMeta } from './schema.js';

/** Makes values of the data of one schema. */
export type Reader = (json: unknown) => Result;

const readers = new WeakMap<Schema, Reader>();

/** The reader of a schema, made once. */
export function readerOf(schema: Schema): Reader {
  let reader = readers.get(schema);
  if (!reader) readers.set(schema, (reader = nullable(schema)));
  return reader;
}

/** For the root of a resource. */
export function resourceReaderOf(schema: Schema): Reader {
  let complete = resourceSchemas.get(schema);
  if (!complete) resourceSchemas.set(schema, (complete = withTypeAndObjectMeta(schema)));
  return readerOf(complete);
}

const resourceSchemas = new WeakMap<Schema, Schema>();

const invalid = (text: string): CelError => new CelError(`invalid data, ${text}`);

function nullable(schema: Schema): Reader {
  const read = readerFor(schema);
  const onNull = schema.nullable ? null : invalid('got null for schema with nullable=false');
  return (json) => (json === null || json === undefined ? onNull : read(json));
}

function readerFor(schema: Schema): Reader {
  if (schema['x-kubernetes-int-or-string']) return intOrString;
  switch (schema.type) {
    case 'object':
      return objectReader(schema);
    case 'array':
      return arrayReader(schema);
    case 'string': {
      const { format } = schema;
      return (json) =>
        typeof json === 'string' ? formatted(json, format) : invalid(`expected string, got ${goType(json)}`);
    }
    case 'number':
      return (json) => (isNumber(json) ? new Double(Number(json)) : invalid(`expected float, got ${goType(json)}`));
    case 'integer':
      return (json) => intOf(json) ?? invalid(`expected int, got ${goType(json)}`);
    case 'boolean':
      return (json) => (typeof json === 'boolean' ? json : invalid(`expected bool, got ${goType(json)}`));
  }
  if (schema['x-kubernetes-preserve-unknown-fields']) return (json) => new UnknownData(json);
  const expected = 'expected object, array, number, integer, boolean or string, or no type with';
  const flags = 'x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true';
  return () => new CelError(`invalid type, ${expected} ${flags}, got ${schema.type ?? ''}`);
}

function intOf(json: unknown): number | bigint | undefined {
  if (typeof json === 'bigint') return normalizeInt(json);
  if (typeof json !== 'number' || !Number.isInteger(json)) return undefined;
  return Number.isSafeInteger(json) ? json : normalizeInt(BigInt(json));
}

function intOrString(json: unknown): Result {
  if (typeof json === 'string') return json;
  return intOf(json) ?? invalid('expected XIntOrString value to be either a string or integer');
}

/** How upstream's messages call the type of JSON data. */
function goType(json: unknown): string {
  if (typeof json === 'string') return 'string';
  if (typeof json === 'boolean') return 'bool';
  if (typeof json === 'bigint') return 'int64';
  if (typeof json === 'number') return Number.isInteger(json) ? 'int64' : 'float64';
  return Array.isArray(json) ? '[]interface {}' : 'map[string]interface {}';
}

function objectReader(schema: Schema): Reader {
  const complete = isEmbedded(schema) ? withTypeAndObjectMeta(schema) : schema;
  const shape = complete.properties ? shapeOfFields(complete.properties) : shapeOfEntries(valuesOf(complete));
  return (json) =>
    typeof json === 'object' && !Array.isArray(json)
      ? new JsonObject(json as Record<string, unknown>, shape)
      : invalid('expected a map for the provided schema with type=object');
}

interface Field {
  /** In the JSON. */
  name: string;
  read: Reader;
}

interface ObjectShape {
  /** Whether it has fields with types of their own, rather than entries of one type. */
  hasFields: boolean;
  /** Undefined for a key in the JSON that the schema does not know. */
  readerFor(key: string): Reader | undefined;
  /** By the name that expressions have for it. Undefined for one that the schema does not know. */
  field(name: string): Field | undefined;
}

function shapeOfFields(properties: Readonly<Record<string, Schema>>): ObjectShape {
  const known = new Map<string, Field>();
  const readerFor = (key: string) => (Object.hasOwn(properties, key) ? readerOf(properties[key]!) : undefined);
  const find = (escaped: string): Field | undefined => {
    const name = unescapeName(escaped);
    const read = name === undefined ? undefined : readerFor(name);
    if (name === undefined || !read) return undefined;
    const field = { name, read };
    // A name can be written in many ways, of which one is usual.
    if (escapeName(name) === escaped) known.set(escaped, field);
    return field;
  };
  return { hasFields: true, readerFor, field: (name) => known.get(name) ?? find(name) };
}

function shapeOfEntries(values: Schema | undefined): ObjectShape {
  const readerFor = () => values && readerOf(values);
  return { hasFields: false, readerFor, field: (name) => (values ? { name, read: readerOf(values) } : undefined) };
}

class JsonObject extends CelMap implements OwnEquality {
  readonly json: Readonly<Record<string, unknown>>;
  readonly #shape: ObjectShape;

  constructor(json: Readonly<Record<string, unknown>>, shape: ObjectShape) {
    super();
    this.json = json;
    this.#shape = shape;
  }

  override get size(): number {
    return Object.keys(this.json).length;
  }

  override find(key: Value): Result | undefined {
    if (typeof key !== 'string') return noSuchOverload;
    const field = this.#shape.field(key);
    if (!field || !Object.hasOwn(this.json, field.name)) return undefined;
    const json = this.json[field.name];
    // A field that may be null counts as absent when it is.
    if (json === undefined || (json === null && this.#shape.hasFields)) return undefined;
    return field.read(json);
  }

  override *keys(): Iterable<Value> {
    for (const key of Object.keys(this.json))
      if (this.#shape.readerFor(key)) yield this.#shape.hasFields ? (escapeName(key) ?? key) : key;
  }

  equals(other: Value): boolean | CelError {
    if (!(other instanceof CelMap)) return noSuchOverload;
    if (this.size !== other.size) return false;
    for (const key of Object.keys(this.json)) {
      const isEqual = this.#shape.readerFor(key) ? this.#equalAt(key, other) : this.#equalUnknown(key, other);
      if (isEqual !== true) return isEqual;
    }
    return true;
  }

  #equalAt(key: string, other: CelMap): boolean | CelError {
    const name = this.#shape.hasFields ? (escapeName(key) ?? key) : key;
    const [mine, theirs] = [this.find(name), other.find(name)];
    if (mine === undefined || theirs === undefined) return mine === theirs;
    return equalValues(mine, theirs);
  }

  /** A field that no schema knows is compared as plain data. */
  #equalUnknown(key: string, other: CelMap): boolean | CelError {
    if (!(other instanceof JsonObject)) return noSuchOverload;
    return !Object.hasOwn(other.json, key) || equal(this.json[key], other.json[key]);
  }
}

function arrayReader(schema: Schema): Reader {
  const items = itemsOf(schema);
  if (!items) return () => new CelError('invalid array type, expected Items with a non-empty Schema');
  const kind = schema['x-kubernetes-list-type'] ?? 'atomic';
  const keys = (schema['x-kubernetes-list-map-keys'] ?? []).map((key) => escapeName(key) ?? key);
  if (!['map', 'set', 'atomic'].includes(kind)) {
    const expected = "expected 'map', 'set' or 'atomic'";
    return () => new CelError(`invalid x-kubernetes-list-type, ${expected} but got ${kind}`);
  }
  return (json) => {
    if (!Array.isArray(json)) return invalid('expected an array for the provided schema with type=array');
    const list = new JsonList(json, readerOf(items));
    return kind === 'atomic' ? list : new KeyedList(list, kind === 'set' ? undefined : keys);
  };
}

class JsonList extends List implements OwnEquality {
  readonly #json: readonly unknown[];
  readonly #read: Reader;

  constructor(json: readonly unknown[], read: Reader) {
    super();
    this.#json = json;
    this.#read = read;
  }

  override get size(): number {
    return this.#json.length;
  }

  override at(index: number): Result {
    return this.#read(this.#json[index]);
  }

  equals(other: Value): boolean | CelError {
    if (!(other instanceof List)) return noSuchOverload;
    if (this.size !== other.size) return false;
    for (let i = 0; i < this.size; i++) {
      const isEqual = equalValues(this.at(i), other.at(i));
      if (isEqual !== true) return isEqual;
    }
    return true;
  }
}

/** A set, or a list whose elements have keys: the order does not matter, and `+` is a union or a merge. */
class KeyedList extends List implements OwnEquality, OwnAddition {
  readonly #elements: List;
  /** The escaped names of the fields that make the key; undefined for a set. */
  readonly #fields: readonly string[] | undefined;

  constructor(elements: List, fields: readonly string[] | undefined) {
    super();
    this.#elements = elements;
    this.#fields = fields;
  }

  override get size(): number {
    return this.#elements.size;
  }

  override at(index: number): Result {
    return this.#elements.at(index);
  }

  equals(other: Value): boolean | CelError {
    if (!(other instanceof List)) return noSuchOverload;
    if (this.size !== other.size) return false;
    const mine = new Map<string, Result>();
    for (const element of this) mine.set(this.#key(element), element);
    for (const element of other) {
      const counterpart = mine.get(this.#key(element));
      if (counterpart === undefined) return false;
      const isEqual = equalValues(counterpart, element);
      if (isEqual !== true) return isEqual;
    }
    return true;
  }

  /** Elements of the other list replace those with the same key, in their places; new ones come behind. */
  add(other: List): Result {
    const places = new Map<string, number>();
    const elements: Value[] = [];
    for (const list of [this, other]) {
      for (const element of list) {
        if (element instanceof CelError) return element;
        const key = this.#key(element);
        const place = places.get(key);
        if (place === undefined) places.set(key, elements.push(element) - 1);
        else if (this.#fields) elements[place] = element;
      }
    }
    return new KeyedList(new ArrayList(elements), this.#fields);
  }

  #key(element: Result): string {
    if (!this.#fields) return keyText(element);
    const fields = this.#fields.map((field) => (element instanceof CelMap ? keyText(element.find(field)) : ''));
    return JSON.stringify(fields);
  }
}

function keyText(value: Result | undefined): string {
  if (value === undefined || value === null || value instanceof CelError) return 'none';
  const key = mapKey(value);
  if (key !== undefined) return `${typeof key}:${key}`;
  const text = toText(value);
  return typeof text === 'string' ? text : 'none';
}

const unknownType: Type = opaqueType('unknown');

/** Data that no schema describes; it can only be compared. */
class UnknownData extends Opaque {
  override readonly type = unknownType;
  readonly #json: unknown;

  constructor(json: unknown) {
    super();
    this.#json = json;
  }

  override equals(other: Value): boolean {
    return other instanceof UnknownData && equal(this.#json, other.#json);
  }
}

/** Data of which nothing is known, as values: whole numbers are ints, objects are maps. */
export function plainValue(json: unknown): Value {
  switch (typeof json) {
    case 'string':
    case 'boolean':
      return json;
    case 'number':
      return intOf(json) ?? new Double(json);
  }
  if (json === null || json === undefined) return null;
  return Array.isArray(json) ? new PlainList(json) : new PlainMap(json as Record<string, unknown>);
}

class PlainList extends List {
  readonly json: readonly unknown[];

  constructor(json: readonly unknown[]) {
    super();
    this.json = json;
  }

  override get size(): number {
    return this.json.length;
  }

  override at(index: number): Value {
    return plainValue(this.json[index]);
  }
}

class PlainMap extends CelMap {
  readonly json: Readonly<Record<string, unknown>>;

  constructor(json: Readonly<Record<string, unknown>>) {
    super();
    this.json = json;
  }

  override get size(): number {
    return Object.keys(this.json).length;
  }

  override find(key: Value): Value | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.json, key)) return undefined;
    const json = this.json[key];
    return json === undefined ? undefined : plainValue(json);
  }

  override keys(): Iterable<Value> {
    return Object.keys(this.json);
  }
}
