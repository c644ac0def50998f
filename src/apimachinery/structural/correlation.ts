/**
 * Which part of the old object a part of the new one is compared with: fields by name, elements of lists that are maps
 * by their keys, and nothing in other lists. What is equal to its counterpart need not satisfy rules that came later.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting
 */
import { equal, type Json } from '#base/json.js';
import { isObject } from '../patch.js';
import { itemsOf, propertyOf, type Schema, valuesOf } from './schema.js';

export class Correlation {
  readonly value: Json;
  readonly old: Json;
  readonly #schema: Schema;
  #equal: boolean | undefined;
  #counterpart: ((element: Json) => Json | undefined) | undefined;

  constructor({ value, old, schema }: { value: Json; old: Json; schema: Schema }) {
    this.value = value;
    this.old = old;
    this.#schema = schema;
  }

  get isUnchanged(): boolean {
    this.#equal ??= equal(this.value, this.old);
    return this.#equal;
  }

  key(name: string): Correlation | undefined {
    const { value, old } = this;
    if (!isObject(value) || !isObject(old) || !Object.hasOwn(value, name) || !Object.hasOwn(old, name))
      return undefined;
    const schema = propertyOf(this.#schema, name) ?? valuesOf(this.#schema);
    return schema && new Correlation({ value: value[name]!, old: old[name]!, schema });
  }

  index(index: number): Correlation | undefined {
    const { value, old } = this;
    const schema = itemsOf(this.#schema);
    if (!schema || !Array.isArray(value)) return undefined;
    this.#counterpart ??= counterparts(old, this.#schema);
    const counterpart = this.#counterpart(value[index]!);
    return counterpart === undefined ? undefined : new Correlation({ value: value[index]!, old: counterpart, schema });
  }
}

const none = (): undefined => undefined;

/** Finds what elements of a list that is a map were before: the first with the same keys. */
export function counterparts(old: Json | undefined, schema: Schema): (element: Json) => Json | undefined {
  const names = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-list-type'] !== 'map' || names.length === 0 || !Array.isArray(old)) return none;
  const elements = new Map<string, Json>();
  for (const element of old) {
    const key = keyText(element, names);
    if (key !== undefined && !elements.has(key)) elements.set(key, element);
  }
  return (element) => {
    const key = keyText(element, names);
    return key === undefined ? undefined : elements.get(key);
  };
}

/** Undefined for an element without all keys. */
function keyText(element: Json, names: readonly string[]): string | undefined {
  if (!isObject(element)) return undefined;
  const keys = names.map((name) => (Object.hasOwn(element, name) ? element[name] : undefined));
  return keys.every((key) => key !== null && ['string', 'number', 'boolean'].includes(typeof key))
    ? JSON.stringify(keys)
    : undefined;
}
