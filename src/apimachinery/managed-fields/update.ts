/** Who owns which fields after a create, an update or a patch that is not an apply. */
import { equal } from '#base/json.js';
import { formatTime, type KubeObject, type ManagedFieldsEntry } from '../object.js';
import { ParseError } from '../parse-error.js';
import type { JsonObject } from '../patch.js';
import type { SchemaTable, TypeSchema } from '../schema.js';
import { type Comparison, compare, isSame } from './compare.js';
import { FieldSet } from './field-set.js';
import { capUpdates, decodeManagers, encodeManagers, type Manager, type Managers, managerId } from './managers.js';
import { modelOf } from './model.js';

export interface ObjectSchema {
  table: SchemaTable;
  /** None for a custom resource without a schema. */
  type: TypeSchema | undefined;
}

/** One write of one object. */
export interface FieldWrite {
  schema: ObjectSchema;
  /** See `fieldManagerName`. */
  manager: string;
  /** The version that the request was made in. */
  apiVersion: string;
  /** Default: none. */
  subresource?: string;
  nowMs: number;
  /** Fields that this kind of write cannot change, and so cannot own: see `resetFieldsOf`. Default: none. */
  resetFields?: readonly (readonly string[])[];
}

/**
 * The managedFields of `object`, for its metadata; undefined for none. `old` is the live object (undefined: the object
 * is being created), and `object` is what will be stored, its managedFields those that the request sent. Neither is
 * changed. Objects whose tracking was given up stay untracked until the next apply.
 */
export function trackUpdate(
  write: FieldWrite & { old: KubeObject | undefined; object: KubeObject },
): ManagedFieldsEntry[] | undefined {
  const { schema, old, object } = write;
  const model = modelOf(schema);
  const before = old ? comparable(old) : {};
  const comparison = compare(before, comparable(object), model);
  const sent = object.metadata.managedFields ?? undefined;
  const held = old?.metadata.managedFields ?? undefined;
  const isNews = !write.subresource && sent !== undefined && sent !== held && !equal(sent, held);
  if (old && !isNews && isSame(comparison)) return held;
  const managers = isNews ? sentManagers(sent, held) : readable(held);
  if (managers.size === 0 && old) return undefined;
  trackChange(managers, comparison, write);
  capUpdates(managers);
  return encodeManagers(managers);
}

/** Takes changed fields from all managers and gives them to the one who wrote them. Changes `managers`. */
export function trackChange(managers: Managers, whole: Comparison, write: Omit<FieldWrite, 'schema'>): void {
  const comparison = filterComparison(whole, write.resetFields);
  const { added, modified, removed } = comparison;
  for (const [id, manager] of managers) {
    const fields = manager.fields.difference(modified).difference(added).difference(removed);
    if (fields.isEmpty) managers.delete(id);
    else if (fields !== manager.fields) managers.set(id, { ...manager, fields });
  }
  const fields = modified.union(added).difference(neverOwned);
  if (fields.isEmpty) return;
  const { manager: name, apiVersion, subresource = '', nowMs } = write;
  const entry: Omit<Manager, 'fields' | 'time'> = { name, operation: 'Update', apiVersion, subresource };
  const id = managerId(entry);
  const previous = managers.get(id)?.fields ?? FieldSet.empty;
  managers.set(id, { ...entry, time: formatTime(nowMs), fields: fields.union(previous) });
}

/** What nobody owns: the server sets it, or it names the object. */
export const neverOwned = FieldSet.ofFields([
  ['apiVersion'],
  ['kind'],
  ['metadata'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((name) => ['metadata', name]),
]);

export function filterComparison(comparison: Comparison, resetFields: FieldWrite['resetFields'] = []): Comparison {
  if (resetFields.length === 0) return comparison;
  const reset = FieldSet.ofFields(resetFields);
  return {
    added: comparison.added.recursiveDifference(reset),
    modified: comparison.modified.recursiveDifference(reset),
    removed: comparison.removed.recursiveDifference(reset),
  };
}

/** Without what changes with every write. */
export function comparable(object: KubeObject): JsonObject {
  const { managedFields, resourceVersion, ...metadata } = object.metadata;
  return { ...object, metadata } as unknown as JsonObject;
}

/** A client that sends no managedFields, or unreadable ones, means no change; one that sends an empty list resets. */
function sentManagers(sent: ManagedFieldsEntry[], held: ManagedFieldsEntry[] | undefined): Managers {
  const isReset = sent.length === 0 || (sent.length === 1 && Object.keys(sent[0]!).length === 0);
  if (isReset) return new Map();
  const managers = readable(sent);
  return managers.size > 0 ? managers : readable(held);
}

function readable(entries: ManagedFieldsEntry[] | undefined): Managers {
  try {
    return decodeManagers(entries);
  } catch (error) {
    if (error instanceof ParseError) return new Map();
    throw error;
  }
}
