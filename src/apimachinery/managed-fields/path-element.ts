/**
 * One step of a path to a field, in the form that FieldsV1 writes: `f:name` a field, `k:{"name":"web"}` the element of
 * a list with these keys, `v:"x"` the element of a set, `i:0` an index.
 * https://github.com/kubernetes-sigs/structured-merge-diff/tree/master/fieldpath
 */
import { isNumber, parseExact, toJson } from '#base/exact-json.js';
import { escapeHtml } from '#base/go-text.js';
import type { Json } from '#base/json.js';
import { ParseError } from '../parse-error.js';

export type PathElement = string;
export type Path = readonly PathElement[];

export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

export function keyElement(keys: readonly (readonly [name: string, value: Json])[]): PathElement {
  const sorted = keys.length < 2 ? keys : [...keys].sort(([a], [b]) => (a < b ? -1 : 1));
  return `k:{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${goJson(value)}`).join(',')}}`;
}

export function valueElement(value: Json): PathElement {
  return `v:${goJson(value)}`;
}

function goJson(value: Json): string {
  return typeof value === 'string' && plainText.test(value) ? `"${value}"` : escapeHtml(toJson(value));
}

/** What most keys are made of: JSON writes it as it is. */
const plainText = /^[\w./:-]*$/;

/**
 * The element in the one spelling that is compared; undefined for kinds that a later version may have added, which
 * are to be left out. Throws a ParseError.
 */
export function parseElement(text: string): PathElement | undefined {
  if (text[1] !== ':') throw new ParseError('FieldsV1', `missing colon: ${text}`);
  switch (text[0]) {
    case 'f':
      return text;
    case 'k': {
      const keys = parseJson(text);
      if (typeof keys !== 'object' || keys === null || Array.isArray(keys))
        throw new ParseError('FieldsV1', `not an object of keys: ${text}`);
      return keyElement(Object.entries(keys));
    }
    case 'v':
      return valueElement(parseJson(text));
    case 'i':
      if (!/^i:-?\d+$/.test(text)) throw new ParseError('FieldsV1', `not an index: ${text}`);
      return text;
    default:
      return undefined;
  }
}

/** `.spec.containers[name="web"].image`, as messages show it. */
export function formatPath(path: Path): string {
  return path.map(formatElement).join('');
}

export function formatElement(element: PathElement): string {
  const rest = element.slice(2);
  if (element[0] === 'f') return `.${rest}`;
  if (element[0] === 'v') return `[=${rest}]`;
  if (element[0] === 'i') return `[${rest}]`;
  const keys = parseExact(rest) as Record<string, Json>;
  const parts = Object.keys(keys).map((name) => `${name}=${toJson(keys[name])}`);
  return `[${parts.join(',')}]`;
}

/** Fields first, then keys, values and indices: the order of FieldsV1. */
export function sortByElement<T>(entries: [PathElement, T][]): [PathElement, T][] {
  if (entries.length < 2) return entries;
  if (entries.every(([element]) => element[0] === 'f')) return entries.sort(([a], [b]) => (a < b ? -1 : 1));
  // What an element says is read once, not with each comparison.
  const read = entries.map((entry) => ({ entry, content: contentOf(entry[0]) }));
  read.sort(({ entry: [a], content: left }, { entry: [b], content: right }) => {
    if (a[0] !== b[0]) return rank(a) - rank(b);
    if (a[0] === 'f') return a < b ? -1 : 1;
    return a[0] === 'k' ? compareKeys(left as Keys, right as Keys) : compareValues(left as Json, right as Json);
  });
  return read.map(({ entry }) => entry);
}

/** Of keys, their names and values in turn. */
function contentOf(element: PathElement): Keys | Json | undefined {
  if (element[0] === 'f') return undefined;
  const content = parseExact(element.slice(2)) as Json;
  return element[0] === 'k' ? Object.entries(content as Record<string, Json>) : content;
}

type Keys = [name: string, value: Json][];

function rank(element: PathElement): number {
  return 'fkvi'.indexOf(element[0]!);
}

function compareKeys(left: Keys, right: Keys): number {
  const both = Math.min(left.length, right.length);
  for (let index = 0; index < both; index++) {
    const [name, value] = left[index]!;
    const [other, otherValue] = right[index]!;
    if (name !== other) return name < other ? -1 : 1;
    const order = compareValues(value, otherValue);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Numbers before texts before booleans. */
function compareValues(left: Json, right: Json): number {
  // Whole numbers may be bigints.
  if (isNumber(left) && isNumber(right)) return left < right ? -1 : Number(left > right);
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0;
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  return kindRank(left) - kindRank(right);
}

function kindRank(value: Json): number {
  return isNumber(value) ? 0 : ['number', 'string', 'boolean', 'object'].indexOf(typeof value);
}

function parseJson(text: string): Json {
  try {
    return parseExact(text.slice(2)) as Json;
  } catch {
    throw new ParseError('FieldsV1', `not JSON: ${text}`);
  }
}
