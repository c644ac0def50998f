/**
 * Turns request bodies into objects: text or bytes to a value, the value to the kind that the endpoint takes, checked
 * and in canonical form. What is wrong is a BadRequest in the words of upstream's decoders
 * (k8s.io/apimachinery `runtime/serializer/json`, `sigs.k8s.io/json`).
 *
 * Whole numbers of 64 bits are kept exactly (`base/exact-json.ts`); other numbers are doubles.
 */
import { toJson } from '#base/exact-json.js';
import { quote } from '#base/go-text.js';
import { type Json, sortKeys } from '#base/json.js';
import { atOnce, isLarge, type Steps } from '#base/turns.js';
import { canonicalize, copyFree } from './codec/canonical.js';
import { canonicalizeLarge } from './codec/canonical-large.js';
import { hasUnknownField, mayHaveFaults } from './codec/census.js';
import { findFieldFaults } from './codec/json-scan.js';
import type { Words } from './codec/mismatch.js';
import { parseJson } from './codec/parse-json.js';
import { planOf, type TypePlan } from './codec/plan.js';
import { jsonKindOf, SchemaError } from './codec/schema-error.js';
import { badRequest, internalError } from './errors.js';
import {
  formatApiVersion,
  type GroupVersionKind,
  type KubeObject,
  type ObjectMeta,
  parseApiVersion,
} from './object.js';
import type { JsonObject } from './patch.js';
import { type Envelope, readEnvelope, readObject } from './protobuf/envelope.js';
import type { SchemaTable } from './schema.js';
import type { Shape } from './structural/shape.js';

/** What becomes of unknown and repeated fields: dropped silently, dropped with a warning, or refused. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface DecodeTarget {
  table: SchemaTable;
  /** The kind that the endpoint takes; the body may leave it out. A kind without a schema passes through unchecked. */
  kind: GroupVersionKind;
  /** The type, for kinds that stand in every group (`DeleteOptions`); the body may then name any group. */
  typeName?: string;
  /** Default: 'Ignore'. */
  fieldValidation?: FieldValidation;
  /** Versions that are not served, but whose objects are taken: they have the same form. */
  takesAlso?: readonly string[] | undefined;
  /** Of a custom resource, in place of a schema in the table. */
  shape?: Shape | undefined;
  /** How a value that does not fit is refused. Default: a BadRequest that names the kind. */
  refuse?: Refuse;
  /** In which words; default: 'json', those of upstream's decoder of bodies. */
  words?: Words;
}

export interface Decoded<T = KubeObject> {
  /** New, in canonical form, with apiVersion and kind set. */
  object: T;
  /** For the Warning header. */
  warnings: string[];
}

/** What is known of a value beside itself. */
export interface Origin {
  /** The bytes that it was read from, for messages. Default: the value as JSON. */
  body?: Uint8Array;
  /** Faults found before, told before the value's own. */
  faults?: readonly string[];
  /** Worth to be taken in steps, which make a small value slower. */
  isLarge?: boolean;
}

/** Decodes a JSON body, which may be large. Throws a BadRequest StatusError. */
export function* decodeJson<T = KubeObject>(body: Uint8Array, target: DecodeTarget): Steps<Decoded<T>> {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  let value: unknown;
  try {
    value = parseJson(text, { texts: !target.shape });
    interpret(value);
  } catch (error) {
    throw unrecognized(error, { target, body });
  }
  yield;
  return yield* decode<T>(value, target, { text, origin: { isLarge: isLarge(body.length) } });
}

/** Decodes a value that was parsed elsewhere (YAML, a patched object, an in-process request), which is left as it is. */
export function decodeValue<T = KubeObject>(value: unknown, target: DecodeTarget, origin?: Origin): Decoded<T> {
  return atOnce(decodeLarge<T>(value, target, origin));
}

/** `decodeValue` of what may be large. */
export function* decodeLarge<T = KubeObject>(
  value: unknown,
  target: DecodeTarget,
  origin: Origin = {},
): Steps<Decoded<T>> {
  try {
    interpret(value);
  } catch (error) {
    if (target.refuse && target.words === 'converter' && error instanceof SchemaError)
      throw target.refuse(error.message);
    throw unrecognized(error, { target, body: origin.body ?? Buffer.from(toJson(value) ?? '') });
  }
  // Text is only needed to word the faults, which most values do not have.
  return yield* decode<T>(value, target, { origin });
}

/** The BadRequest for a body of which, for this cause, not even the kind could be read. */
export function unreadable(cause: string, { target, body }: { target: DecodeTarget; body: Uint8Array }): Error {
  const message = `the object provided is unrecognized (must be of type ${target.kind.kind}): ${cause}`;
  return badRequest(`${message} (${summarize(body)})`);
}

/** Decodes a body of `application/vnd.kubernetes.protobuf`. Throws a BadRequest StatusError. */
export function* decodeProtobuf<T = KubeObject>(body: Uint8Array, target: DecodeTarget): Steps<Decoded<T>> {
  let envelope: Envelope;
  try {
    envelope = readEnvelope(body);
  } catch (error) {
    throw unrecognized(error, { target, body, prefix: '' });
  }
  const actual = withDefaults({ ...envelope }, target);
  const refuse = refusal(actual, target);
  const plan = planFor(actual, target, refuse);
  if (!plan) throw refuse(`object of kind ${actual.kind} does not implement the protobuf marshalling interface`);
  let value: unknown;
  try {
    value = readObject(envelope, { table: target.table, typeName: plan.schema.name });
  } catch (error) {
    throw error instanceof SchemaError ? refuse(error.message) : error;
  }
  // Protobuf fields have numbers: unknown ones have no name to complain of, and a repeated one overwrites.
  yield;
  const origin = { isLarge: isLarge(body.length) };
  return yield* decode<T>(value, { ...target, fieldValidation: 'Ignore' }, { origin });
}

/** Throws where upstream's look for apiVersion and kind fails. */
function interpret(value: unknown): void {
  if (value === null) return;
  if (typeof value !== 'object' || Array.isArray(value)) {
    const goType =
      'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
    throw new SchemaError(
      'TypeMismatch',
      `json: cannot unmarshal ${jsonKindOf(value)} into Go value of type ${goType}`,
    );
  }
  for (const name of ['apiVersion', 'kind'] as const) {
    const given = (value as Record<string, unknown>)[name];
    if (given === undefined || given === null || typeof given === 'string') continue;
    throw new SchemaError(
      'TypeMismatch',
      `json: cannot unmarshal ${jsonKindOf(given)} into Go struct field .${name} of type string`,
    );
  }
  const { apiVersion } = value as { apiVersion?: string | null };
  if (apiVersion && apiVersion.split('/', 3).length > 2)
    throw new SchemaError('Format', `unexpected GroupVersion string: ${apiVersion}`);
}

function* decode<T>(
  value: unknown,
  target: DecodeTarget,
  { text, origin = {} }: { text?: string; origin?: Origin } = {},
): Steps<Decoded<T>> {
  const given = (value ?? {}) as Record<string, unknown>;
  const { fieldValidation = 'Ignore', words } = target;
  if (target.shape)
    return yield* decodeShaped<T>(given as JsonObject, { ...target, shape: target.shape }, { text, origin });
  const actual = withDefaults(given, target);
  const refuse = refusal(actual, target);
  const plan = planFor(actual, target, refuse);
  try {
    const object = (plan ? yield* canonicalOf(plan, given, { words, ...origin }) : copyFree(given)) as JsonObject;
    keepReset(given, object);
    yield;
    const own = fieldValidation === 'Ignore' ? [] : faultsOf(given, { plan, text, words });
    const faults = fieldValidation === 'Ignore' ? [] : [...(origin.faults ?? []), ...own];
    if (faults.length > 0 && fieldValidation === 'Strict') {
      throw refuse(`strict decoding error: ${faults.join(', ')}`);
    }
    checkKind(actual, { target, refuse });
    return { object: withKind(object, actual) as T, warnings: faults };
  } catch (error) {
    throw error instanceof SchemaError ? refuse(error.message) : error;
  }
}

function* canonicalOf(
  plan: TypePlan,
  value: unknown,
  { words, isLarge }: { words: Words | undefined } & Origin,
): Steps<unknown> {
  return isLarge ? yield* canonicalizeLarge(plan, value, { words }) : canonicalize(plan, value, { words });
}

/**
 * A custom resource must say what it is; whether that is what is kept here, its validation tells. Its shape finds the
 * unknown fields, the text those that are given twice.
 */
function* decodeShaped<T>(
  given: JsonObject,
  target: DecodeTarget & { shape: Shape },
  { text, origin }: { text?: string | undefined; origin: Origin },
): Steps<Decoded<T>> {
  const { kind: expected, fieldValidation = 'Ignore' } = target;
  const { apiVersion, kind } = given as { apiVersion?: string | null; kind?: string | null };
  if (!kind) throw kindless(text ?? origin.body?.toString() ?? toJson(given), target);
  const wanted = formatApiVersion(expected);
  if (!apiVersion && target.refuse)
    throw internalError("Object 'apiVersion' is missing in 'object has no apiVersion field'");
  if (apiVersion !== wanted && !target.refuse) throw mismatch(apiVersion ?? '', wanted);
  const refuse = refusal({ ...expected, kind }, target);
  try {
    const object = copyFree(given);
    yield;
    const unknown = yield* takeShape(object, target);
    yield;
    if (fieldValidation === 'Ignore') return { object: object as T, warnings: [] };
    const repeated =
      origin.faults ?? (text === undefined ? [] : faultsOf(given, { plan: undefined, text, words: undefined }));
    const faults = [...repeated, ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`)];
    if (faults.length > 0 && fieldValidation === 'Strict') throw refuse(`strict decoding error: ${faults.join(', ')}`);
    return { object: object as T, warnings: faults };
  } catch (error) {
    throw error instanceof SchemaError ? refuse(error.message) : error;
  }
}

/** What says that it is of another kind or group is left as it is, and of another version has no schema. */
function* takeShape(object: JsonObject, target: DecodeTarget & { shape: Shape }): Steps<string[]> {
  const { kind: expected, shape, words } = target;
  const actual = withDefaults(object, target);
  if (actual.kind !== expected.kind || actual.group !== expected.group) return [];
  if (actual.version === expected.version) return yield* shape.take(object, { keepsNulls: words === 'converter' });
  const unknown = Object.keys(object).filter((name) => name !== 'apiVersion' && name !== 'kind' && name !== 'metadata');
  for (const name of unknown) delete object[name];
  return unknown;
}

function kindless(body: string, target: DecodeTarget): Error {
  const cause = `Object 'Kind' is missing in '${body}'`;
  if (target.refuse) return target.refuse(cause);
  if (target.fieldValidation === 'Ignore') return refusal(target.kind, target)(cause);
  return unreadable(cause, { target, body: Buffer.from(body) });
}

/** What the body leaves out of apiVersion and kind is as the endpoint expects. */
function withDefaults(given: Record<string, unknown>, { kind: expected, takesAlso }: DecodeTarget): GroupVersionKind {
  const { apiVersion, kind } = given as { apiVersion?: string | null; kind?: string | null };
  const { group, version } = apiVersion ? parseApiVersion(apiVersion) : expected;
  if (takesAlso?.includes(version) && group === expected.group && kind === expected.kind) return expected;
  return { group, version, kind: kind || expected.kind };
}

type Refuse = (message: string) => Error;

function refusal(actual: GroupVersionKind, { kind: expected, refuse }: DecodeTarget): Refuse {
  if (refuse) return refuse;
  const start = `${actual.kind} in version ${JSON.stringify(actual.version)} cannot be handled as a ${expected.kind}`;
  return (message) => badRequest(`${start}: ${message}`);
}

/** The schema to read the body by: that of the kind it names, since its own mistakes come before a mismatch. */
function planFor(actual: GroupVersionKind, { table, kind: expected, typeName }: DecodeTarget, refuse: Refuse) {
  if (typeName && actual.kind === expected.kind) return planOf(table, typeName);
  if (typeName) throw refuse(notRegistered(actual, metaScheme));
  const type = table.kind(actual);
  if (type) return planOf(table, type.name);
  if (isSame(actual, expected)) return undefined;
  throw refuse(notRegistered(actual, scheme));
}

function notRegistered({ kind, ...gv }: GroupVersionKind, registry: string): string {
  const version = quote(formatApiVersion(gv));
  return `no kind ${quote(kind)} is registered for version ${version} in scheme ${quote(registry)}`;
}

/** Where upstream keeps the kinds of its groups, and those of all groups. */
const scheme = 'pkg/api/legacyscheme/scheme.go:30';
const metaScheme = 'k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27';

function isSame(a: GroupVersionKind, b: GroupVersionKind): boolean {
  return a.group === b.group && a.version === b.version && a.kind === b.kind;
}

/** A kind that is known but not the endpoint's. */
function checkKind(actual: GroupVersionKind, { target, refuse }: { target: DecodeTarget; refuse: Refuse }): void {
  const expected = target.kind;
  if (isSame(actual, expected) || (target.typeName && actual.kind === expected.kind)) return;
  if (actual.kind === expected.kind && actual.group === expected.group) {
    throw mismatch(formatApiVersion(actual), formatApiVersion(expected));
  }
  const internal = `${expected.group.split('.')[0] || 'core'}.${expected.kind}`;
  throw refuse(`converting (${actual.version}.${actual.kind}) to (${internal}): unknown conversion`);
}

function mismatch(data: string, wanted: string): Error {
  return badRequest(`the API version in the data (${data}) does not match the expected API version (${wanted})`);
}

function faultsOf(
  value: unknown,
  { plan, text, words }: { plan: TypePlan | undefined; text: string | undefined; words: Words | undefined },
): string[] {
  if (text !== undefined) return mayHaveFaults(text, { plan, value }) ? findFieldFaults(text, plan) : [];
  if (!plan || !hasUnknownField(plan, value)) return [];
  // Upstream's YAML and patches go through maps, which come out with their keys in order.
  const faults = findFieldFaults(toJson(sortKeys(value as Json)), plan);
  return words === 'converter' ? faults.sort() : faults;
}

/** An empty list of managedFields, unlike none, says that they shall be forgotten; as does a list of an empty entry. */
function keepReset(given: Record<string, unknown>, object: Record<string, unknown>): void {
  const { managedFields } = (given['metadata'] ?? {}) as ObjectMeta;
  if (!Array.isArray(managedFields) || managedFields.length > 0) return;
  (object['metadata'] as ObjectMeta).managedFields = [{}];
}

function withKind(object: Record<string, unknown>, { kind, ...gv }: GroupVersionKind): Record<string, unknown> {
  if (object['kind'] && object['apiVersion']) return object;
  const identity = { kind, apiVersion: formatApiVersion(gv) };
  return { ...identity, ...object, ...identity };
}

/** For a body of which not even the kind could be read. Upstream shows its start, in hex when it is not an object. */
function unrecognized(
  error: unknown,
  { target, body, prefix = "couldn't get version/kind; json parse error: " }: Unrecognized,
): Error {
  if (!(error instanceof SchemaError)) return error as Error;
  if (target.refuse) return target.refuse(`${prefix}${error.message}`);
  return unreadable(`${prefix}${error.message}`, { target, body });
}

interface Unrecognized {
  target: DecodeTarget;
  body: Uint8Array;
  prefix?: string;
}

const summaryBytesMax = 30;

function summarize(body: Uint8Array): string {
  if (body.length === 0) return '<empty>';
  const start = Buffer.from(body.subarray(0, summaryBytesMax));
  return `${start.toString(body[0] === 0x7b ? 'utf8' : 'hex')}${body.length > summaryBytesMax ? ' ...' : ''}`;
}
