/**
 * Defaults and nulls by a structural schema.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting-and-nullable
 */
import { copy, type Json } from '#base/json.js';
import { isObject, setKey } from '../patch.js';
import { allowsMore, itemsOf, propertyOf, type Schema, valuesOf } from './schema.js';

/** Fills in what is missing, or null where it may not be, in place. */
export function applyDefaults(value: Json, schema: Schema): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (!items) return;
    for (const [index, one] of value.entries()) {
      if (isForbiddenNull(one, items)) value[index] = copy(items.default ?? null);
      applyDefaults(value[index]!, items);
    }
    return;
  }
  if (!isObject(value)) return;
  const { properties = {} } = schema;
  for (const name of Object.keys(properties)) {
    const property = properties[name]!;
    if (!hasDefault(property)) continue;
    if (!Object.hasOwn(value, name) || isForbiddenNull(value[name]!, property))
      setKey(value, name, copy(property.default!));
  }
  const values = valuesOf(schema);
  for (const name of Object.keys(value)) {
    const declared = propertyOf(schema, name);
    if (!declared && values && isForbiddenNull(value[name]!, values)) setKey(value, name, copy(values.default ?? null));
    const inner = declared ?? values;
    if (inner) applyDefaults(value[name]!, inner);
  }
}

/** Drops nulls that may not be null and have no default, in place: the client means a field that is not set. */
export function dropForbiddenNulls(value: Json, schema: Schema | undefined): void {
  if (Array.isArray(value)) {
    const items = schema && itemsOf(schema);
    for (const one of value) if (typeof one === 'object') dropForbiddenNulls(one, items);
  } else if (isObject(value)) {
    for (const name of Object.keys(value)) {
      const inner = schema && (propertyOf(schema, name) ?? (allowsMore(schema) ? valuesOf(schema) : undefined));
      const one = value[name]!;
      if (typeof one !== 'object') continue;
      if (inner && isForbiddenNull(one, inner) && !hasDefault(inner)) delete value[name];
      else dropForbiddenNulls(one, inner);
    }
  }
}

/** A default of null counts as none. */
export function hasDefault(schema: Schema): boolean {
  return schema.default !== undefined && schema.default !== null;
}

function isForbiddenNull(value: Json, { nullable }: Schema): boolean {
  return value === null && nullable !== true;
}
