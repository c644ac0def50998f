/** What the tests of kinds ask of a definition: an object after defaults, what is wrong with it, its columns. */
import type { KubeObject } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import type { AnyResource } from './resource.js';

/** An hour before `nowMs`, so that ages read `60m`. */
const created = '2026-01-01T00:00:00Z';
const nowMs = Date.parse('2026-01-01T01:00:00Z');

/** An object of the kind, as a client would send it, and then defaulted. */
export function made<T extends KubeObject = KubeObject>(kind: AnyResource, fields: object, name = 'one'): T {
  const { group, versions, namespaced } = kind;
  const metadata = { name, creationTimestamp: created, ...(namespaced && { namespace: 'default' }) };
  const apiVersion = group ? `${group}/${versions[0]}` : versions[0];
  const object = {
    apiVersion,
    kind: kind.kind,
    metadata,
    ...(copy(fields as Record<string, unknown>) as object),
  } as unknown as T;
  kind.default?.(object);
  return object;
}

export function createErrors(kind: AnyResource, object: KubeObject): string[] {
  const { name = '' } = object.metadata;
  return [
    ...(kind.validateName?.(name) ?? []),
    ...[...(kind.validate?.(object) ?? []), ...(kind.validateCreate?.(object) ?? [])].map(({ message }) => message),
  ];
}

export function updateErrors(kind: AnyResource, object: KubeObject, old: KubeObject): string[] {
  const errors = [...(kind.validate?.(object) ?? []), ...(kind.validateUpdate?.(object, old) ?? [])];
  return errors.map(({ message }) => message);
}

export function statusErrors(kind: AnyResource, object: KubeObject, old = object): string[] {
  return (kind.validateStatusUpdate?.(object, old) ?? []).map(({ message }) => message);
}

export function cells(kind: AnyResource, object: KubeObject): unknown[] {
  return (kind.columns ?? []).map((column) => column.cell(object, { nowMs }));
}
