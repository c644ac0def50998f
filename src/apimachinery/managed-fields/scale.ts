/**
 * Who manages a Scale: its managers are those of the object it is of, as far as they hold the replicas. A write of a
 * Scale is tracked by the Scale, and what comes of it is brought over to the object.
 */
import { atOnce } from '#base/turns.js';
import type { ManagedFieldsEntry } from '../object.js';
import { FieldSet } from './field-set.js';
import { decodeManagers, encodeManagers, type Managers } from './managers.js';
import { fieldElement, type Path } from './path-element.js';

const scaleVersion = 'autoscaling/v1';
const inScale: Path = ['spec', 'replicas'].map(fieldElement);

/** Of a Scale. `path` leads to the replicas of the object. Throws a ParseError for entries that cannot be read. */
export function scaleManagers(entries: readonly ManagedFieldsEntry[] | undefined, path: Path): ManagedFieldsEntry[] {
  const managers: Managers = new Map();
  for (const [id, manager] of decodeManagers(entries))
    if (manager.fields.has(path))
      managers.set(id, { ...manager, apiVersion: scaleVersion, fields: FieldSet.of(inScale) });
  return atOnce(encodeManagers(managers)) ?? [];
}

/**
 * Of the object, from what it had and what its Scale has now. Who updated the object in its own version is another one
 * to the Scale, and holds the replicas in an entry apart from then on, as with upstream.
 */
export function managersWithScale(
  entries: readonly ManagedFieldsEntry[] | undefined,
  scaled: readonly ManagedFieldsEntry[] | undefined,
  { path, apiVersion }: { path: Path; apiVersion: string },
): ManagedFieldsEntry[] | undefined {
  const held = decodeManagers(entries);
  const ofScale = decodeManagers(scaled);
  const managers: Managers = new Map();
  for (const [id, manager] of held) {
    const isKept = !manager.fields.has(path) || ofScale.delete(id);
    const fields = isKept ? manager.fields : manager.fields.difference(FieldSet.of(path));
    if (!fields.isEmpty) managers.set(id, { ...manager, fields });
  }
  for (const [id, manager] of ofScale) {
    if (!manager.fields.has(inScale)) continue;
    managers.set(id, { ...manager, apiVersion, time: held.get(id)?.time, fields: FieldSet.of(path) });
  }
  return atOnce(encodeManagers(managers));
}
