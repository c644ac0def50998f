/**
 * The schemas of custom resources as OpenAPI publishes them: with what every object has, and in version 2 without what
 * that cannot say. (k8s.io/apiextensions-apiserver `pkg/controller/openapi/builder`)
 */
import type { AnyResource } from '#api/resource.js';
import { rulesAt } from '#api/versions.js';
import { objectMetaName } from '#apimachinery/structural/embedded.js';
import type { Schema } from '#apimachinery/structural/schema.js';
import type { Dialect, JsonSchema } from './json-schema.js';
import type { Models } from './models.js';

/** Undefined for a version that any object fits. */
export function customSchema(
  definition: AnyResource,
  version: string,
  { dialect, models }: { dialect: Dialect; models: Models },
): JsonSchema | undefined {
  const { shape } = rulesAt(definition, version);
  if (!shape) return undefined;
  const selectable = selectableFieldsOf(definition, version);
  const { schema } = shape;
  // Whoever names some fields of an object that has others as well makes kubectl refuse those.
  if (!schema || (dialect === 'v2' && schema['x-kubernetes-preserve-unknown-fields']))
    return { type: 'object', ...selectable };
  const writer = new Writer(dialect, models);
  return { ...writer.write({ ...schema, 'x-kubernetes-embedded-resource': false }, true), ...selectable };
}

/** Told of the objects and of their lists. */
export function selectableFieldsOf(definition: AnyResource, version: string): JsonSchema {
  const { selectableFields } = rulesAt(definition, version);
  if (!selectableFields) return {};
  return { 'x-kubernetes-selectable-fields': Object.keys(selectableFields).map((fieldPath) => ({ fieldPath })) };
}

class Writer {
  readonly #dialect: Dialect;
  readonly #models: Models;

  constructor(dialect: Dialect, models: Models) {
    this.#dialect = dialect;
    this.#models = models;
  }

  write(given: Schema, isRoot = false): JsonSchema {
    const schema = this.#dialect === 'v2' ? forV2(given) : unfolded(given);
    const out: JsonSchema = {};
    for (const [name, value] of Object.entries(schema)) {
      if (value === undefined || value === false) continue;
      if (name === 'properties') out[name] = mapValues(value as Record<string, Schema>, (one) => this.write(one));
      else if (name === 'items' || name === 'not') out[name] = this.write(value as Schema);
      else if (name === 'additionalProperties') out[name] = value === true ? true : this.write(value as Schema);
      else if (name === 'allOf' || name === 'anyOf' || name === 'oneOf')
        out[name] = (value as Schema[]).map((one) => this.write(one));
      else out[name] = value;
    }
    const isObject = isRoot || given['x-kubernetes-embedded-resource'] === true;
    const isFree = this.#dialect === 'v2' && given['x-kubernetes-preserve-unknown-fields'] === true;
    if (!isObject || isFree) return out;
    out['properties'] = { ...(out['properties'] as object), ...this.#ofEveryObject() };
    if (!isRoot) out['required'] = [...new Set([...((out['required'] as string[]) ?? []), 'kind', 'apiVersion'])];
    return out;
  }

  #ofEveryObject(): Record<string, JsonSchema> {
    const models = this.#models;
    return {
      apiVersion: { type: 'string', description: models.textOf('apiVersion') },
      kind: { type: 'string', description: models.textOf('kind') },
      metadata: models.describedRef(objectMetaName, models.textOf('metadata')),
    };
  }
}

function mapValues(values: Record<string, Schema>, write: (schema: Schema) => JsonSchema): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, write(value)]));
}

/** An integer or a string is one of two types, where the schema does not say so itself. */
function unfolded(schema: Schema): Schema {
  if (!schema['x-kubernetes-int-or-string']) return schema;
  const types = [{ type: 'integer' }, { type: 'string' }];
  const isTold = (anyOf: readonly Schema[] | undefined) =>
    anyOf?.length === 2 && anyOf[0]?.type === 'integer' && anyOf[1]?.type === 'string';
  if (isTold(schema.anyOf) || isTold(schema.allOf?.[0]?.anyOf)) return schema;
  if (!schema.anyOf) return { ...schema, anyOf: types };
  return { ...schema, allOf: [{ anyOf: types }, ...(schema.allOf ?? [])] };
}

/** Without logic, and without what makes kubectl refuse values that are allowed. */
function forV2(schema: Schema): Schema {
  const { allOf, anyOf, oneOf, not, nullable, default: _, ...rest } = schema;
  const out: Schema = rest;
  const keeps = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (nullable) delete out.type;
  if (nullable || keeps) {
    delete out.items;
    delete out.properties;
  }
  if ((out.type === 'array' && out.items === undefined) || (keeps && out.type === 'object')) delete out.type;
  const nullables = Object.entries(out.properties ?? {}).filter(([, property]) => property.nullable);
  if (nullables.length > 0 && out.required) {
    const names = new Set(nullables.map(([name]) => name));
    out.required = out.required.filter((name) => !names.has(name));
    if (out.required.length === 0) delete out.required;
  }
  return out;
}
