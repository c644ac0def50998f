/**
 * Strategic merge patch: a merge patch that knows from the schema which lists are merged, and by which key.
 * https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/ and, for the directives,
 * the design proposals `preserve-order-in-strategic-merge-patch` and `strategic-merge-patch`.
 */

import { plain, typeName } from '#base/go-text.js';
import { copy, type Json } from '#base/json.js';
import { atOnce, type Steps } from '#base/turns.js';
import { jsonKindOf } from './codec/schema-error.js';
import { badRequest, StatusError, unsupportedMediaType } from './errors.js';
import { isObject, type JsonObject, setKey } from './patch.js';
import type { SchemaTable, TypeSchema } from './schema.js';
import { type ElementKey, mergeInOrder, partition } from './strategic-order.js';
import { lookUp, type PatchField, type PatchType } from './strategic-schema.js';

const patchDirective = '$patch';
const retainKeysDirective = '$retainKeys';
const orderPrefix = '$setElementOrder';
const deletePrefix = '$deleteFromPrimitiveList';

/** What objects without a Go type are patched with instead. */
const schemalessTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];

/** `strategicMerge` of what is not large. */
export function applyStrategicMergePatch(...patched: Parameters<typeof strategicMerge>): JsonObject {
  return atOnce(strategicMerge(...patched));
}

/**
 * Gives the patched document; neither argument is changed. Throws a StatusError: 415 for a kind without a schema, 400
 * for a malformed patch, 422 for lists of lists, and 500 (as upstream does) for one that contradicts the schema.
 */
export function* strategicMerge(
  document: JsonObject,
  patch: unknown,
  schema: { table: SchemaTable; type: TypeSchema | undefined },
): Steps<JsonObject> {
  const { table, type } = schema;
  if (!type) throw unsupportedMediaType(schemalessTypes);
  if (patch === null) return copy(document);
  if (!isObject(patch))
    throw badRequest(`json: cannot unmarshal ${jsonKindOf(patch)} into Go value of type map[string]interface {}`);
  const original = copy(document);
  yield;
  const change = copy(patch);
  yield;
  return mergeMap(original, change, { table, name: type.name, shape: 'single' });
}

/** Changes `original`, and gives it or what stands for it now. */
function mergeMap(original: JsonObject, patch: JsonObject, type: PatchType): JsonObject {
  if (Object.hasOwn(patch, patchDirective)) return replaceOrDelete(patch);
  retainKeys(original, patch);
  for (const key of Object.keys(patch))
    if (key.startsWith(orderPrefix)) mergeOrderedList(original, patch, { key, type });
  for (const key of Object.keys(patch)) {
    const isDeletion = key.startsWith(deletePrefix);
    const name = isDeletion ? directiveTarget(key, 'invalid patch format of primitive list') : key;
    mergeField(original, { name, change: patch[key]!, isDeletion, type });
  }
  return original;
}

interface FieldChange {
  name: string;
  change: Json;
  /** The change lists elements to take away. */
  isDeletion: boolean;
  type: PatchType;
}

function mergeField(original: JsonObject, { name, change, isDeletion, type }: FieldChange): void {
  const value = Object.hasOwn(original, name) ? original[name]! : undefined;
  if (change === null) {
    delete original[name];
  } else if (value === undefined || !isSameKind(value, change)) {
    if (isDeletion) return;
    const kept = withoutDirectives(withoutNulls(change));
    if (kept === undefined) delete original[name];
    else setKey(original, name, kept);
  } else if (isObject(value) && isObject(change)) {
    const field = fieldOf(type, name);
    setKey(original, name, field.strategy === 'replace' ? change : mergeMap(value, change, field.type));
  } else if (Array.isArray(value) && Array.isArray(change)) {
    const field = elementOf(type, name);
    const merges = field.strategy === 'merge' || isDeletion;
    setKey(original, name, merges ? mergeList(value, change, { field, isDeletion }) : change);
  } else {
    setKey(original, name, change);
  }
}

function replaceOrDelete(patch: JsonObject): JsonObject {
  const directive = patch[patchDirective];
  if (directive === 'delete') return {};
  if (directive !== 'replace') throw unknownDirective(directive, patch);
  delete patch[patchDirective];
  return patch;
}

/** `$retainKeys` lists all the keys that may stay. It is taken out of the patch. */
function retainKeys(original: JsonObject, patch: JsonObject): void {
  if (!Object.hasOwn(patch, retainKeysDirective)) return;
  const list = patch[retainKeysDirective];
  delete patch[retainKeysDirective];
  const malformed = badRequest('invalid patch format of retainKeys');
  if (!Array.isArray(list)) throw malformed;
  const kept = new Set<Json>(list);
  for (const [key, change] of Object.entries(patch)) {
    const isDirective = key.startsWith(deletePrefix) || key.startsWith(orderPrefix);
    if (change !== null && !isDirective && !kept.has(key)) throw malformed;
  }
  for (const key of Object.keys(original)) if (!kept.has(key)) delete original[key];
}

/** Merges the list that `$setElementOrder/list` orders, and takes both out of the patch. */
function mergeOrderedList(original: JsonObject, patch: JsonObject, of: { key: string; type: PatchType }): void {
  const malformed = 'invalid patch format of setElementOrder list';
  const order = listOrNone(patch[of.key]);
  if (!order) throw badArgument(patch[of.key]);
  delete patch[of.key];
  const name = directiveTarget(of.key, malformed);
  const value = Object.hasOwn(original, name) ? original[name] : undefined;
  const change = Object.hasOwn(patch, name) ? patch[name] : undefined;
  const before = listOrNone(value);
  const changes = listOrNone(change);
  if (value !== undefined && !before) throw badArgument(value);
  if (change !== undefined && !changes) throw badArgument(change);
  const field = elementOf(of.type, name);
  if (changes) checkOrder(changes, order, field);
  if (!before && !changes) return;
  const merged = mergedForOrder(before, changes, field);
  const keyOf = elementKey(field.mergeKey);
  const { chosen, others } = partition(merged, order, keyOf);
  if (hasElements(before, changes)) elementKind([before ?? [], changes ?? []]);
  const liveOrder = orderAfterDeletions(before ?? [], changes ?? [], field);
  setKey(original, name, mergeInOrder({ chosen, order, others, before: liveOrder, keyOf }));
  delete patch[name];
}

/**
 * The live order, in which new elements have the places of deleted ones. Upstream deletes and appends in one slice and
 * then reads the order from it, and its tests hold the outcome.
 */
function orderAfterDeletions(before: Json[], changes: Json[], { mergeKey, strategy }: PatchField): Json[] {
  if (mergeKey === '' || strategy !== 'merge') return before;
  const keyOf = elementKey(mergeKey);
  const isDeletion = (change: Json) => isObject(change) && change[patchDirective] === 'delete';
  const deleted = new Set(changes.filter(isDeletion).map(keyOf));
  if (deleted.size === 0) return before;
  const kept = before.filter((element) => !deleted.has(keyOf(element)));
  const live = new Set(kept.map(keyOf));
  const added = changes.filter(
    (change) => !(isObject(change) && Object.hasOwn(change, patchDirective)) && !live.has(keyOf(change)),
  );
  return [...kept, ...added].slice(0, before.length);
}

function mergedForOrder(before: Json[] | undefined, changes: Json[] | undefined, field: PatchField): Json[] {
  if (!changes) return before ?? [];
  if (!before) return withoutDirectives(changes) as Json[];
  return field.strategy === 'merge' ? mergeList(before, changes, { field, isDeletion: false }) : changes;
}

/** The patch's elements must stand in the order that the directive says. */
function checkOrder(changes: Json[], order: Json[], { mergeKey }: PatchField): void {
  if (changes.length === 0 || order.length === 0) return;
  const keyOf = elementKey(mergeKey);
  const listed = changes.filter((change) => !(isObject(change) && Object.hasOwn(change, patchDirective)));
  let next = 0;
  for (const element of order) if (next < listed.length && keyOf(listed[next]!) === keyOf(element)) next++;
  if (next < listed.length)
    throw contradiction(
      `The order in patch list:\n${goText(changes)}\n doesn't match ${orderPrefix} list:\n${goText(order)}\n`,
    );
}

function mergeList(before: Json[], changes: Json[], of: { field: PatchField; isDeletion: boolean }): Json[] {
  const { field, isDeletion } = of;
  if (before.length === 0 && changes.length === 0) return before;
  if (elementKind([before, changes]) === 'scalar') {
    if (isDeletion) {
      const gone = new Set(changes);
      return before.filter((element) => !gone.has(element));
    }
    return orderMerged([...new Set([...before, ...changes])], { before, changes, keyOf: elementKey('') });
  }
  if (field.mergeKey === '') throw contradiction(`cannot merge lists without merge key for ${field.goKind}`);
  const rest = obeyDirectives(before as JsonObject[], changes as JsonObject[], field.mergeKey);
  const merged = mergeElements(rest.before, rest.changes, field);
  return orderMerged(merged, { ...rest, keyOf: elementKey(field.mergeKey) });
}

function orderMerged(merged: Json[], from: { before: Json[]; changes: Json[]; keyOf: ElementKey }): Json[] {
  const { before, changes, keyOf } = from;
  const { chosen, others } = partition(merged, changes, keyOf);
  return mergeInOrder({ chosen, order: changes, others, before, keyOf });
}

/** Elements that say `$patch: delete` take away others; one that says `$patch: replace` takes away all others. */
function obeyDirectives(
  before: JsonObject[],
  changes: JsonObject[],
  mergeKey: string,
): { before: JsonObject[]; changes: JsonObject[] } {
  const plain: JsonObject[] = [];
  const deleted = new Set<Json>();
  let replaces = false;
  for (const change of changes) {
    const directive = Object.hasOwn(change, patchDirective) ? change[patchDirective] : undefined;
    if (directive === undefined) plain.push(change);
    else if (directive === 'delete') deleted.add(mergeValue(change, mergeKey));
    else if (directive === 'replace') replaces = true;
    else if (directive === 'merge') throw contradiction('merging lists cannot yet be specified in the patch');
    else throw unknownDirective(directive, change);
  }
  if (replaces) return { before: plain, changes: [] };
  return { before: before.filter((element) => !deleted.has(element[mergeKey] ?? Number.NaN)), changes: plain };
}

function mergeElements(before: JsonObject[], changes: JsonObject[], field: PatchField): JsonObject[] {
  const { mergeKey, type } = field;
  const merged = [...before];
  const places = new Map<Json, number>();
  for (const [index, element] of merged.entries()) {
    const key = element[mergeKey];
    if (key !== undefined && !places.has(key)) places.set(key, index);
  }
  for (const change of changes) {
    const key = mergeValue(change, mergeKey);
    const place = places.get(key);
    if (place !== undefined) merged[place] = mergeMap(merged[place]!, change, type);
    else {
      places.set(key, merged.length);
      merged.push(change);
    }
  }
  return merged;
}

function mergeValue(element: JsonObject, mergeKey: string): Json {
  const value = Object.hasOwn(element, mergeKey) ? element[mergeKey] : undefined;
  if (value === undefined)
    throw contradiction(`map: ${goText(element)} does not contain declared merge key: ${mergeKey}`);
  return value;
}

/** What tells one element of a list from another: its merge key, or itself when it is a scalar. */
function elementKey(mergeKey: string): ElementKey {
  if (mergeKey === '') return (element) => element;
  return (element) => {
    if (!isObject(element)) throw badArgument(element);
    return mergeValue(element, mergeKey);
  };
}

function fieldOf(type: PatchType, name: string): PatchField {
  return lookUp(type, name, contradiction);
}

function elementOf(type: PatchType, name: string): PatchField {
  const field = fieldOf(type, name);
  return { ...field, type: { ...field.type, shape: 'single' } };
}

function directiveTarget(key: string, malformed: string): string {
  const slash = key.indexOf('/');
  const directive = key.slice(0, slash);
  if (slash < 0 || (directive !== orderPrefix && directive !== deletePrefix)) throw badRequest(malformed);
  return key.slice(slash + 1);
}

type Kind = 'map' | 'list' | 'scalar' | 'null';

function kindOf(value: Json): Kind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  return typeof value === 'object' ? 'map' : 'scalar';
}

function isSameKind(a: Json, b: Json): boolean {
  return kindOf(a) === kindOf(b);
}

function listOrNone(value: Json | undefined): Json[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

function hasElements(...lists: (Json[] | undefined)[]): boolean {
  return lists.some((list) => list !== undefined && list.length > 0);
}

/** Elements must be of one kind, and no lists. */
function elementKind(lists: Json[][]): 'map' | 'scalar' {
  let first: string | undefined;
  for (const element of lists.flat()) {
    if (Array.isArray(element)) throw unprocessable();
    const kind = typeof element;
    first ??= kind;
    if (kind !== first || element === null)
      throw contradiction(`list element types are not identical: ${goText(lists)}`);
  }
  return first === 'object' ? 'map' : 'scalar';
}

/** Nulls in maps mean deletion of what is not there. */
function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) for (const element of value) withoutNulls(element);
  else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      if (value[key] === null) delete value[key];
      else withoutNulls(value[key]!);
    }
  }
  return value;
}

/** Takes out all that bears a `$patch`, since there is nothing to delete or replace; undefined when that is all. */
function withoutDirectives(value: Json): Json | undefined {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((element) => element !== undefined);
  if (!isObject(value)) return value;
  if (Object.hasOwn(value, patchDirective)) return undefined;
  for (const key of Object.keys(value)) {
    const kept = withoutDirectives(value[key]!);
    if (kept === undefined) delete value[key];
    else setKey(value, key, kept);
  }
  return value;
}

/** Upstream answers these with 500 and no reason. */
function contradiction(message: string): StatusError {
  return new StatusError({ message, code: 500 });
}

function unknownDirective(directive: Json | undefined, patch: JsonObject): StatusError {
  // Upstream prints it as if it were text, and Go complains within the message.
  const isText = typeof directive === 'string' || typeof directive === 'object' || directive === undefined;
  const shown = isText ? goText(directive) : `%!s(${typeName(directive)}=${directive})`;
  return contradiction(`unknown patch type: ${shown} in map: ${goText(patch)}`);
}

function unprocessable(): StatusError {
  const message = 'the server rejected our request due to an error in our request';
  const cause = new Error('lists of lists are not supported');
  return new StatusError({ reason: 'Invalid', message, details: {} }, { cause });
}

function badArgument(value: Json | undefined): StatusError {
  const isNone = value === null || value === undefined;
  return contradiction(`expected a []interface {}, but received a ${isNone ? '%!s(<nil>)' : typeName(value)}`);
}

const goTextLengthMax = 1000;

/** People search for these messages. Cut, since patches may be large. */
function goText(value: Json | undefined): string {
  const text = plain(value);
  return text.length > goTextLengthMax ? `${text.slice(0, goTextLengthMax)}...` : text;
}
