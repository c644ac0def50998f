/** That the defaults of a schema satisfy it, and have nothing that would be pruned. */
import type { JSONSchemaProps } from '#api/gen/apiextensions-v1.js';
import { type FieldError, invalidValue } from '#apimachinery/field-error.js';
import { isObject } from '#apimachinery/patch.js';
import { validateEmbedded } from '#apimachinery/structural/embedded.js';
import { recentPatterns } from '#apimachinery/structural/patterns.js';
import { prune } from '#apimachinery/structural/prune.js';
import { itemsOf, metaFields, type Schema, visitSchemas } from '#apimachinery/structural/schema.js';
import { validateValue } from '#apimachinery/structural/validate.js';
import { copy, type Json } from '#base/json.js';
import type { FieldErrors } from '../meta/check.js';

export function defaultErrors(schema: Schema, { path, pruned }: { path: string; pruned: boolean }): FieldErrors {
  return errorsBelow({ ...schema, 'x-kubernetes-embedded-resource': true }, { path, pruned, insideMeta: false });
}

/** Defaults of the values of maps are not followed: they are not allowed. */
function* errorsBelow(
  schema: Schema,
  { path, pruned, insideMeta }: { path: string; pruned: boolean; insideMeta: boolean },
): FieldErrors {
  if (schema.default !== undefined && schema.default !== null)
    yield* errorsOf(schema.default, schema, { path: `${path}.default`, pruned: pruned && !insideMeta });
  const items = itemsOf(schema);
  if (items) yield* errorsBelow(items, { path: `${path}.items`, pruned, insideMeta });
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isMeta = schema['x-kubernetes-embedded-resource'] === true && metaFields.has(name);
    yield* errorsBelow(property, { path: `${path}.properties[${name}]`, pruned, insideMeta: insideMeta || isMeta });
  }
}

function errorsOf(value: Json, schema: Schema, { path, pruned }: { path: string; pruned: boolean }): FieldError[] {
  const errors: FieldError[] = [];
  if (pruned && loses(value, schema)) errors.push(invalidValue(path, value, 'must not have unknown fields'));
  const embedded = validateEmbedded(value, schema, path);
  if (embedded.length > 0) return [...errors, ...embedded];
  return [...errors, ...validateValue(value, schema, { patterns: recentPatterns, base: path })];
}

function loses(value: Json, schema: Schema): boolean {
  if (isObject(value) && schema['x-kubernetes-embedded-resource']) return prune(copy(value), schema).length > 0;
  // Within a list, so that apiVersion, kind and metadata are fields like others.
  const wrapper: Schema = { type: 'object', properties: { value: schema } };
  return prune({ value: copy(value) }, wrapper).length > 0;
}

/** Whether some default has what would be pruned. */
export function hasUnprunedDefault(whole: JSONSchemaProps): boolean {
  let found = false;
  visitSchemas(whole as Schema, (schema) => {
    if (schema.default !== undefined && schema.default !== null) found ||= loses(schema.default, schema);
  });
  return found;
}
