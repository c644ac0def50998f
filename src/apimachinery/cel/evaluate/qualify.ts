/** Reading a field, an element or an entry of a value: `a.b`, `a[b]`, and whether it is there. */
import { toText } from '../conversions.js';
import { CelError, CelMap, Double, isInt, List, type Result, typeOfValue, Uint, type Value } from '../values.js';

/** An error where there is no such field, element or entry. */
export function qualify(value: Value, key: Value): Result {
  const found = qualifyIfPresent(value, key);
  if (found !== undefined) return found;
  const unset = value instanceof CelMap ? value.unset(key) : undefined;
  if (unset !== undefined) return unset;
  return new CelError(`${value instanceof List ? 'index out of bounds' : 'no such key'}: ${shown(key)}`);
}

/** Undefined where there is no such field, element or entry. */
export function qualifyIfPresent(value: Value, key: Value): Result | undefined {
  if (value instanceof CelMap) return value.find(key);
  if (!(value instanceof List)) return undefined;
  const index = indexOf(key);
  if (index instanceof CelError) return index;
  return index >= 0 && index < value.size ? value.at(index) : undefined;
}

function indexOf(key: Value): number | CelError {
  if (typeof key === 'number') return key;
  if (isInt(key)) return -1;
  if (key instanceof Uint) return Number(key.value);
  if (!(key instanceof Double)) return new CelError(`unsupported index type '${typeOfValue(key).name}' in list`);
  if (Number.isInteger(key.value)) return key.value;
  return new CelError(`unsupported index value ${shown(key)} in list`);
}

function shown(key: Value): string {
  const text = toText(key);
  return typeof text === 'string' ? text : typeOfValue(key).name;
}
