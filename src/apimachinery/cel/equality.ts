/** When two values are equal, and which comes first. Numbers of different types compare by their amounts. */

import { Type } from './types.js';
import {
  CelError,
  CelMap,
  Double,
  Duration,
  List,
  noSuchOverload,
  Opaque,
  Optional,
  type Result,
  Timestamp,
  Uint,
  type Value,
} from './values.js';

/** Lists and maps that come from an object with a schema have equality of their own: sets know no order. */
export interface OwnEquality {
  equals(other: Value): boolean | CelError;
}

export function equalValues(a: Result, b: Result): boolean | CelError {
  if (a === b) return !(a instanceof Double && Number.isNaN(a.value));
  if (a instanceof CelError) return a;
  if (b instanceof CelError) return b;
  if (a === null || b === null) return false;
  switch (typeof a) {
    case 'string':
    case 'boolean':
      return false;
    case 'number':
    case 'bigint':
      return typeof b === 'object' && compareNumbers(a, b) === 0;
  }
  if (a instanceof Double || a instanceof Uint) return compareNumbers(a, b) === 0;
  if (a instanceof List) return 'equals' in a ? (a as List & OwnEquality).equals(b) : equalLists(a, b);
  if (a instanceof CelMap) return 'equals' in a ? (a as CelMap & OwnEquality).equals(b) : equalMaps(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.seconds === b.seconds && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof Optional) return equalOptionals(a, b);
  if (a instanceof Opaque) return a.equals(b);
  return b instanceof Type && a.name === b.name;
}

function equalOptionals(a: Optional, b: Value): boolean | CelError {
  if (!(b instanceof Optional)) return false;
  if (a.value === undefined || b.value === undefined) return a.value === b.value;
  return equalValues(a.value, b.value);
}

function equalLists(a: List, b: Value): boolean | CelError {
  if (!(b instanceof List) || a.size !== b.size) return false;
  for (let i = 0; i < a.size; i++) if (equalValues(a.at(i), b.at(i)) === false) return false;
  return true;
}

function equalMaps(a: CelMap, b: Value): boolean | CelError {
  if (!(b instanceof CelMap) || a.size !== b.size) return false;
  for (const key of a.keys()) {
    const other = b.find(key);
    if (other === undefined || equalValues(a.find(key)!, other) === false) return false;
  }
  return true;
}

export type Order = -1 | 0 | 1;

const order = (isLess: boolean, isMore: boolean): Order => (isLess ? -1 : isMore ? 1 : 0);

/** Undefined where one is no number, or is not comparable. */
function compareNumbers(a: Value, b: Value): Order | undefined {
  const left = amountOf(a);
  const right = amountOf(b);
  if (left === undefined || right === undefined || Number.isNaN(left) || Number.isNaN(right)) return undefined;
  // A double is compared with an integer as doubles, like upstream: precision is lost, and large integers are equal.
  if (a instanceof Double !== b instanceof Double && typeof left !== typeof right)
    return order(Number(left) < Number(right), Number(left) > Number(right));
  return order(left < right, left > right);
}

function amountOf(value: Value): number | bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  return value instanceof Double || value instanceof Uint ? value.value : undefined;
}

/** The order of two values of one type, or of two numbers. */
export function compareValues(a: Value, b: Value): Order | CelError {
  if (typeof a === 'number' && typeof b === 'number') return order(a < b, a > b);
  if (typeof a === 'string') return typeof b === 'string' ? compareTexts(a, b) : noSuchOverload;
  if (typeof a === 'boolean') return typeof b === 'boolean' ? order(!a && b, a && !b) : noSuchOverload;
  if (amountOf(a) !== undefined) {
    if (amountOf(b) === undefined) return noSuchOverload;
    return compareNumbers(a, b) ?? new CelError('NaN values cannot be ordered');
  }
  if (a instanceof Timestamp && b instanceof Timestamp)
    return order(
      a.seconds < b.seconds || (a.seconds === b.seconds && a.nanos < b.nanos),
      a.seconds > b.seconds || (a.seconds === b.seconds && a.nanos > b.nanos),
    );
  if (a instanceof Duration && b instanceof Duration) return order(a.nanos < b.nanos, a.nanos > b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return noSuchOverload;
}

/** By code points, as bytes of UTF-8 sort; JavaScript's order differs beyond U+D800. */
function compareTexts(a: string, b: string): Order {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    if (left >= 0xd800 && right >= 0xd800) {
      const [x, y] = [isSurrogate(left), isSurrogate(right)];
      if (x !== y) return x ? 1 : -1;
    }
    return left < right ? -1 : 1;
  }
  return order(a.length < b.length, true);
}

const isSurrogate = (unit: number): boolean => unit < 0xe000;
