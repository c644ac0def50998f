/**
 * The values that expressions work on. The common ones are JavaScript's own: texts, booleans, null, and integers as
 * numbers, which become bigints only where a number is no longer exact. Everything else is a class.
 */
import {
  anyListType,
  anyMapType,
  anyOptionalType,
  boolType,
  bytesType,
  doubleType,
  durationType,
  intType,
  nullType,
  stringType,
  Type,
  timestampType,
  typeType,
  uintType,
} from './types.js';

export type Value =
  | null
  | boolean
  | string
  /** An int. It is a bigint if and only if it is no safe integer, so that `===` compares ints. */
  | number
  | bigint
  | Double
  | Uint
  | Uint8Array
  | Timestamp
  | Duration
  | List
  | CelMap
  | Optional
  | Opaque
  | Type;

/** An evaluation error is a result like any other, since `&&`, `||`, `all` and `exists` may still pass over it. */
export type Result = Value | CelError;

export class CelError {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

export const noSuchOverload = new CelError('no such overload');

export class Double {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

const uintMax = 2n ** 64n - 1n;
const intMax = 2n ** 63n - 1n;
const intMin = -(2n ** 63n);

export class Uint {
  readonly value: bigint;

  private constructor(value: bigint) {
    this.value = value;
  }

  /** Undefined where the number does not fit into 64 bits. */
  static of(value: bigint): Uint | undefined {
    return value >= 0n && value <= uintMax ? new Uint(value) : undefined;
  }
}

/** The int of this amount in its one form, or undefined where it does not fit into 64 bits. */
export function normalizeInt(value: bigint): number | bigint | undefined {
  if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  return value >= intMin && value <= intMax ? value : undefined;
}

/** A moment, in seconds from 1970 and nanoseconds. */
export class Timestamp {
  readonly seconds: number;
  readonly nanos: number;
  /** East of UTC: how the moment was written, and is written again. */
  readonly zoneSeconds: number;

  constructor(seconds: number, nanos: number, zoneSeconds = 0) {
    this.seconds = seconds;
    this.nanos = nanos;
    this.zoneSeconds = zoneSeconds;
  }
}

export class Duration {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class Optional {
  static readonly none = new Optional(undefined);
  readonly value: Value | undefined;

  private constructor(value: Value | undefined) {
    this.value = value;
  }

  static of(value: Value): Optional {
    return new Optional(value);
  }
}

/** A value of which only the functions of its library know more. */
export abstract class Opaque {
  abstract readonly type: Type;

  /** Whether another value is the same; `other` may be of any type. */
  abstract equals(other: Value): boolean;
}

export abstract class List {
  abstract readonly size: number;

  /** The element at an index that is in range. An error is an element that does not fit its schema. */
  abstract at(index: number): Result;

  *[Symbol.iterator](): Iterator<Result> {
    for (let i = 0; i < this.size; i++) yield this.at(i);
  }
}

export class ArrayList extends List {
  readonly values: readonly Value[];

  constructor(values: readonly Value[]) {
    super();
    this.values = values;
  }

  override get size(): number {
    return this.values.length;
  }

  override at(index: number): Value {
    return this.values[index]!;
  }

  override [Symbol.iterator](): Iterator<Value> {
    return this.values[Symbol.iterator]();
  }
}

/** The accumulator of a fold, which nothing else can see, and which therefore grows in place. */
export class GrowingList extends ArrayList {
  declare readonly values: Value[];
}

/** Two lists one behind the other, without copying them: doubling a list again and again costs nothing. */
export class ConcatenatedList extends List {
  readonly #left: List;
  readonly #right: List;
  readonly #leftSize: number;
  override readonly size: number;

  constructor(left: List, right: List) {
    super();
    this.#left = left;
    this.#right = right;
    this.#leftSize = left.size;
    this.size = left.size + right.size;
  }

  override at(index: number): Result {
    return index < this.#leftSize ? this.#left.at(index) : this.#right.at(index - this.#leftSize);
  }
}

export abstract class CelMap {
  abstract readonly size: number;

  /** Undefined where there is no such key; an error where the value does not fit its schema. */
  abstract find(key: Value): Result | undefined;

  abstract keys(): Iterable<Value>;

  /** What reading a key yields that is not there; undefined where that is an error. */
  unset(_key: Value): Value | undefined {
    return undefined;
  }
}

/** What keys are compared by: numbers of different types that are equal are the same key. */
type MapKey = string | boolean | number | bigint;

/** Undefined for what can be no key. */
export function mapKey(value: Value): MapKey | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (value instanceof Uint) return normalizeInt(value.value) ?? value.value;
  if (value instanceof Double && Number.isInteger(value.value)) {
    if (Number.isSafeInteger(value.value)) return value.value === 0 ? 0 : value.value;
    const whole = BigInt(value.value);
    return whole >= intMin && whole <= uintMax ? whole : undefined;
  }
  return undefined;
}

export class EntryMap extends CelMap {
  protected readonly entries: Map<MapKey, readonly [Value, Value]>;

  protected constructor(entries: Map<MapKey, readonly [Value, Value]>) {
    super();
    this.entries = entries;
  }

  static of(entries: Iterable<readonly [Value, Value]> = []): EntryMap {
    const map = new EntryMap(new Map());
    for (const [key, value] of entries) map.set(key, value);
    return map;
  }

  override get size(): number {
    return this.entries.size;
  }

  override find(key: Value): Value | undefined {
    const plain = mapKey(key);
    return plain === undefined ? undefined : this.entries.get(plain)?.[1];
  }

  override *keys(): Iterable<Value> {
    for (const [key] of this.entries.values()) yield key;
  }

  /** For whoever builds the map. False where the value can be no key. */
  set(key: Value, value: Value): boolean {
    const plain = mapKey(key);
    if (plain === undefined) return false;
    this.entries.set(plain, [key, value]);
    return true;
  }

  delete(key: Value): void {
    const plain = mapKey(key);
    if (plain !== undefined) this.entries.delete(plain);
  }
}

/** The accumulator of a fold that makes a map, which nothing else can see, and which therefore grows in place. */
export class GrowingMap extends EntryMap {
  constructor() {
    super(new Map());
  }

  /** The same entries as a map that does not grow any more. */
  finish(): EntryMap {
    return new EntryMap(this.entries);
  }
}

export const isInt = (value: Result): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint';

/** The type of a value; of lists and maps, without their elements'. */
export function typeOfValue(value: Value): Type {
  switch (typeof value) {
    case 'string':
      return stringType;
    case 'boolean':
      return boolType;
    case 'number':
    case 'bigint':
      return intType;
  }
  if (value === null) return nullType;
  if (value instanceof List) return anyListType;
  if (value instanceof CelMap) return anyMapType;
  if (value instanceof Double) return doubleType;
  if (value instanceof Uint) return uintType;
  if (value instanceof Uint8Array) return bytesType;
  if (value instanceof Timestamp) return timestampType;
  if (value instanceof Duration) return durationType;
  if (value instanceof Optional) return anyOptionalType;
  return value instanceof Type ? typeType : value.type;
}
