/** The entries of metadata.managedFields, as sets of fields by manager. */
import { freeze } from '#base/json.js';
import type { Steps } from '#base/turns.js';
import type { ManagedFieldsEntry } from '../object.js';
import { ParseError } from '../parse-error.js';
import { FieldSet } from './field-set.js';

export type Operation = 'Apply' | 'Update';

export interface Manager {
  readonly name: string;
  readonly operation: Operation;
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** By identity: who, by which operation (an update also: in which version), through which subresource. */
export type Managers = Map<string, Manager>;

/** Entries of updates beyond this many are merged, oldest first. */
export const updateManagersMax = 10;

export function managerId({ name, operation, apiVersion, subresource }: Omit<Manager, 'time' | 'fields'>): string {
  return JSON.stringify([name, operation, operation === 'Apply' ? '' : apiVersion, subresource]);
}

/** Decoding the fields costs most, and cached objects keep theirs. */
const fieldSets = new WeakMap<object, FieldSet>();
/** What a set was decoded from, since most sets are written back as they were read. */
const encodedSets = new WeakMap<FieldSet, object>();

/** Throws a ParseError. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | null | undefined): Managers {
  const managers: Managers = new Map();
  for (const [index, entry] of (entries ?? []).entries()) {
    const { operation, apiVersion = '', fieldsType = '' } = entry;
    if (operation !== 'Apply' && operation !== 'Update') throw fail('operation must be `Apply` or `Update`');
    if (apiVersion === '') throw fail('apiVersion must not be empty');
    if (fieldsType === '') throw fail(`missing fieldsType in managed fields entry ${index}`);
    if (fieldsType !== 'FieldsV1')
      throw fail(`invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${index}`);
    const manager: Manager = {
      name: entry.manager ?? '',
      operation,
      apiVersion,
      subresource: entry.subresource ?? '',
      time: entry.time,
      fields: decodeFields(entry.fieldsV1),
    };
    managers.set(managerId(manager), manager);
  }
  return managers;
}

/** Sorted as upstream does: applies first, then by time, name, version and subresource. undefined when there is none. */
export function* encodeManagers(managers: Managers): Steps<ManagedFieldsEntry[] | undefined> {
  if (managers.size === 0) return undefined;
  const entries: ManagedFieldsEntry[] = [];
  for (const { name, operation, apiVersion, subresource, time, fields } of [...managers.values()].sort(
    compareManagers,
  )) {
    const entry: ManagedFieldsEntry = { manager: name, operation, apiVersion };
    if (time !== undefined) entry.time = time;
    entry.fieldsType = 'FieldsV1';
    entry.fieldsV1 = encodedSets.get(fields) ?? (yield* encode(fields));
    if (subresource !== '') entry.subresource = subresource;
    entries.push(entry);
  }
  return entries;
}

/** Merges the oldest updates of one version into one entry, until few enough are left. */
export function capUpdates(managers: Managers): void {
  const updates = [...managers].filter(([, { operation }]) => operation === 'Update');
  let left = updates.length;
  if (left <= updateManagersMax) return;
  updates.sort(([a, one], [b, other]) => secondsOf(one) - secondsOf(other) || compareTexts(a, b));
  const firsts = new Map<string, string>();
  for (const [id, manager] of updates) {
    if (left <= updateManagersMax) return;
    const { apiVersion } = manager;
    const first = firsts.get(apiVersion);
    if (first === undefined) {
      firsts.set(apiVersion, id);
      continue;
    }
    const bucket = { name: 'ancient-changes', operation: 'Update' as const, apiVersion, subresource: '' };
    const bucketId = managerId(bucket);
    const held = managers.get(bucketId) ?? managers.get(first);
    if (!managers.has(bucketId)) managers.delete(first);
    managers.delete(id);
    const fields = manager.fields.union(held?.fields ?? FieldSet.empty);
    managers.set(bucketId, { ...bucket, time: manager.time, fields });
    left--;
  }
}

function decodeFields(fields: unknown): FieldSet {
  if (fields === undefined || fields === null) return FieldSet.parse({});
  if (typeof fields !== 'object') throw fail('fieldsV1 must be an object');
  let set = fieldSets.get(fields);
  if (!set) {
    set = FieldSet.parse(fields);
    // Only a frozen object is sure to stay what it is.
    if (Object.isFrozen(fields)) {
      fieldSets.set(fields, set);
      encodedSets.set(set, fields);
    }
  }
  return set;
}

/** Objects of one template share one form of the fields that one manager has set: it is most of their metadata. */
const shared = new Map<string, object>();
const sharedMax = 1024;
const signatureMax = 8192;

function* encode(fields: FieldSet): Steps<object> {
  const signature = fields.signature(signatureMax);
  const known = signature === undefined ? undefined : shared.get(signature);
  if (known) return known;
  const encoded = yield* fields.encode();
  yield;
  // Frozen, so that it need not be copied on its way into the store.
  freeze(encoded);
  yield;
  if (signature === undefined) return encoded;
  if (shared.size >= sharedMax) shared.delete(shared.keys().next().value!);
  shared.set(signature, encoded);
  fieldSets.set(encoded, fields);
  encodedSets.set(fields, encoded);
  return encoded;
}

function compareManagers(a: Manager, b: Manager): number {
  return (
    compareTexts(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    compareTexts(a.name, b.name) ||
    compareTexts(a.apiVersion, b.apiVersion) ||
    compareTexts(a.subresource, b.subresource)
  );
}

function secondsOf({ time }: Manager): number {
  const epochMs = time === undefined ? 0 : Date.parse(time);
  return Number.isNaN(epochMs) ? 0 : Math.floor(epochMs / 1000);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function fail(message: string): ParseError {
  return new ParseError('FieldsV1', message);
}
