/** Reads the body of a PATCH: what it says, and which of its keys are given twice or unknown, in upstream's words. */
import { explainBadJson, findFieldFaults } from '#apimachinery/codec/json-scan.js';
import { parseJson } from '#apimachinery/codec/parse-json.js';
import { jsonKindOf, SchemaError } from '#apimachinery/codec/schema-error.js';
import type { FieldValidation } from '#apimachinery/decode.js';
import { badRequest } from '#apimachinery/errors.js';
import { isObject } from '#apimachinery/patch.js';
import { loading } from '#base/loading.js';
import { inTurns, type Steps, type Turns } from '#base/turns.js';

export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export type PatchType = (typeof patchTypes)[keyof typeof patchTypes];

export interface PatchDocument {
  value: unknown;
  faults: readonly string[];
}

/** Throws a BadRequest StatusError. */
export async function parsePatch(
  bytes: Uint8Array,
  { type, fieldValidation, turns }: { type: PatchType; fieldValidation: FieldValidation; turns: Turns | undefined },
): Promise<PatchDocument> {
  if (type === patchTypes.apply) return parseApplied(bytes);
  return inTurns(parseJsonPatch(bytes, { type, fieldValidation }), turns);
}

function* parseJsonPatch(
  bytes: Uint8Array,
  { type, fieldValidation }: { type: PatchType; fieldValidation: FieldValidation },
): Steps<PatchDocument> {
  const isStrict = fieldValidation !== 'Ignore';
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  try {
    const value = parseJson(text);
    yield;
    if (!isStrict) {
      explainBadJson(text);
      return { value, faults: [] };
    }
    if (type === patchTypes.json) return { value, faults: operationFaults(value, text) };
    if (type === patchTypes.merge && value !== null && !isObject(value)) throw mismatch(value, openMap);
    return { value, faults: findFieldFaults(text, undefined) };
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw badRequest(problemOf(error, { type, isStrict }));
  }
}

/** Each type has its own reader upstream, and each reader its own way to say so. */
function problemOf(error: SchemaError, { type, isStrict }: { type: PatchType; isStrict: boolean }): string {
  if (type === patchTypes.strategic || (type === patchTypes.json && !isStrict)) return error.message;
  return isStrict ? `error decoding patch: ${error.message}` : 'Invalid JSON Patch';
}

const openMap = 'value of type map[string]interface {}';
const operationFields = ['op', 'path', 'from'];
const operationKeys = new Set([...operationFields, 'value']);

/** Throws a SchemaError for what is no list of operations. */
function operationFaults(value: unknown, text: string): string[] {
  if (value !== null && !Array.isArray(value)) throw mismatch(value, 'value of type []handlers.jsonPatchOp');
  const unknown: string[] = [];
  for (const [index, operation] of (value ?? []).entries()) {
    if (operation === null) continue;
    if (!isObject(operation)) throw mismatch(operation, 'value of type handlers.jsonPatchOp');
    for (const name of operationFields) {
      const field = Object.hasOwn(operation, name) ? operation[name] : undefined;
      if (field !== undefined && field !== null && typeof field !== 'string')
        throw mismatch(field, `struct field jsonPatchOp.${name} of type string`);
    }
    for (const key of Object.keys(operation))
      if (!operationKeys.has(key)) unknown.push(`unknown field "[${index}].${key}"`);
  }
  return [...findFieldFaults(text, undefined), ...unknown].map((fault) => `json patch ${fault}`);
}

function mismatch(value: unknown, wanted: string): SchemaError {
  return new SchemaError('TypeMismatch', `json: cannot unmarshal ${jsonKindOf(value)} into Go ${wanted}`);
}

async function parseApplied(bytes: Uint8Array): Promise<PatchDocument> {
  const yaml = await loading(import('./yaml/index.js'));
  try {
    const { value, duplicates } = yaml.readYaml(bytes);
    if (value === null || isObject(value)) return { value: value ?? {}, faults: duplicates };
    const why = `while decoding JSON: json: cannot unmarshal ${jsonKindOf(value)} into Go ${openMap}`;
    throw badRequest(`error decoding YAML: error unmarshaling JSON: ${why}`);
  } catch (error) {
    if (!(error instanceof yaml.YamlError)) throw error;
    throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`);
  }
}
