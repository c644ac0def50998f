/** Which element of a list is which: by its keys, or by its value in a set. */
import type { Json } from '#base/json.js';
import { isObject, type JsonObject } from '../patch.js';
import type { ListModel } from './model.js';
import { keyElement, type PathElement, valueElement } from './path-element.js';

/** An element of a list that has no path; `message` says why. */
export class ElementProblem extends Error {
  override readonly name = 'ElementProblem';
}

/** Throws an ElementProblem. */
export function listElement(list: ListModel, value: Json): PathElement {
  return list.relation === 'map' ? keyedElement(list, value) : setElement(value);
}

function keyedElement(list: ListModel, value: Json): PathElement {
  if (value === null) throw new ElementProblem('associative list with keys may not have a null element');
  if (!isObject(value)) throw new ElementProblem('associative list with keys may not have non-map elements');
  const keys: [string, Json][] = [];
  for (const name of list.keys) {
    const key = keyOf(list, value, name);
    // A key that is missing and has no default tells apart as well.
    if (key !== undefined) keys.push([name, key]);
  }
  if (keys.length === 0) {
    const names = list.keys.map((name) => JSON.stringify(name)).join(' ');
    throw new ElementProblem(
      `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
    );
  }
  return keyElement(keys);
}

function keyOf({ element }: ListModel, value: JsonObject, name: string): Json | undefined {
  if (Object.hasOwn(value, name)) return value[name];
  return element.kind === 'map' ? element.field(name)?.default : undefined;
}

function setElement(value: Json): PathElement {
  if (value === null) throw new ElementProblem("associative list without keys has an element that's an explicit null");
  if (Array.isArray(value)) throw new ElementProblem('not supported: associative list with lists as elements');
  if (typeof value === 'object')
    throw new ElementProblem("associative list without keys has an element that's a map type");
  return valueElement(value);
}
