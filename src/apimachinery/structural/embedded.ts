/**
 * Objects of the API inside custom resources (`x-kubernetes-embedded-resource`): their apiVersion, kind and metadata are
 * held to the same form as those of every object.
 */
import type { Json } from '#base/json.js';
import { canonicalize } from '../codec/canonical.js';
import { unknownFields } from '../codec/census.js';
import { planOf, type TypePlan } from '../codec/plan.js';
import { SchemaError } from '../codec/schema-error.js';
import { collect, type FieldError, invalidValue, required } from '../field-error.js';
import { validateObjectMeta } from '../metadata-validation.js';
import { dns1035LabelProblems, pathSegmentProblems } from '../names.js';
import type { ObjectMeta } from '../object.js';
import { isObject, type JsonObject } from '../patch.js';
import type { SchemaTable } from '../schema.js';
import { eachChild, type Schema } from './schema.js';

export const objectMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

export function metadataPlan(table: SchemaTable): TypePlan {
  const plan = planOf(table, objectMetaName);
  if (!plan) throw new TypeError(`the schema table lacks ${objectMetaName}`);
  return plan;
}

/** Metadata in canonical form, and the paths of the fields that there are not. Throws SchemaError. */
export function coerceMetadata(
  metadata: Json,
  { plan, path, lenient = false }: { plan: TypePlan; path: string; lenient?: boolean },
): { metadata: JsonObject; unknown: string[] } {
  const { given, canonical } = lenient
    ? readableFields(metadata, plan)
    : { given: metadata, canonical: read(metadata, plan) };
  if (canonical['creationTimestamp'] === null) delete canonical['creationTimestamp'];
  return { metadata: canonical, unknown: unknownFields(plan, given, path) };
}

function read(metadata: Json, plan: TypePlan): JsonObject {
  return canonicalize(plan, metadata ?? {}) as JsonObject;
}

/** Undefined for what cannot be read. */
function tryRead(metadata: Json, plan: TypePlan): JsonObject | undefined {
  try {
    return read(metadata, plan);
  } catch (error) {
    if (error instanceof SchemaError) return undefined;
    throw error;
  }
}

/** What was stored before metadata was checked: the fields that can be read stay. */
function readableFields(metadata: Json, plan: TypePlan): { given: JsonObject; canonical: JsonObject } {
  const given = isObject(metadata) ? metadata : {};
  const canonical = tryRead(given, plan);
  if (canonical) return { given, canonical };
  const kept = Object.fromEntries(Object.entries(given).filter(([name, value]) => tryRead({ [name]: value }, plan)));
  return { given: kept, canonical: read(kept, plan) };
}

/** Coerces the metadata of all embedded objects, in place; gives the paths of unknown fields. Throws SchemaError. */
export function coerceEmbedded(
  value: Json,
  schema: Schema,
  { plan, lenient = false, path = '' }: { plan: TypePlan; lenient?: boolean; path?: string },
): string[] {
  const unknown: string[] = [];
  if (isObject(value) && schema['x-kubernetes-embedded-resource'])
    unknown.push(...coerceOne(value, { plan, lenient, path }));
  eachChild(value, schema, (child, of, at) => {
    unknown.push(...coerceEmbedded(child, of, { plan, lenient, path: childPath(path, at) }));
  });
  return unknown;
}

function coerceOne(
  object: JsonObject,
  { plan, lenient, path }: { plan: TypePlan; lenient: boolean; path: string },
): string[] {
  for (const name of ['apiVersion', 'kind']) {
    const value = object[name];
    if (value === undefined || typeof value === 'string') continue;
    if (!lenient) throw refusal(`${path}.${name}`, value, 'must be a string');
    delete object[name];
  }
  const metadata = object['metadata'];
  if (metadata === undefined) return [];
  try {
    const coerced = coerceMetadata(metadata, { plan, path: `${path}.metadata`, lenient });
    object['metadata'] = coerced.metadata;
    return coerced.unknown;
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw refusal(`${path}.metadata`, metadata, error.message);
  }
}

function refusal(path: string, value: Json, why: string): SchemaError {
  return new SchemaError('TypeMismatch', invalidValue(path, value, why).message);
}

/** Of all embedded objects. */
export function validateEmbedded(value: Json, schema: Schema, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  if (isObject(value) && schema['x-kubernetes-embedded-resource']) errors.push(...validateOne(value, path));
  eachChild(value, schema, (child, of, at) => errors.push(...validateEmbedded(child, of, childPath(path, at))));
  return errors;
}

function validateOne(object: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { apiVersion, kind, metadata } = object;
  if (apiVersion === undefined) errors.push(required(`${path}.apiVersion`));
  if (kind === undefined) errors.push(required(`${path}.kind`));
  if (apiVersion !== undefined) errors.push(...versionErrors(apiVersion, `${path}.apiVersion`));
  if (kind !== undefined) errors.push(...kindErrors(kind, `${path}.kind`));
  if (isObject(metadata)) {
    const meta = { ...metadata, name: metadata['name'] || 'fakename' } as ObjectMeta;
    const rules = { namespaced: Boolean(meta.namespace), validateName: pathSegmentProblems };
    errors.push(...collect(validateObjectMeta(meta, { ...rules, path: `${path}.metadata` })));
  }
  return errors;
}

function versionErrors(value: Json, path: string): FieldError[] {
  if (typeof value !== 'string') return [invalidValue(path, value, 'must be a string')];
  if (value === '') return [invalidValue(path, value, 'must not be empty')];
  if (value.split('/').length > 2) return [invalidValue(path, value, `unexpected GroupVersion string: ${value}`)];
  return [];
}

function kindErrors(value: Json, path: string): FieldError[] {
  if (typeof value !== 'string') return [invalidValue(path, value, 'must be a string')];
  if (value === '') return [invalidValue(path, value, 'must not be empty')];
  const problems = dns1035LabelProblems(value.toLowerCase());
  if (problems.length === 0) return [];
  return [invalidValue(path, value, `may have mixed case, but should otherwise match: ${problems.join(',')}`)];
}

/** Fields are joined by dots; list elements and keys of maps stand in brackets. */
export function childPath(path: string, { key, declared }: { key: string | number; declared: boolean }): string {
  if (!declared) return `${path}[${key}]`;
  return path ? `${path}.${key}` : String(key);
}
