/**
 * JSON patch (RFC 6902) and JSON merge patch (RFC 7386). The words of failure, and what is let pass, are those of
 * github.com/evanphx/json-patch version 4, which upstream uses: clients have come to rely on both.
 */
import { copy, equal, type Json } from '#base/json.js';
import { jsonKindOf } from './codec/schema-error.js';
import { badRequest, StatusError } from './errors.js';

export const operationsMax = 10_000;
/** How much JSON text the copy operations of one patch may add. */
export const copyBytesMax = 3 * 1024 * 1024;

/** Clients see this instead of the reason, which goes with the cause: it is what upstream answers. */
const rejectedMessage = 'the server rejected our request due to an error in our request';

export type JsonObject = { [key: string]: Json };

interface Operation {
  op?: Json;
  path?: Json;
  from?: Json;
  value?: Json;
}

/**
 * Gives the patched document; neither argument is changed. Throws a StatusError: 400 when the patch is no list of
 * operations, 413 when it is too long, 422 when it does not apply (why, is the error's cause).
 */
export function applyJsonPatch(document: Json, patch: unknown): Json {
  if (patch === null) return copy(document);
  if (!Array.isArray(patch))
    throw badRequest(`json: cannot unmarshal ${jsonKindOf(patch)} into Go value of type jsonpatch.Patch`);
  if (patch.length > operationsMax)
    throw new StatusError({
      reason: 'RequestEntityTooLarge',
      message: `Request entity too large: The allowed maximum operations in a JSON patch is ${operationsMax}, got ${patch.length}`,
    });
  for (const operation of patch)
    if (typeof operation !== 'object' || Array.isArray(operation))
      throw badRequest(`json: cannot unmarshal ${jsonKindOf(operation)} into Go value of type jsonpatch.Operation`);
  try {
    return new JsonPatch(copy(document)).apply(patch);
  } catch (error) {
    if (!(error instanceof PatchFailure)) throw error;
    throw new StatusError({ reason: 'Invalid', message: rejectedMessage, details: {} }, { cause: error });
  }
}

/** Gives the patched document; neither argument is changed. Throws a 400 when the patch is no object. */
export function applyMergePatch(document: JsonObject, patch: unknown): JsonObject {
  if (!isObject(patch)) throw badRequest('Invalid JSON Patch');
  return mergeObjects(document, patch);
}

/** Sets an own key, whatever its name: assigning `__proto__` would change the object's prototype instead. */
export function setKey(object: JsonObject, key: string, value: Json): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, ...plain });
  else object[key] = value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const plain = { writable: true, enumerable: true, configurable: true };

/** The patch is right in form, and does not apply to this document. */
class PatchFailure extends Error {
  override readonly name: string = 'PatchFailure';
}

class TestFailure extends PatchFailure {
  override readonly name = 'TestFailure';
}

/** Whether what `applyJsonPatch` threw is that a `test` operation failed, rather than any other. */
export function isFailedTest(error: unknown): boolean {
  return error instanceof StatusError && error.cause instanceof TestFailure;
}

class JsonPatch {
  #document: Json;
  #copiedBytes = 0;

  constructor(document: Json) {
    this.#document = document;
  }

  apply(operations: Operation[]): Json {
    for (const operation of operations) this.#apply(operation ?? {});
    return this.#document;
  }

  #apply(operation: Operation): void {
    const { op } = operation;
    if (op === 'add') this.#add(operation);
    else if (op === 'remove') this.#remove(operation);
    else if (op === 'replace') this.#replace(operation);
    else if (op === 'move') this.#move(operation);
    else if (op === 'test') this.#test(operation);
    else if (op === 'copy') this.#copy(operation);
    else throw new PatchFailure(`Unexpected kind: ${typeof op === 'string' ? op : 'unknown'}`);
  }

  #add(operation: Operation): void {
    const path = pointerOf(operation, 'path');
    const place = this.#find(path, `add operation does not apply: doc is missing path: "${path}": missing value`);
    within(`error in add for path: '${path}'`, () => insert(place, copy(operation.value ?? null)));
  }

  #remove(operation: Operation): void {
    const path = pointerOf(operation, 'path');
    const place = this.#find(path, `remove operation does not apply: doc is missing path: "${path}": missing value`);
    within(`error in remove for path: '${path}'`, () => removeAt(place));
  }

  #replace(operation: Operation): void {
    const path = pointerOf(operation, 'path');
    const value = copy(operation.value ?? null);
    if (path === '') {
      if (typeof value !== 'object' || value === null)
        throw new PatchFailure('replace operation value must be object or array');
      this.#document = value;
      return;
    }
    const place = this.#find(path, `replace operation does not apply: doc is missing path: ${path}: missing value`);
    const { container, key } = place;
    if (!Array.isArray(container)) {
      setKey(container, key, value);
      return;
    }
    const index = existingIndex(container, key);
    if (index === undefined)
      throw new PatchFailure(`replace operation does not apply: doc is missing key: ${path}: missing value`);
    container[index] = value;
  }

  #move(operation: Operation): void {
    const from = pointerOf(operation, 'from');
    const source = this.#find(from, `move operation does not apply: doc is missing from path: ${from}: missing value`);
    const moved: Json = within(`error in move for path: '${source.key}'`, () => {
      const value = valueAt(source);
      removeAt(source);
      return value ?? null;
    });
    const path = pointerOf(operation, 'path');
    const target = this.#find(
      path,
      `move operation does not apply: doc is missing destination path: ${path}: missing value`,
    );
    within(`error in move for path: '${path}'`, () => insert(target, moved));
  }

  #test(operation: Operation): void {
    const path = pointerOf(operation, 'path');
    const place =
      path === ''
        ? undefined
        : this.#find(path, `test operation does not apply: is missing path: ${path}: missing value`);
    const value = place ? within(`error in test for path: '${path}'`, () => valueAt(place)) : this.#document;
    // A value that is not there passes as null.
    if (!equal(value ?? null, operation.value ?? null))
      throw new TestFailure(`testing value ${path} failed: test failed`);
  }

  #copy(operation: Operation): void {
    const from = pointerOf(operation, 'from');
    const source = this.#find(from, `copy operation does not apply: doc is missing from path: ${from}: missing value`);
    const value = within(`error in copy for from: '${from}'`, () => valueAt(source)) ?? null;
    const path = pointerOf(operation, 'path');
    const target = this.#find(
      path,
      `copy operation does not apply: doc is missing destination path: ${path}: missing value`,
    );
    this.#copiedBytes += Buffer.byteLength(JSON.stringify(value));
    if (this.#copiedBytes > copyBytesMax)
      throw new PatchFailure(
        `Unable to complete the copy, the accumulated size increase of copy is ${this.#copiedBytes}, exceeding the limit ${copyBytesMax}`,
      );
    within('error while adding value during copy', () => insert(target, copy(value)));
  }

  /** The container that a pointer's last key is in. Text before the first slash is passed over, as upstream does. */
  #find(pointer: string, missing: string): Place {
    const keys = pointer.split('/').slice(1).map(unescapeKey);
    const key = keys.pop();
    let container: Json | undefined = this.#document;
    for (const step of keys) container = childOf(container, step);
    if (key === undefined || typeof container !== 'object' || container === null) throw new PatchFailure(missing);
    return { container, key };
  }
}

function childOf(container: Json | undefined, key: string): Json | undefined {
  if (isObject(container)) return Object.hasOwn(container, key) ? container[key] : undefined;
  if (!Array.isArray(container)) return undefined;
  const index = existingIndex(container, key);
  return index === undefined ? undefined : container[index];
}

interface Place {
  container: Json[] | JsonObject;
  key: string;
}

function pointerOf(operation: Operation, field: 'path' | 'from'): string {
  const pointer = operation[field];
  if (typeof pointer === 'string') return pointer;
  if (field === 'from')
    throw new PatchFailure(
      `${String(operation.op)} operation failed to decode from: operation, missing from field: missing value`,
    );
  throw new PatchFailure(`${String(operation.op)} operation failed to decode path: missing value`);
}

function valueAt({ container, key }: Place): Json | undefined {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined;
  return container[checkedIndex(key, { length: container.length, inclusive: false })];
}

function insert({ container, key }: Place, value: Json): void {
  if (!Array.isArray(container)) setKey(container, key, value);
  else if (key === '-') container.push(value);
  else {
    const index: number = within(
      integerPattern.test(key) ? undefined : `value was not a proper array index: '${key}'`,
      () => checkedIndex(key, { length: container.length, inclusive: true }),
    );
    container.splice(index, 0, value);
  }
}

function removeAt({ container, key }: Place): void {
  if (Array.isArray(container)) {
    container.splice(checkedIndex(key, { length: container.length, inclusive: false }), 1);
    return;
  }
  if (!Object.hasOwn(container, key)) throw new PatchFailure(`Unable to remove nonexistent key: ${key}: missing value`);
  delete container[key];
}

const integerPattern = /^[+-]?\d{1,15}$/;

/** Negative indices count from the end; `inclusive` allows the place after the last. */
function checkedIndex(key: string, { length, inclusive }: { length: number; inclusive: boolean }): number {
  if (!integerPattern.test(key)) throw new PatchFailure(`strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`);
  const places = inclusive ? length + 1 : length;
  const asked = Number(key);
  const index = asked < 0 ? asked + places : asked;
  if (index < 0 || index >= places)
    throw new PatchFailure(`Unable to access invalid index: ${asked}: invalid index referenced`);
  return index;
}

function existingIndex(list: Json[], key: string): number | undefined {
  if (!integerPattern.test(key)) return undefined;
  const asked = Number(key);
  const index = asked < 0 ? asked + list.length : asked;
  return index >= 0 && index < list.length ? index : undefined;
}

/** Puts words before those of a failure inside. */
function within<T>(words: string | undefined, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (words !== undefined && error instanceof PatchFailure) throw new PatchFailure(`${words}: ${error.message}`);
    throw error;
  }
}

/** RFC 6901, section 4. */
function unescapeKey(key: string): string {
  return key.replace(/~[01]/g, (escaped) => (escaped === '~1' ? '/' : '~'));
}

function mergeObjects(document: JsonObject, patch: JsonObject): JsonObject {
  const merged: JsonObject = {};
  for (const key of Object.keys(document)) {
    const change = Object.hasOwn(patch, key) ? patch[key] : undefined;
    const value = document[key]!;
    if (change === undefined) setKey(merged, key, copy(value));
    else if (change !== null) setKey(merged, key, mergeValues(value, change));
  }
  for (const key of Object.keys(patch)) {
    const change = patch[key]!;
    if (!Object.hasOwn(document, key) && change !== null) setKey(merged, key, pruneNulls(change));
  }
  return merged;
}

function mergeValues(value: Json, change: Json): Json {
  if (isObject(change)) return isObject(value) ? mergeObjects(value, change) : pruneNulls(change);
  return isObject(value) ? copy(change) : pruneNulls(change);
}

/** Nulls of objects go, also of those inside lists; nulls in lists stay. */
function pruneNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(pruneNulls);
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  for (const key of Object.keys(value)) {
    const child = value[key]!;
    if (child !== null) setKey(kept, key, pruneNulls(child));
  }
  return kept;
}
