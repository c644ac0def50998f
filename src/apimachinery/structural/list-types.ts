/** That lists which are sets or maps (`x-kubernetes-list-type`) have no element twice. */
import type { Json } from '#base/json.js';
import { duplicate, type FieldError, invalidValue } from '../field-error.js';
import { isObject, type JsonObject } from '../patch.js';
import { childPath } from './embedded.js';
import { eachChild, type Schema } from './schema.js';

export function validateListTypes(value: Json, schema: Schema, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  if (Array.isArray(value)) {
    if (schema['x-kubernetes-list-type'] === 'set') errors.push(...repeated(value, value, path));
    else if (schema['x-kubernetes-list-type'] === 'map')
      errors.push(...repeatedKeys(value, schema['x-kubernetes-list-map-keys'] ?? [], path));
  }
  eachChild(value, schema, (child, of, at) => {
    if (typeof child === 'object' && child !== null) errors.push(...validateListTypes(child, of, childPath(path, at)));
  });
  return errors;
}

/** Each value that stands more than once is told once, where it stands again. */
function repeated(values: readonly Json[], shown: readonly Json[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Map<string, number>();
  for (const [index, value] of values.entries()) {
    const text = JSON.stringify(sorted(value));
    const times = seen.get(text) ?? 0;
    seen.set(text, times + 1);
    if (times === 1) errors.push(duplicate(`${path}[${index}]`, shown[index]));
  }
  return errors;
}

function repeatedKeys(values: readonly Json[], names: readonly string[], path: string): FieldError[] {
  for (const [index, value] of values.entries())
    if (value !== null && !isObject(value))
      return [invalidValue(`${path}[${index}]`, value, 'must be an object for an array of list-type map')];
  const keys = values.map((value) => {
    const key: JsonObject = {};
    if (isObject(value)) for (const name of names) if (Object.hasOwn(value, name)) key[name] = value[name]!;
    return key;
  });
  return repeated(keys, keys.map(sorted), path);
}

/** As Go writes a map. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key]!)]),
  );
}
