/** The arithmetic operators. Integers have 64 bits, and what does not fit is an error. */
import {
  ArrayList,
  CelError,
  ConcatenatedList,
  Double,
  Duration,
  GrowingList,
  isInt,
  List,
  normalizeInt,
  noSuchOverload,
  type Result,
  Timestamp,
  Uint,
  type Value,
} from './values.js';

const intOverflow = new CelError('integer overflow');
const uintOverflow = new CelError('unsigned integer overflow');
const durationOverflow = new CelError('duration overflow');
export const timestampOverflow = new CelError('timestamp overflow');

/** Of `0001-01-01T00:00:00Z` and `9999-12-31T23:59:59Z`. */
export const secondsMin = -62_135_596_800;
export const secondsMax = 253_402_300_799;

/** Lists from an object with a schema add up by their keys, if that is what their schema says. */
export interface OwnAddition {
  add(other: List): Result;
}

type Operation = 'add' | 'subtract' | 'multiply' | 'divide' | 'modulo';

export function add(a: Value, b: Value): Result {
  if (typeof a === 'number' && typeof b === 'number') return checkedInt(a + b) ?? exact('add', a, b);
  if (typeof a === 'string') return typeof b === 'string' ? a + b : noSuchOverload;
  if (a instanceof List) return b instanceof List ? concatenate(a, b) : noSuchOverload;
  if (a instanceof Timestamp && b instanceof Duration) return shift(a, b.nanos);
  if (a instanceof Duration) {
    if (b instanceof Timestamp) return shift(b, a.nanos);
    return b instanceof Duration ? duration(a.nanos + b.nanos) : noSuchOverload;
  }
  if (a instanceof Uint8Array) return b instanceof Uint8Array ? Buffer.concat([a, b]) : noSuchOverload;
  return arithmetic('add', a, b);
}

export function subtract(a: Value, b: Value): Result {
  if (typeof a === 'number' && typeof b === 'number') return checkedInt(a - b) ?? exact('subtract', a, b);
  if (a instanceof Timestamp) {
    if (b instanceof Duration) return b.nanos === intMin ? durationOverflow : shift(a, -b.nanos);
    if (!(b instanceof Timestamp)) return noSuchOverload;
    return duration(BigInt(a.seconds - b.seconds) * 1_000_000_000n + BigInt(a.nanos - b.nanos));
  }
  if (a instanceof Duration) return b instanceof Duration ? duration(a.nanos - b.nanos) : noSuchOverload;
  return arithmetic('subtract', a, b);
}

export function multiply(a: Value, b: Value): Result {
  if (typeof a === 'number' && typeof b === 'number') return checkedInt(a * b) ?? exact('multiply', a, b);
  return arithmetic('multiply', a, b);
}

export function divide(a: Value, b: Value): Result {
  if (isZero(b)) return isInt(a) === isInt(b) ? new CelError('division by zero') : noSuchOverload;
  if (typeof a === 'number' && typeof b === 'number') return Math.trunc(a / b) + 0;
  return arithmetic('divide', a, b);
}

export function modulo(a: Value, b: Value): Result {
  if (isZero(b)) return isInt(a) === isInt(b) ? new CelError('modulus by zero') : noSuchOverload;
  if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0;
  return a instanceof Double ? noSuchOverload : arithmetic('modulo', a, b);
}

export function negate(a: Value): Result {
  if (typeof a === 'number') return 0 - a;
  if (typeof a === 'bigint') return normalizeInt(-a) ?? intOverflow;
  if (a instanceof Double) return new Double(-a.value);
  return a instanceof Duration ? duration(-a.nanos) : noSuchOverload;
}

const intMin = -(2n ** 63n);

const isZero = (value: Value): boolean => value === 0 || (value instanceof Uint && value.value === 0n);

/** Undefined where the number is not exact any more. Minus zero is zero. */
const checkedInt = (value: number): number | undefined => (Number.isSafeInteger(value) ? value + 0 : undefined);

function arithmetic(operation: Operation, a: Value, b: Value): Result {
  if (isInt(a)) return isInt(b) ? exact(operation, a, b) : noSuchOverload;
  if (a instanceof Uint) {
    if (!(b instanceof Uint)) return noSuchOverload;
    return Uint.of(onBigints(operation, a.value, b.value)) ?? uintOverflow;
  }
  if (a instanceof Double)
    return b instanceof Double ? new Double(onDoubles(operation, a.value, b.value)) : noSuchOverload;
  return new CelError(`no such overload: ${signs[operation]}`);
}

const signs: Record<Operation, string> = {
  add: '_+_',
  subtract: '_-_',
  multiply: '_*_',
  divide: '_/_',
  modulo: '_%_',
};

function exact(operation: Operation, a: number | bigint, b: number | bigint): Result {
  return normalizeInt(onBigints(operation, BigInt(a), BigInt(b))) ?? intOverflow;
}

function onBigints(operation: Operation, a: bigint, b: bigint): bigint {
  switch (operation) {
    case 'add':
      return a + b;
    case 'subtract':
      return a - b;
    case 'multiply':
      return a * b;
    case 'divide':
      return a / b;
    case 'modulo':
      return a === intMin && b === -1n ? 2n ** 63n : a % b;
  }
}

function onDoubles(operation: Operation, a: number, b: number): number {
  switch (operation) {
    case 'add':
      return a + b;
    case 'subtract':
      return a - b;
    case 'multiply':
      return a * b;
    default:
      return a / b;
  }
}

function concatenate(a: List, b: List): Result {
  if (a instanceof GrowingList) {
    for (const value of b) {
      if (value instanceof CelError) return value;
      a.values.push(value);
    }
    return a;
  }
  if ('add' in a) return (a as List & OwnAddition).add(b);
  if (a.size === 0) return b;
  if (b.size === 0) return a;
  if (a instanceof ArrayList && b instanceof ArrayList && a.size + b.size < 32)
    return new ArrayList([...a.values, ...b.values]);
  return new ConcatenatedList(a, b);
}

export function duration(nanos: bigint): Duration | CelError {
  return nanos >= intMin && nanos < 2n ** 63n ? new Duration(nanos) : durationOverflow;
}

function shift(time: Timestamp, nanos: bigint): Timestamp | CelError {
  const total = BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanos) + nanos;
  const rest = ((total % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = Number((total - rest) / 1_000_000_000n);
  return seconds < secondsMin || seconds > secondsMax
    ? timestampOverflow
    : new Timestamp(seconds, Number(rest), time.zoneSeconds);
}
