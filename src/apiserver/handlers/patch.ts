/**
 * PATCH: JSON patch, merge patch, strategic merge patch and server-side apply, each a change from the object as it is
 * to the object as it shall be. https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-update
 */
import { type Decoded, type DecodeTarget, decodeLarge } from '#apimachinery/decode.js';
import { badRequest, conflict, invalid, isReason, StatusError, unsupportedMediaType } from '#apimachinery/errors.js';
import { invalidValue } from '#apimachinery/field-error.js';
import { applyPatch, describeApplied } from '#apimachinery/managed-fields/apply.js';
import { formatApiVersion, type GroupVersionKind, type KubeObject } from '#apimachinery/object.js';
import { applyJsonPatch, applyMergePatch, isObject, type JsonObject } from '#apimachinery/patch.js';
import { strategicMerge } from '#apimachinery/strategic-merge.js';
import type { Shape } from '#apimachinery/structural/shape.js';
import { toJson } from '#base/exact-json.js';
import { escapeHtml, plain } from '#base/go-text.js';
import { equal, type Json, sortKeys } from '#base/json.js';
import { inTurns, type Steps, turnsFor, turnsForValue } from '#base/turns.js';
import type { Answer } from '../call.js';
import { servesProtobuf } from '../http/protobuf.js';
import { parseMediaType } from '../media-type.js';
import { fieldWriteOf } from '../registry/managed-fields.js';
import type { Change, Write } from '../registry/registry.js';
import { isTrue } from '../request-info.js';
import { checkName, fieldValidationOf, inOne, placeInNamespace } from './body.js';
import { type HandlerContext, keyOf, kindOf } from './context.js';
import { readWrite } from './options.js';
import { type PatchDocument, type PatchType, parsePatch, patchTypes } from './patch-document.js';
import { createNamed } from './write.js';

export interface PatchRequest {
  write: Write;
  isApply: boolean;
  /** Of the kind given; `live` undefined only for an apply that creates. */
  patched(live: KubeObject | undefined, kind: GroupVersionKind): Promise<KubeObject>;
}

export async function patch(context: HandlerContext): Promise<Answer> {
  const { store, resource, info } = context;
  const request = await readPatch(context);
  const key = keyOf(context);
  const kind = kindOf(context);
  const change: Change<KubeObject> = (live) => request.patched(live, kind);
  // A small patch of a large object is a large write.
  request.write.turns ??= turnsFor(store.sizeOf(key));
  const write = { ...request.write, fieldsTracked: request.isApply, leavesLive: true };
  try {
    return { type: 'stored', code: 200, resource, stored: await store.modify(key, change, write) };
  } catch (error) {
    if (!isReason(error, 'NotFound') || !request.isApply || write.subresource) throw error;
    const object = await request.patched(undefined, kind);
    checkUid(context, object);
    return { type: 'stored', code: 201, resource, stored: await createNamed(context, { object, key, write }) };
  }
}

/** Who applies with a uid means the object that has it. */
function checkUid({ resource, info }: HandlerContext, { metadata: { uid } }: KubeObject): void {
  if (!uid) return;
  const { group, plural } = resource;
  const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
  throw conflict({ group, resource: plural, name: info.resource.name }, why);
}

/** Reads the patch; what it does is told by `patched`, which is also where a malformed one fails. Throws StatusError. */
export async function readPatch(context: HandlerContext): Promise<PatchRequest> {
  const { call, resource, info } = context;
  const type = patchTypeOf(context);
  const isApply = type === patchTypes.apply;
  const write = readWrite(context, 'PatchOptions', { isApply });
  const body = await call.readBody();
  const turns = 'bytes' in body ? turnsFor(body.bytes.length) : turnsForValue(body.value);
  write.turns = turns;
  const parsed =
    'value' in body
      ? Promise.resolve({ value: body.value, faults: [] })
      : parsePatch(body.bytes, { type, fieldValidation: fieldValidationOf(context), turns });
  // That there is no such object comes before what is wrong with the patch.
  await parsed.then(
    ({ value }) => context.record?.patch(value),
    () => {},
  );
  const place = { namespaced: resource.namespaced, namespace: info.resource.namespace };
  return {
    write,
    isApply,
    async patched(live, kind) {
      const patch = await parsed;
      const object =
        isApply || !live
          ? await apply(context, { live, patch, kind, write })
          : await inTurns(merge(context, { live, patch, type, kind, isLarge: Boolean(write.turns) }), write.turns);
      placeInNamespace(object, place);
      checkName(object, info.resource.name, { required: true });
      return object;
    },
  };
}

/** Throws StatusError (415). */
export function patchTypeOf(context: HandlerContext): PatchType {
  const { call, resource, schemas } = context;
  const { type } = parseMediaType(call.headers['content-type'] ?? '');
  if (isPatchType(type) && !(resource.shape && type === patchTypes.strategic)) return type;
  throw unknownPatchType(servesProtobuf(schemas, kindOf(context)));
}

function isPatchType(type: string): type is PatchType {
  return (Object.values(patchTypes) as string[]).includes(type);
}

/** Two routers answer this upstream: one for kinds with a Go type, one for custom resources. */
function unknownPatchType(isTyped: boolean): StatusError {
  if (isTyped)
    return new StatusError({ reason: 'UnsupportedMediaType', message: '415: Unsupported Media Type', details: {} });
  return unsupportedMediaType(Object.values(patchTypes).filter((type) => type !== patchTypes.strategic));
}

interface Merge {
  live: KubeObject;
  patch: PatchDocument;
  type: PatchType;
  kind: GroupVersionKind;
  isLarge: boolean;
}

function* merge(context: HandlerContext, { live, patch, type, kind, isLarge }: Merge): Steps<KubeObject> {
  const { schemas } = context;
  const before = live as unknown as JsonObject;
  let after: Json;
  if (type === patchTypes.json) after = applyJsonPatch(before, patch.value);
  else if (type === patchTypes.merge) after = applyMergePatch(before, patch.value);
  else after = ofKind(yield* strategicMerge(before, patch.value, { table: schemas, type: schemas.kind(kind) }), before);
  const isStrategic = type === patchTypes.strategic;
  const isShaped = shapeOf(context, kind.kind) !== undefined;
  const shown = () => (isStrategic ? plain(patch.value as Json) : escapeHtml(goJson(after, isShaped ? {} : before)));
  const target: DecodeTarget = {
    table: schemas,
    kind,
    shape: shapeOf(context, kind.kind),
    fieldValidation: fieldValidationOf(context),
    words: isStrategic ? 'converter' : 'json',
    refuse: (message) => invalid({ group: '', kind: '', name: '' }, [invalidValue('patch', shown(), message)]),
  };
  yield;
  return told(context, yield* decodeLarge(after, target, { faults: patch.faults, isLarge }));
}

/** Upstream knows by Go's type what a strategic patch gives, whatever else that says it is. */
function ofKind(after: JsonObject, before: JsonObject): JsonObject {
  const { kind, apiVersion } = before;
  const isText = typeof after['kind'] === 'string' && typeof after['apiVersion'] === 'string';
  return isText ? Object.assign(after, { kind, apiVersion }) : after;
}

/** Of a custom resource itself; its scale is of a built-in kind. */
function shapeOf({ resource }: HandlerContext, kind: string): Shape | undefined {
  return kind === resource.kind ? resource.shape : undefined;
}

/**
 * As upstream's patch library writes the outcome: maps that changed have their keys in order, as those of custom
 * resources always have.
 */
function goJson(after: Json, before: JsonObject): string {
  if (!isObject(after)) return toJson(after);
  const fields = Object.keys(after)
    .sort()
    .map((key) => [key, equal(after[key], before[key]) ? after[key] : sortKeys(after[key]!)]);
  return toJson(Object.fromEntries(fields));
}

/** The decoded object, whose warnings are told. */
function told({ warn }: HandlerContext, { object, warnings }: Decoded): KubeObject {
  for (const text of warnings) warn(text);
  object.metadata ??= {};
  return object;
}

async function apply(
  context: HandlerContext,
  {
    live,
    patch,
    kind: gvk,
    write,
  }: { live: KubeObject | undefined; patch: PatchDocument; kind: GroupVersionKind; write: Write },
): Promise<KubeObject> {
  const { schemas, resource, clock, info } = context;
  const applied = patch.value as JsonObject;
  const { kind } = gvk;
  const target: DecodeTarget = { table: schemas, kind: gvk, shape: shapeOf(context, kind) };
  const apiVersion = formatApiVersion(gvk);
  const fieldWrite = fieldWriteOf(resource, { schemas, clock, write, apiVersion });
  // A Scale has managers of its own, who know it in one version.
  const own = { schema: { table: schemas, type: schemas.kind(gvk) }, versions: undefined };
  const { object } = await applyPatch({
    ...fieldWrite,
    ...(kind === resource.kind ? {} : own),
    live,
    applied,
    kind,
    force: isTrue(info.query.get('force')),
  });
  tellDuplicates(context, patch.faults);
  const about = describeApplied(applied);
  const refuse = (why: string) => {
    const message = `failed to convert new object (${about}) to proper version: unable to convert unstructured object to ${about.split('; ')[1]}: ${why}`;
    return new StatusError({ message, code: 500 });
  };
  const { turns } = write;
  const decoded = decodeLarge(object, { ...target, words: 'converter', refuse }, { isLarge: Boolean(turns) });
  return told(context, await inTurns(decoded, turns));
}

/** Keys that an applied document gives twice come to light when it has been applied. */
function tellDuplicates(context: HandlerContext, duplicates: readonly string[]): void {
  const fieldValidation = fieldValidationOf(context);
  if (fieldValidation === 'Ignore') return;
  const [all] = inOne(duplicates);
  if (all && fieldValidation === 'Strict')
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${all}`);
  for (const text of duplicates) context.warn(text);
}
