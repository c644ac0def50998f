/** Plain JSON values: comparing, copying and freezing them. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * A list to code, and null in JSON and YAML while there is nothing in it: what Go writes for a slice that was never made.
 */
export class UnsetList<T = unknown> extends Array<T> {
  toJSON(): T[] | null {
    return this.length === 0 ? null : Array.from(this);
  }
}

/** One that was sent as an empty list: Go tells it from none until it is stored. */
export class EmptiedList<T = unknown> extends UnsetList<T> {}

/** Deep equality of JSON values. A key holding undefined equals a missing key, as in their JSON text. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => equal(item, b[index]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key in left) if (!equal(left[key], right[key])) return false;
  for (const key in right) if (right[key] !== undefined && left[key] === undefined) return false;
  return true;
}

/** A deep copy of a JSON value that may be changed (several times faster than `structuredClone`). */
export function copy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copy) as T;
  const out: Record<string, unknown> = {};
  for (const key in value) {
    if (key === '__proto__') setProtoKey(out, copy(value[key]));
    else out[key] = copy(value[key]);
  }
  return out as T;
}

/** A copy without the keys that hold undefined, which JSON text has not either. */
export function withoutUndefined(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutUndefined);
  const kept = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(kept.map(([key, one]) => [key, withoutUndefined(one)]));
}

/** Freezes a JSON value deeply, in place, and gives it back. What is frozen already is taken to be so all the way. */
export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const key in value) freeze(value[key]);
  return Object.freeze(value);
}

/** A copy whose objects have their keys in order, as Go writes maps. */
export function sortKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sortKeys(value[key]!)]));
}

/** JSON text may hold the key `__proto__`, which an assignment would take for the prototype. */
function setProtoKey(object: object, value: unknown): void {
  Object.defineProperty(object, '__proto__', { value, writable: true, enumerable: true, configurable: true });
}
