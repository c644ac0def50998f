/** Range and multiple of numbers, in the words of kube-openapi. */
import { general, type Place, Result, unfit } from './result.js';
import type { Schema } from './schema.js';

export function findNumberFaults(value: number | bigint, schema: Schema, place: Place): Result {
  const { minimum, maximum, multipleOf, exclusiveMinimum, exclusiveMaximum } = schema;
  const result = new Result();
  const inRange = (number: number | bigint, what: string) => {
    if (!fitsType(number, schema)) result.add(general(place, outOfRange(what, schema, place)));
  };
  inRange(value, 'Checked');
  if (multipleOf !== undefined) {
    inRange(multipleOf, 'MultipleOf');
    if (!isMultiple(value, multipleOf))
      result.add(unfit(place, value, `should be a multiple of ${goNumber(multipleOf)}`));
  }
  if (minimum !== undefined) {
    inRange(minimum, 'Minimum boundary');
    if (exclusiveMinimum ? value <= minimum : value < minimum)
      result.add(
        unfit(place, value, `should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${goNumber(minimum)}`),
      );
  }
  if (maximum !== undefined) {
    inRange(maximum, 'Maximum boundary');
    if (exclusiveMaximum ? value >= maximum : value > maximum)
      result.add(
        unfit(place, value, `should be less than ${exclusiveMaximum ? '' : 'or equal to '}${goNumber(maximum)}`),
      );
  }
  return result;
}

function outOfRange(what: string, { type, format }: Schema, { name }: Place): string {
  const form = format ? `with format ${format}` : '(default format)';
  return `${what} value must be of type ${type} ${form} in ${name}`;
}

function fitsType(value: number | bigint, { type, format }: Schema): boolean {
  if (type === 'number') return format !== 'float' || Math.abs(Number(value)) <= 3.4028234663852886e38;
  if (type !== 'integer') return true;
  if (typeof value === 'bigint') return format !== 'int32';
  if (!Number.isInteger(value)) return false;
  return format === 'int32' ? (value | 0) === value : Math.abs(value) < 2 ** 63;
}

function isMultiple(value: number | bigint, of: number): boolean {
  if (of <= 0) return of === 0;
  if (typeof value === 'bigint' && Number.isSafeInteger(of)) return value % BigInt(of) === 0n;
  const number = Number(value);
  if (Number.isInteger(number) && Number.isInteger(of)) return number % of === 0;
  const quotient = of < 1 ? (1 / of) * number : number / of;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9 * Math.max(1, Math.abs(quotient));
}

/** As Go prints a float64 with %v: an exponent of two digits from 1e21 and below 1e-4. */
function goNumber(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential().replace(/e-(\d)$/, 'e-0$1');
  return String(value);
}
