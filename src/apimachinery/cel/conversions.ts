/** The conversions between types: `int(x)`, `string(x)` and their kin. */
import { secondsMax, secondsMin, timestampOverflow } from './arithmetic.js';
import { doubleText } from './number-text.js';
import { durationText, isInRange, parseDuration, parseTimestamp, timestampText } from './time.js';
import { Type } from './types.js';
import {
  CelError,
  Double,
  Duration,
  isInt,
  normalizeInt,
  type Result,
  Timestamp,
  typeOfValue,
  Uint,
  type Value,
} from './values.js';

const intOverflow = new CelError('integer overflow');
const uintOverflow = new CelError('unsigned integer overflow');

function unconvertible(value: Value, to: string): CelError {
  return new CelError(`type conversion error from '${typeOfValue(value).name}' to '${to}'`);
}

export function toInt(value: Value): Result {
  if (isInt(value)) return value;
  if (value instanceof Uint) return normalizeInt(value.value) ?? intOverflow;
  if (value instanceof Double) {
    if (!(value.value > -(2 ** 63) && value.value < 2 ** 63)) return intOverflow;
    return normalizeInt(BigInt(Math.trunc(value.value))) ?? intOverflow;
  }
  if (typeof value === 'string') {
    const parsed =
      value.length <= 64 && /^[+-]?\d+$/.test(value) ? normalizeInt(BigInt(value.replace(/^\+/, ''))) : undefined;
    return parsed ?? unconvertible(value, 'int');
  }
  if (value instanceof Timestamp) return value.seconds;
  if (value instanceof Duration) return normalizeInt(value.nanos) ?? intOverflow;
  return unconvertible(value, 'int');
}

export function toUint(value: Value): Result {
  if (value instanceof Uint) return value;
  if (isInt(value)) return Uint.of(BigInt(value)) ?? uintOverflow;
  if (value instanceof Double) {
    if (!(value.value >= 0 && value.value < 2 ** 64)) return uintOverflow;
    return Uint.of(BigInt(Math.trunc(value.value))) ?? uintOverflow;
  }
  if (typeof value === 'string') {
    const parsed = value.length <= 64 && /^\d+$/.test(value) ? Uint.of(BigInt(value)) : undefined;
    return parsed ?? unconvertible(value, 'uint');
  }
  return unconvertible(value, 'uint');
}

const decimal = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const hexadecimal = /^([+-]?)0[xX]_?([0-9a-fA-F]+)(?:\.([0-9a-fA-F]*))?[pP]([+-]?\d{1,6})$/;

export function toDouble(value: Value): Result {
  if (value instanceof Double) return value;
  if (isInt(value)) return new Double(Number(value));
  if (value instanceof Uint) return new Double(Number(value.value));
  if (typeof value === 'string') return parseDouble(value) ?? unconvertible(value, 'double');
  return unconvertible(value, 'double');
}

function parseDouble(text: string): Double | undefined {
  const special = /^([+-]?)(?:(inf|infinity)|nan)$/i.exec(text);
  if (special?.[2]) return new Double(special[1] === '-' ? -Infinity : Infinity);
  if (special) return special[1] ? undefined : new Double(Number.NaN);
  const hex = text.length <= 64 ? hexadecimal.exec(text) : null;
  if (!hex && !decimal.test(text)) return undefined;
  const value = hex ? hexadecimalDouble(hex) : Number(text.replaceAll('_', ''));
  return Number.isFinite(value) ? new Double(value) : undefined;
}

function hexadecimalDouble([, sign, whole, fraction = '', exponent]: RegExpExecArray): number {
  const magnitude = Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (Number(exponent) - 4 * fraction.length);
  return sign === '-' ? -magnitude : magnitude;
}

export function toText(value: Value): Result {
  if (typeof value === 'string') return value;
  if (isInt(value)) return String(value);
  if (typeof value === 'boolean') return String(value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Double) return doubleText(value.value);
  if (value instanceof Uint8Array) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
    } catch {
      return new CelError('invalid UTF-8 in bytes, cannot convert to string');
    }
  }
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Duration) return durationText(value);
  return value instanceof Type ? value.name : unconvertible(value, 'string');
}

export function toBytes(value: Value): Result {
  if (value instanceof Uint8Array) return value;
  return typeof value === 'string' ? Buffer.from(value) : unconvertible(value, 'bytes');
}

const trueTexts = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const falseTexts = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

export function toBool(value: Value): Result {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string' && trueTexts.has(value)) return true;
  return typeof value === 'string' && falseTexts.has(value) ? false : unconvertible(value, 'bool');
}

export function toTimestamp(value: Value): Result {
  if (value instanceof Timestamp) return value;
  if (isInt(value))
    return value < secondsMin || value > secondsMax ? timestampOverflow : new Timestamp(Number(value), 0);
  if (typeof value !== 'string') return unconvertible(value, 'google.protobuf.Timestamp');
  const time = parseTimestamp(value);
  if (!time) return unconvertible(value, 'google.protobuf.Timestamp');
  return isInRange(time) ? time : timestampOverflow;
}

export function toDuration(value: Value): Result {
  if (value instanceof Duration) return value;
  const parsed = typeof value === 'string' ? parseDuration(value) : undefined;
  return parsed ?? unconvertible(value, 'google.protobuf.Duration');
}
