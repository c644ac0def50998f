/** Turns a request's body into an object of the kind that its path takes. */
import {
  type Decoded,
  type DecodeTarget,
  decodeJson,
  decodeLarge,
  decodeProtobuf,
  type FieldValidation,
  unreadable,
} from '#apimachinery/decode.js';
import { badRequest, unsupportedMediaType } from '#apimachinery/errors.js';
import type { GroupVersionKind, KubeObject } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Shape } from '#apimachinery/structural/shape.js';
import { loading } from '#base/loading.js';
import { inTurns, type Turns, turnsFor, turnsForValue } from '#base/turns.js';
import type { CallBody } from '../call.js';
import { contentTypes } from '../media.js';
import { parseMediaType } from '../media-type.js';
import { type HandlerContext, kindOf } from './context.js';
import type { YamlDocument } from './yaml/index.js';

export interface BodyTarget {
  kind: GroupVersionKind;
  typeName?: string;
  shape?: Shape | undefined;
  takesAlso?: readonly string[] | undefined;
  /** Default: what the request asks for. */
  fieldValidation?: FieldValidation;
  refuse?: DecodeTarget['refuse'];
  /** What the audit shows of it, which upstream's decoder has filled in already. */
  setDefaults?: ((object: KubeObject) => void) | undefined;
}

/** Of the resource itself, in the version of the request. */
export function bodyTargetOf(context: HandlerContext): BodyTarget {
  const { shape, default: setDefaults } = context.resource;
  return { kind: kindOf(context), shape, setDefaults };
}

/** Throws StatusError: 400 for a body that cannot be read, 413 for a large one, 415 for an unknown media type. */
export async function readObject(context: HandlerContext, target: BodyTarget): Promise<KubeObject> {
  const reading = context.call.readBody();
  return decodeBody(reading instanceof Promise ? await reading : reading, { ...target, context });
}

/** Undefined for an empty body. */
export async function readOptionalObject(context: HandlerContext, target: BodyTarget): Promise<KubeObject | undefined> {
  const body = await context.call.readBody();
  const isEmpty = 'bytes' in body ? body.bytes.length === 0 : body.value === undefined;
  return isEmpty ? undefined : decodeBody(body, { ...target, context });
}

function decodeBody(
  body: CallBody,
  { context, setDefaults, ...target }: BodyTarget & { context: HandlerContext },
): KubeObject | Promise<KubeObject> {
  const taken = ({ object, warnings }: Decoded) => {
    for (const text of warnings) context.warn(text);
    object.metadata ??= {};
    context.record?.request(object, setDefaults);
    return object;
  };
  const decoding = decode(
    body,
    { fieldValidation: fieldValidationOf(context), ...target, table: context.schemas },
    context,
  );
  return decoding instanceof Promise ? decoding.then(taken) : taken(decoding);
}

function decode(body: CallBody, target: DecodeTarget, context: HandlerContext): Decoded | Promise<Decoded> {
  if ('value' in body) {
    const turns = (context.turns ??= turnsForValue(body.value));
    return inTurns(decodeLarge(body.value, target, { isLarge: Boolean(turns) }), turns);
  }
  const turns = (context.turns = turnsFor(body.bytes.length) ?? context.turns);
  const type = mediaTypeOf(context);
  if (type === contentTypes.json) return inTurns(decodeJson(body.bytes, target), turns);
  if (type === contentTypes.protobuf) return inTurns(decodeProtobuf(body.bytes, target), turns);
  return decodeYaml(body.bytes, target, turns);
}

/** Of the body; JSON where nothing is said. Throws StatusError (415). */
export function mediaTypeOf({ call }: HandlerContext): string {
  const type = parseMediaType(call.headers['content-type'] ?? '').type || contentTypes.json;
  const known: string[] = Object.values(contentTypes);
  if (!known.includes(type)) throw unsupportedMediaType(known);
  return type;
}

/** A body of a caller in this process is our own components': they are typed. */
export function fieldValidationOf({ info, call }: HandlerContext): FieldValidation {
  const asked = info.query.get('fieldValidation');
  if (asked) return asked as FieldValidation;
  return call.user ? 'Ignore' : 'Warn';
}

async function decodeYaml(bytes: Uint8Array, target: DecodeTarget, turns: Turns | undefined): Promise<Decoded> {
  const yaml = await loading(import('./yaml/index.js'));
  let document: YamlDocument;
  try {
    document = yaml.readYaml(bytes);
  } catch (error) {
    if (error instanceof yaml.YamlError) throw unreadable(error.message, { target, body: bytes });
    throw error;
  }
  if (turns?.isOver) await turns.next();
  const { value, duplicates } = document;
  const isStrict = target.fieldValidation === 'Strict';
  const faults = isStrict ? inOne(duplicates) : duplicates;
  return inTurns(decodeLarge(value, target, { body: bytes, faults, isLarge: Boolean(turns) }), turns);
}

/** Go's yaml tells of all in one error. */
export function inOne(duplicates: readonly string[]): string[] {
  if (duplicates.length === 0) return [];
  return [`yaml: unmarshal errors:\n${duplicates.map((text) => `  ${text}`).join('\n')}`];
}

/** Makes the object's namespace that of the path. Throws StatusError (400) when it says otherwise. */
export function placeInNamespace(
  object: KubeObject,
  { namespaced, namespace }: { namespaced: boolean; namespace: string },
) {
  if (!namespaced) delete object.metadata.namespace;
  else if (!object.metadata.namespace) object.metadata.namespace = namespace;
  else if (object.metadata.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** Throws StatusError (400) when the object has a name that is not the path's, or has none where it must. */
export function checkName(object: KubeObject, name: string, { required = false } = {}): void {
  const given = object.metadata.name;
  if (!given && required)
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  if (given && given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
}

export function targetOf(schemas: SchemaTable, kind: GroupVersionKind): BodyTarget {
  return {
    kind,
    typeName: schemas.kind(kind) ? undefined : schemas.kind({ ...kind, group: 'meta.k8s.io', version: 'v1' })?.name,
  };
}
