/**
 * PATCH: JSON patch, merge patch, strategic merge patch and server-side apply, each a change from the object as it is
 * to the object as it shall be. https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-update
 */

import { findFieldFaults } from '#apimachinery/codec/json-scan.js';
import { decodeValue } from '#apimachinery/decode.js';
import { badRequest, invalid, isReason, unsupportedMediaType } from '#apimachinery/errors.js';
import { invalidValue } from '#apimachinery/field-error.js';
import { applyPatch } from '#apimachinery/managed-fields/apply.js';
import type { GroupVersionKind, KubeObject } from '#apimachinery/object.js';
import { applyJsonPatch, applyMergePatch, isObject, type JsonObject } from '#apimachinery/patch.js';
import { applyStrategicMergePatch } from '#apimachinery/strategic-merge.js';
import type { Json } from '#base/json.js';
import type { Answer } from '../call.js';
import { parseMediaType } from '../media-type.js';
import { fieldWriteOf } from '../registry/managed-fields.js';
import type { Change, Write } from '../registry/registry.js';
import { isTrue } from '../request-info.js';
import { checkName, fieldValidationOf, inOne, placeInNamespace } from './body.js';
import { apiVersionOf, type HandlerContext, keyOf } from './context.js';
import { readWrite } from './options.js';
import { createNamed } from './write.js';

const applyType = 'application/apply-patch+yaml';
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  applyType,
];

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
  const kind = { ...info.resource, kind: resource.kind };
  const change: Change<KubeObject> = (live) => request.patched(live, kind);
  const write = { ...request.write, fieldsTracked: request.isApply };
  try {
    return { type: 'stored', code: 200, resource, stored: await store.modify(key, change, write) };
  } catch (error) {
    if (!isReason(error, 'NotFound') || !request.isApply || write.subresource) throw error;
    const object = await request.patched(undefined, kind);
    delete object.metadata.resourceVersion;
    return { type: 'stored', code: 201, resource, stored: await createNamed(context, { object, key, write }) };
  }
}

/** Reads the patch; what it does is told by `patched`. Throws StatusError. */
export async function readPatch(context: HandlerContext): Promise<PatchRequest> {
  const { call, resource, info } = context;
  const { type } = parseMediaType(call.headers['content-type'] ?? '');
  if (!patchTypes.includes(type)) throw unsupportedMediaType(patchTypes);
  const isApply = type === applyType;
  const write = readWrite(context, 'PatchOptions', { isApply });
  const body = await call.readBody();
  const patch: Patch = 'value' in body ? { document: body.value, faults: [] } : await parsePatch(body.bytes, type);
  context.record?.patch(patch.document);
  const place = { namespaced: resource.namespaced, namespace: info.resource.namespace };
  const finish = (object: KubeObject) => {
    placeInNamespace(object, place);
    checkName(object, info.resource.name);
    return object;
  };
  const patched = async (live: KubeObject | undefined, kind: GroupVersionKind) =>
    isApply || !live
      ? apply(context, { live, patch, kind: kind.kind, write })
      : merge(context, { live, patch, type, kind });
  return { write, isApply, patched: async (live, kind) => finish(await patched(live, kind)) };
}

function merge(
  context: HandlerContext,
  { live, patch, type, kind }: { live: KubeObject; patch: Patch; type: string; kind: GroupVersionKind },
): KubeObject {
  const { schemas, warn } = context;
  const { document, faults } = patch;
  const before = live as unknown as JsonObject;
  let after: Json;
  if (type === patchTypes[0]) after = applyJsonPatch(before, document);
  else if (type === patchTypes[1]) after = applyMergePatch(before, document);
  else after = applyStrategicMergePatch(before, document, { table: schemas, type: schemas.kind(kind) });
  const shown = type === patchTypes[2] ? goText(document) : JSON.stringify(after);
  const refuse = (message: string) =>
    invalid({ group: '', kind: '', name: '' }, [invalidValue('patch', shown, message)]);
  const decoded = decodeValue(
    after,
    { table: schemas, kind, fieldValidation: fieldValidationOf(context), refuse },
    { faults },
  );
  for (const text of decoded.warnings) warn(text);
  decoded.object.metadata ??= {};
  return decoded.object;
}

/** A strategic merge patch as upstream's messages show it: Go's %+v of a map. */
function goText(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const fields = Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${fields.map(([name, field]) => `${name}:${goText(field)}`).join(' ')}]`;
}

async function apply(
  context: HandlerContext,
  { live, patch, kind, write }: { live?: KubeObject; patch: Patch; kind: string; write: Write },
): Promise<KubeObject> {
  const { schemas, resource, clock, info } = context;
  const applied = patch.document as JsonObject;
  // Faults of the applied fields are told; what comes out is decoded to be whole.
  const target = { table: schemas, kind: { ...info.resource, kind } };
  for (const text of decodeValue(applied, { ...target, fieldValidation: fieldValidationOf(context) }).warnings)
    context.warn(text);
  const { object } = await applyPatch({
    ...fieldWriteOf(resource, { schemas, clock, write, apiVersion: apiVersionOf(context) }),
    live,
    applied,
    kind,
    force: isTrue(info.query.get('force')),
  });
  tellDuplicates(context, patch.faults);
  const decoded = decodeValue(object, target).object;
  decoded.metadata ??= {};
  return decoded;
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

interface Patch {
  document: unknown;
  /** Keys given twice. */
  faults: readonly string[];
}

async function parsePatch(bytes: Uint8Array, type: string): Promise<Patch> {
  if (type === applyType) return parseApplied(bytes);
  const text = Buffer.from(bytes).toString();
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw badRequest(`error decoding patch: ${(error as Error).message}`);
  }
  const faults = findFieldFaults(text, undefined);
  return { document, faults: type === patchTypes[0] ? faults.map((fault) => `json patch ${fault}`) : faults };
}

async function parseApplied(bytes: Uint8Array): Promise<Patch> {
  const yaml = await import('./yaml.js');
  try {
    const { value, duplicates } = yaml.readYaml(bytes);
    if (isObject(value)) return { document: value, faults: duplicates };
    const kind = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
    const why = `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`;
    throw badRequest(`error decoding YAML: error unmarshaling JSON: ${why}`);
  } catch (error) {
    if (!(error instanceof yaml.YamlError)) throw error;
    throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`);
  }
}
