/** Who owns which fields after a create, an update or a patch that is not an apply. */
import { equal } from '#base/json.js';
import { inTurns, type Turns } from '#base/turns.js';
import { formatTime, type KubeObject, type ManagedFieldsEntry } from '../object.js';
import { ParseError } from '../parse-error.js';
import type { JsonObject } from '../patch.js';
import type { SchemaTable, TypeSchema } from '../schema.js';
import { checkApplied, listProblems } from './check.js';
import { type Comparison, compare, compareInTurns, isSame } from './compare.js';
import { FieldSet } from './field-set.js';
import { capUpdates, decodeManagers, encodeManagers, type Manager, type Managers, managerId } from './managers.js';
import { type MapModel, modelOf } from './model.js';
import { reconcile } from './schema-change.js';

export interface ObjectSchema {
  table: SchemaTable;
  /** None for a custom resource. */
  type: TypeSchema | undefined;
  /** Of a custom resource that has a schema. */
  model?: MapModel | undefined;
}

/** The kind in its other versions, in which other managers may have written. */
export interface OtherVersions {
  /** Undefined for what is no version of the kind any more: who wrote in it manages nothing. */
  at(apiVersion: string): VersionForm | undefined;
}

export interface VersionForm {
  schema: ObjectSchema;
  convert(object: JsonObject): Promise<JsonObject>;
}

/** One write of one object. */
export interface FieldWrite {
  schema: ObjectSchema;
  /** See `fieldManagerName`. */
  manager: string;
  /** The version that the request was made in, and that the objects are of. */
  apiVersion: string;
  /** Default: every manager is taken to have written in the request's version. */
  versions?: OtherVersions;
  /** Default: none. */
  subresource?: string;
  nowMs: number;
  /** Default: none are given. */
  turns?: Turns | undefined;
  /** Fields that this kind of write cannot change, and so cannot own: see `resetFieldsOf`. Default: none. */
  resetFields?: readonly (readonly string[])[];
}

/**
 * The managedFields of `object`, for its metadata; undefined for none. `old` is the live object (undefined: the object
 * is being created), and `object` is what will be stored, its managedFields those that the request sent. Neither is
 * changed. Objects whose tracking was given up stay untracked until the next apply.
 */
export async function trackUpdate(
  write: FieldWrite & { old: KubeObject | undefined; object: KubeObject },
): Promise<ManagedFieldsEntry[] | undefined> {
  const { schema, old, object } = write;
  const model = modelOf(schema);
  const before = old ? comparable(old) : {};
  const after = comparable(object);
  const { turns } = write;
  const comparison = await compareInTurns({ before, after, model }, turns);
  if (turns?.isOver) await turns.next();
  const sent = object.metadata.managedFields ?? undefined;
  const held = old?.metadata.managedFields ?? undefined;
  const isNews = !write.subresource && sent !== undefined && sent !== held && !equal(sent, held);
  // As below: upstream cannot tell then whose field is whose.
  if (comparison.isNameless) return undefined;
  const isSettled = old && !isNews && isSame(comparison);
  if (isSettled && !hasOtherVersions(held, write)) return held;
  const managers = isNews ? sentManagers(sent, held) : readable(held);
  if (managers.size === 0 && old) return isSettled ? held : undefined;
  reconcileManagers(managers, write);
  if (turns?.isOver) await turns.next();
  try {
    await trackChange(managers, { before, after, comparison }, write);
  } catch (error) {
    // Upstream forgets who manages what, rather than to refuse the write.
    if (error instanceof ParseError) return undefined;
    throw error;
  }
  if (isSettled) return held;
  if (turns?.isOver) await turns.next();
  capUpdates(managers);
  return inTurns(encodeManagers(managers), turns);
}

/** Of custom resources, whose schemas change. */
export function reconcileManagers(managers: Managers, { schema, apiVersion, versions }: FieldWrite): void {
  const { model } = schema;
  if (!model) return;
  reconcile(managers, (wanted) => (wanted === apiVersion ? model : versions?.at(wanted)?.schema.model));
}

/** Of a kind that has them; a change that is none then still must be readable in each. */
function hasOtherVersions(held: ManagedFieldsEntry[] | undefined, { apiVersion, versions }: FieldWrite): boolean {
  return versions !== undefined && (held ?? []).some((entry) => entry.apiVersion !== apiVersion);
}

/** Takes changed fields from all managers and gives them to the one who wrote them. Changes `managers`. */
export async function trackChange(
  managers: Managers,
  change: FieldChange,
  write: Omit<FieldWrite, 'schema'>,
): Promise<void> {
  const comparisons = await comparisonsOf(managers.values(), change, write);
  for (const [id, manager] of managers) {
    const comparison = comparisons.get(manager.apiVersion);
    const fields = comparison
      ? manager.fields.difference(comparison.modified).difference(comparison.added).difference(comparison.removed)
      : FieldSet.empty;
    if (fields.isEmpty) managers.delete(id);
    else if (fields !== manager.fields) managers.set(id, { ...manager, fields });
  }
  const { added, modified } = comparisons.get(write.apiVersion)!;
  const fields = modified.union(added).difference(neverOwned);
  if (fields.isEmpty) return;
  const { manager: name, apiVersion, subresource = '', nowMs } = write;
  const entry: Omit<Manager, 'fields' | 'time'> = { name, operation: 'Update', apiVersion, subresource };
  const id = managerId(entry);
  const previous = managers.get(id);
  managers.set(id, { ...entry, time: formatTime(nowMs), fields: fields.union(previous?.fields ?? FieldSet.empty) });
}

/** An object before and after, in the version of the request. */
export interface FieldChange {
  before: JsonObject;
  after: JsonObject;
  comparison: Comparison;
}

/**
 * The change as it is in the request's version and in those that the managers wrote in; undefined for what is no
 * version of the kind any more. Throws a ParseError when an object does not fit the schema of such a version: where
 * nothing is converted but the name, it may lack fields.
 */
export async function comparisonsOf(
  managers: Iterable<Manager>,
  { before, after, comparison }: FieldChange,
  { apiVersion, versions, resetFields }: Omit<FieldWrite, 'schema'>,
): Promise<ReadonlyMap<string, Comparison | undefined>> {
  const own = filterComparison(comparison, resetFields);
  const comparisons = new Map<string, Comparison | undefined>([[apiVersion, own]]);
  for (const { apiVersion: other } of managers) {
    if (comparisons.has(other)) continue;
    const form = versions?.at(other);
    if (!form) comparisons.set(other, versions ? undefined : own);
    else {
      // What is being created has nothing to convert.
      const old = Object.keys(before).length === 0 ? before : await convertChecked(before, form, '');
      const change = compare(
        old,
        await convertChecked(after, form, 'failed to convert new object: '),
        modelOf(form.schema),
      );
      comparisons.set(other, filterComparison(change, resetFields));
    }
  }
  return comparisons;
}

async function convertChecked(object: JsonObject, { schema, convert }: VersionForm, failure: string) {
  const converted = await convert(object);
  // Built-in kinds convert what they have.
  const problems = schema.model ? checkApplied(converted, schema.model) : [];
  if (problems.length > 0) throw new ParseError('ManagedFields', `${failure}${listProblems(problems)}`);
  return converted;
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
