/**
 * Brings a value to the one form in which its type is stored and answered: checked against the schema, fields in the
 * schema's order, unknown fields dropped, empty values left out or written as the type's Go struct would be.
 *
 * As upstream, null is the same as absent, a struct is written even when empty (`status: {}`), and an unset time is
 * null (`lastProbeTime: null`). An absent list that the type always has is one to our code, and null in JSON
 * (`rules: null`); as is an empty one, since upstream's stores do not tell them apart.
 */
import { NumberText } from '#base/exact-json.js';
import { EmptiedList } from '#base/json.js';
import { ParseError } from '../parse-error.js';
import { canonicalQuantity, quantityFormatMessage } from '../quantity.js';
import { writeAbsent, zeroOf, zeroOfSpecial } from './absent.js';
import { canonicalizeBytes } from './bytes.js';
import { mismatch, type Place, scalarMismatch, specialMismatch, typeMetaMismatch, type Words } from './mismatch.js';
import { type FieldPlan, goTypeOf, qualifiedGoName, type TypePlan } from './plan.js';
import { SchemaError } from './schema-error.js';
import { canonicalizeMicroTime, canonicalizeTime, formatDuration, parseDuration } from './time.js';

/** Deeper values are refused, so that walking them never exhausts the stack. Go's limit is 10000. */
export const depthMax = 1000;

/**
 * More structs are refused: an empty one takes two bytes of a body and a hundred times that in memory, and the largest
 * real objects (schemas of custom resources) have some ten thousand.
 */
export const structsMax = 200_000;

export type Fields = Record<string, unknown>;

/** Where the walk is. */
export interface Cursor extends Place {
  depth: number;
  /** How many structs may still come. */
  structsLeft: number;
  /** Where the walk goes through the fields as they are written, what does not fit; the walk goes on. */
  faults?: SchemaError[];
}

export interface CanonicalizeOptions {
  /** A value of our own, not a client's, may be of any size. */
  trusted?: boolean;
  /** In which words a value is refused that does not fit. Default: 'json'. */
  words?: Words;
}

/** Throws SchemaError. The result shares nothing with `value` but what is frozen. */
export function canonicalize(
  plan: TypePlan,
  value: unknown,
  { trusted = false, words = 'json' }: CanonicalizeOptions = {},
): unknown {
  const start = startOf({ trusted, words });
  try {
    return convertMessage(plan, value ?? {}, { ...start, fields: [] });
  } catch (error) {
    throw toldFirst(error, { plan, value, start });
  }
}

type Start = Pick<Cursor, 'words' | 'depth' | 'structsLeft'>;

export function startOf({ trusted, words }: Required<CanonicalizeOptions>): Start {
  return { words, depth: 0, structsLeft: trusted ? Infinity : structsMax };
}

export function toldFirst(
  error: unknown,
  { plan, value, start }: { plan: TypePlan; value: unknown; start: Start },
): unknown {
  const isOrdered = start.words === 'json' && error instanceof SchemaError && error.reason !== 'Size';
  return isOrdered ? (firstTold(plan, value, start) ?? error) : error;
}

/**
 * What Go's decoder tells, which goes through the fields as they are written: it remembers the first value that does not
 * fit and goes on, but stops at once where a type reads its values itself.
 */
function firstTold(plan: TypePlan, value: unknown, start: Start): SchemaError | undefined {
  const faults: SchemaError[] = [];
  try {
    convertMessage(plan, value ?? {}, { ...start, fields: [], faults });
  } catch (error) {
    if (error instanceof SchemaError) return error;
    throw error;
  }
  return faults[0];
}

/** Does a part of the walk; where faults are noted, one that ends it is noted, and the walk goes on after it. */
function noting<T>(at: Cursor, part: () => T): T | undefined {
  const { depth } = at;
  const entered = at.fields.length;
  try {
    return part();
  } catch (error) {
    if (!at.faults || !(error instanceof SchemaError) || error.isFinal) throw error;
    at.faults.push(error);
    at.fields.length = entered;
    at.depth = depth;
    return undefined;
  }
}

/** A copy of a value without schema. Throws SchemaError when it is too deep. */
export function copyFree<T>(value: T): T {
  return copyAny(value, { fields: [], words: 'json', depth: 0, structsLeft: Infinity }) as T;
}

export function convertMessage(plan: TypePlan, value: unknown, at: Cursor): unknown {
  if (plan.codec) return at.faults ? convertFinally(plan, value, at) : convertSpecial(plan, value, at);
  if (!isFields(value)) {
    throw mismatch(value, at, { goType: qualifiedGoName(plan.schema.name), kind: 'struct' });
  }
  const input = value as Fields;
  const out = enter(plan, input, at);
  for (const field of at.faults ? fieldsAsWritten(plan, input) : plan.fields) {
    const given = input[field.name];
    if (given === undefined || given === null) writeAbsent(field, out);
    else if (at.faults) noting(at, () => convertField(field, { given, out, at }));
    else convertField(field, { given, out, at });
  }
  at.depth--;
  return out;
}

export function enter(plan: TypePlan, input: Fields, at: Cursor): Fields {
  if (++at.depth > depthMax) throw new SchemaError('Depth', 'exceeded max depth');
  if (--at.structsLeft < 0) throw new SchemaError('Size', `more than ${structsMax} structs`);
  const out: Fields = {};
  if (plan.typeMeta) convertTypeMeta(plan, { input, out, at });
  return out;
}

function fieldsAsWritten(plan: TypePlan, input: Fields): FieldPlan[] {
  return Object.keys(input).flatMap((name) => plan.byName.get(name) ?? []);
}

function convertTypeMeta(plan: TypePlan, { input, out, at }: { input: Fields; out: Fields; at: Cursor }): void {
  for (const name of ['kind', 'apiVersion']) {
    const given = input[name];
    if (given === undefined || given === null || given === '') continue;
    if (typeof given !== 'string') throw typeMetaMismatch(given, at, { plan, name });
    out[name] = given;
  }
}

export function convertField(field: FieldPlan, { given, out, at }: { given: unknown; out: Fields; at: Cursor }): void {
  const { shape } = field.schema;
  at.fields.push(field);
  if (shape === 'single') {
    const value = field.scalar ? convertScalar(field, given, at) : convertMessage(field.type, given, at);
    if (!(field.dropsEmpty && isEmpty(field, value))) out[field.name] = value;
  } else if (shape === 'list') {
    if (!Array.isArray(given)) throw mismatch(given, at, { goType: goTypeOf(field), kind: 'list' });
    if (given.length > 0 || !field.dropsEmpty) {
      const list: unknown[] = given.length > 0 ? [] : new EmptiedList();
      for (const element of given) list.push(convertElement(field, element, at));
      out[field.name] = list;
    }
  } else {
    const map = convertMap(field, given, at);
    if (map) out[field.name] = map;
  }
  at.fields.pop();
}

function convertMap(field: FieldPlan, given: unknown, at: Cursor): Fields | undefined {
  const keys = mapKeys(field, given, at);
  return keys && convertEntries(field, { input: given as Fields, keys, out: {} }, at);
}

/** In byte order, as Go writes a map; undefined for an empty one that is left out. */
export function mapKeys(field: FieldPlan, given: unknown, at: Cursor): string[] | undefined {
  if (!isFields(given)) throw mismatch(given, at, { goType: goTypeOf(field), kind: 'map' });
  const keys = Object.keys(given as Fields);
  if (keys.length === 0 && field.dropsEmpty) return undefined;
  if (!at.faults && !isSorted(keys)) keys.sort();
  return keys;
}

/** Of some of a map's keys. */
export function convertEntries(
  field: FieldPlan,
  { input, keys, out }: { input: Fields; keys: readonly string[]; out: Fields },
  at: Cursor,
): Fields {
  for (const key of keys) {
    const element = input[key];
    if (element === undefined) continue;
    if (field.schema.shape === 'mapOfLists') {
      if (element !== null && !Array.isArray(element))
        throw mismatch(element, at, { goType: '[]string', kind: 'list' });
      setKey(
        out,
        key,
        ((element ?? []) as unknown[]).map((one) => convertElement(field, one, at)),
      );
    } else setKey(out, key, convertElement(field, element, at));
  }
  return out;
}

function isSorted(keys: readonly string[]): boolean {
  for (let index = 1; index < keys.length; index++) if (keys[index - 1]! > keys[index]!) return false;
  return true;
}

function convertElement(field: FieldPlan, value: unknown, at: Cursor): unknown {
  return at.faults ? noting(at, () => elementOf(field, value, at)) : elementOf(field, value, at);
}

/** An element cannot be absent: null is the type's zero value. */
function elementOf(field: FieldPlan, value: unknown, at: Cursor): unknown {
  if (value === null || value === undefined) {
    return field.scalar ? zeroOf(field.scalar) : (zeroOfSpecial(field.type) ?? convertMessage(field.type, {}, at));
  }
  return field.scalar ? convertScalar(field, value, at) : convertMessage(field.type, value, at);
}

function convertScalar(field: FieldPlan, value: unknown, at: Cursor): unknown {
  switch (field.scalar) {
    case 'string':
      if (typeof value === 'string') return value;
      break;
    case 'bool':
      if (typeof value === 'boolean') return value;
      break;
    case 'int32':
      if (typeof value === 'number') {
        if ((value | 0) === value) return value | 0;
        throw mismatch(value, at, { goType: 'int32', kind: 'scalar', literal: true });
      }
      if (isInexact(value)) throw mismatch(value, at, { goType: 'int32', kind: 'scalar', literal: true });
      break;
    case 'int64':
      if (typeof value === 'number') return wholeNumber(value, at);
      if (typeof value === 'bigint') return value;
      if (isInexact(value)) throw mismatch(value, at, { goType: 'int64', kind: 'scalar', literal: true });
      break;
    case 'double':
      if (typeof value === 'number') return value;
      if (isInexact(value)) return Number(value);
      break;
    case 'bytes':
      if (typeof value === 'string') return canonicalizeBytes(value, at.words);
      if (Array.isArray(value)) return bytesOf(value, at);
      break;
    default:
      return copyAny(value, at);
  }
  throw scalarMismatch(value, at, field);
}

/** To Go, bytes are a list of small numbers as well. */
function bytesOf(values: readonly unknown[], at: Cursor): string {
  const bytes = values.map((value) => {
    if (value === null) return 0;
    if (typeof value === 'number' && (value & 0xff) === value) return value;
    const literal = typeof value === 'number' || isInexact(value);
    throw mismatch(value, at, { goType: 'uint8', kind: 'scalar', literal });
  });
  return Buffer.from(bytes).toString('base64');
}

/** What no double holds has come as a bigint; what is no bigint then is none of 64 bits. */
function wholeNumber(value: number, at: Cursor): number {
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  throw mismatch(value, at, { goType: 'int64', kind: 'scalar', literal: true });
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberText);
}

/** Written as no whole number, or too large for a double. */
function isInexact(value: unknown): value is bigint | NumberText {
  return typeof value === 'bigint' || value instanceof NumberText;
}

/** What a type's own unmarshaller refuses ends Go's decoding. */
function convertFinally(plan: TypePlan, value: unknown, at: Cursor): unknown {
  try {
    return convertSpecial(plan, value, at);
  } catch (error) {
    if (error instanceof SchemaError && plan.codec !== 'items') error.isFinal = true;
    throw error;
  }
}

function convertSpecial(plan: TypePlan, value: unknown, at: Cursor): unknown {
  switch (plan.codec) {
    case 'time':
      return fail(expectString(value, at), canonicalizeTime);
    case 'microTime':
      return fail(expectString(value, at), canonicalizeMicroTime);
    case 'duration':
      return fail(expectString(value, at), (text) => formatDuration(parseDuration(text)));
    case 'quantity':
      return convertQuantity(value);
    case 'intOrString':
      return convertIntOrString(value, at);
    case 'items':
      if (!Array.isArray(value)) throw mismatch(value, at, { goType: qualifiedGoName(plan.schema.name), kind: 'list' });
      return value.map((one) => convertElement(plan.fields[0]!, one, at));
    case 'schemaOrArray':
      return Array.isArray(value)
        ? value.map((one) => convertMessage(alternative(plan, 0), one ?? {}, at))
        : convertMessage(alternative(plan, 0), value, at);
    case 'schemaOrBool':
      return typeof value === 'boolean' ? value : convertMessage(alternative(plan, 1), value, at);
    case 'schemaOrStringArray':
      return Array.isArray(value)
        ? value.map((one) => convertElement(plan.fields[1]!, one, at))
        : convertMessage(alternative(plan, 0), value, at);
    default:
      // What is frozen nobody changes.
      return Object.isFrozen(value) ? value : copyAny(value, at);
  }
}

function alternative(plan: TypePlan, index: number): TypePlan {
  return plan.fields[index]!.type;
}

function expectString(value: unknown, at: Cursor): string {
  if (typeof value === 'string') return value;
  throw specialMismatch(value, at, { goType: 'string' });
}

/** Runs a parser of text; its SyntaxError is the value's fault. */
function fail(text: string, parse: (text: string) => string): string {
  try {
    return parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new SchemaError('Format', cause.message, { cause });
    throw cause;
  }
}

function convertQuantity(given: unknown): string {
  const value = given instanceof NumberText ? given.text : typeof given === 'bigint' ? String(given) : given;
  if (typeof value !== 'string' && typeof value !== 'number') throw new SchemaError('Format', quantityFormatMessage);
  try {
    return canonicalQuantity(value);
  } catch (cause) {
    if (cause instanceof ParseError) throw new SchemaError('Format', cause.message, { cause });
    throw cause;
  }
}

function convertIntOrString(value: unknown, at: Cursor): number | string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && (value | 0) === value) return value | 0;
  throw specialMismatch(value, at, { goType: 'int32', literal: typeof value === 'number' || isInexact(value) });
}

/** To Go's omitempty, which no struct ever is. */
function isEmpty(field: FieldPlan, value: unknown): boolean {
  if (field.scalar) return value === '' || value === 0 || value === false;
  return field.type.codec === 'items' && (value as unknown[]).length === 0;
}

/** A value without schema, as it is. */
function copyAny(value: unknown, at: Cursor): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof NumberText) return Number(value);
  if (++at.depth > depthMax) throw new SchemaError('Depth', 'exceeded max depth');
  let out: unknown;
  if (Array.isArray(value)) out = value.map((one) => copyAny(one ?? null, at));
  else {
    const input = value as Fields;
    out = {};
    for (const key of Object.keys(input)) {
      const one = input[key];
      if (one !== undefined) setKey(out as Fields, key, copyAny(one, at));
    }
  }
  at.depth--;
  return out;
}

/** A user may name a key `__proto__`, which a plain assignment would take as the prototype. */
function setKey(out: Fields, key: string, value: unknown): void {
  if (key !== '__proto__') out[key] = value;
  else Object.defineProperty(out, key, { value, enumerable: true, configurable: true, writable: true });
}
