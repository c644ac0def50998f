/**
 * Drops the fields that a structural schema does not declare.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning
 */
import type { Json } from '#base/json.js';
import { isObject } from '../patch.js';
import { allowsMore, itemsOf, metaFields, propertyOf, type Schema, valuesOf } from './schema.js';

/** Changes the object. Gives the paths of what was dropped, sorted; apiVersion, kind and metadata at the root stay. */
export function prune(object: Json, schema: Schema): string[] {
  const dropped: string[] = [];
  pruneValue(object, { ...schema, 'x-kubernetes-embedded-resource': true }, { path: '', dropped });
  return dropped.sort();
}

interface Place {
  path: string;
  dropped: string[];
}

function pruneValue(value: Json, schema: Schema | undefined, { path, dropped }: Place): void {
  const keeps = schema?.['x-kubernetes-preserve-unknown-fields'] === true;
  if (Array.isArray(value)) {
    const items = schema && itemsOf(schema);
    // What keeps its unknown fields has elements that do as well, unless they are declared.
    if (keeps && !items) return;
    const inner = keeps ? { ...items, 'x-kubernetes-preserve-unknown-fields': true } : items;
    for (const [index, one] of value.entries()) pruneValue(one, inner, { path: `${path}[${index}]`, dropped });
    return;
  }
  if (!isObject(value)) return;
  for (const name of Object.keys(value)) {
    if (schema?.['x-kubernetes-embedded-resource'] && metaFields.has(name)) continue;
    const inner = { path: path ? `${path}.${name}` : name, dropped };
    const declared = schema && propertyOf(schema, name);
    if (declared) pruneValue(value[name]!, declared, inner);
    else if (schema && allowsMore(schema)) pruneValue(value[name]!, valuesOf(schema), inner);
    else if (!keeps) {
      dropped.push(inner.path);
      delete value[name];
    }
  }
}
