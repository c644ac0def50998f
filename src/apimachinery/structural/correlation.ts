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
  #elements: Map<string, Json> | undefined;

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
    const names = this.#schema['x-kubernetes-list-map-keys'] ?? [];
    if (!schema || this.#schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(value) || !Array.isArray(old))
      return undefined;
    this.#elements ??= new Map(old.map((one) => [keyText(one, names), one]));
    const counterpart = this.#elements.get(keyText(value[index]!, names));
    return counterpart === undefined ? undefined : new Correlation({ value: value[index]!, old: counterpart, schema });
  }
}

function keyText(value: Json, names: readonly string[]): string {
  return JSON.stringify(isObject(value) ? names.map((name) => value[name] ?? null) : null);
}
