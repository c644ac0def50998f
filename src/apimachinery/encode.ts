/** The canonical form of objects that our own code made or changed, ready to be stored or answered. */
import type { Steps } from '#base/turns.js';
import { canonicalize } from './codec/canonical.js';
import { canonicalizeLarge } from './codec/canonical-large.js';
import { planOf } from './codec/plan.js';
import type { GroupVersionKind } from './object.js';
import type { SchemaTable } from './schema.js';

/**
 * A new plain object in the form that `JSON.stringify` should write: kind and apiVersion first, then the schema's
 * fields in its order (`codec/canonical.ts` has the rules). An object whose type has no schema is given back as it
 * is. Throws a SchemaError when a value does not fit its type, which for an object that was decoded is our own bug.
 */
export function normalize<T>(table: SchemaTable, typeName: string | undefined, object: T): T {
  const plan = typeName === undefined ? undefined : planOf(table, typeName);
  return plan ? (canonicalize(plan, object, { trusted: true }) as T) : object;
}

/** `normalizeKind` of what may be large. */
export function* normalizeLarge<T>(table: SchemaTable, kind: GroupVersionKind, object: T): Steps<T> {
  const type = table.kind(kind);
  const plan = type && planOf(table, type.name);
  return plan ? ((yield* canonicalizeLarge(plan, object, { trusted: true })) as T) : object;
}

/** `normalize` by kind. */
export function normalizeKind<T>(table: SchemaTable, kind: GroupVersionKind, object: T): T {
  return normalize(table, table.kind(kind)?.name, object);
}
