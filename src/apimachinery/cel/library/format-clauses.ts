/** How a value is written for each clause of a format: `%s`, `%d`, `%.2f` and the others. */
import { toDouble, toText } from '../conversions.js';
import { plainText } from '../number-text.js';
import {
  CelError,
  CelMap,
  Double,
  Duration,
  isInt,
  List,
  Timestamp,
  typeOfValue,
  Uint,
  type Value,
} from '../values.js';

export type Clause = 's' | 'd' | 'f' | 'e' | 'b' | 'x' | 'X' | 'o';

/** The words for a value of a type that the clause cannot write. */
export const clauseComplaints: Record<Clause, string> = {
  s: 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  d: 'decimal clause can only be used on integers',
  f: 'fixed-point clause can only be used on doubles',
  e: 'scientific clause can only be used on doubles',
  b: 'only integers and bools can be formatted as binary',
  x: 'only integers, byte buffers, and strings can be formatted as hex',
  X: 'only integers, byte buffers, and strings can be formatted as hex',
  o: 'octal clause can only be used on integers',
};

const defaultPrecision = 6;

export function writeClause(clause: Clause, value: Value, precision = defaultPrecision): string | CelError {
  return (
    write(clause, value, precision) ?? new CelError(`${clauseComplaints[clause]}, was given ${typeOfValue(value).name}`)
  );
}

/** Undefined where the value has the wrong type. */
function write(clause: Clause, value: Value, precision: number): string | CelError | undefined {
  switch (clause) {
    case 's':
      return textOf(value);
    case 'd':
      return inBase(value, 10);
    case 'f':
      return localized(value, (number) => fixed(number, precision));
    case 'e':
      // Upstream takes the precision for a width, and always writes six digits.
      return localized(value, scientific)?.padStart(precision);
    case 'b':
      return typeof value === 'boolean' ? (value ? '1' : '0') : inBase(value, 2);
    case 'o':
      return inBase(value, 8);
    case 'x':
      return hexadecimal(value);
    case 'X':
      return hexadecimal(value)?.toUpperCase();
  }
}

function inBase(value: Value, base: number): string | undefined {
  if (isInt(value)) return value.toString(base);
  return value instanceof Uint ? value.value.toString(base) : undefined;
}

function hexadecimal(value: Value): string | undefined {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : inBase(value, 16);
}

const numberWords = new Set(['NaN', 'Infinity', '-Infinity']);

/** As American English writes numbers. */
function localized(value: Value, format: (number: number) => string): string | undefined {
  const double = typeof value === 'string' && numberWords.has(value) ? toDouble(value) : value;
  if (!(double instanceof Double)) return undefined;
  const number = double.value;
  if (Number.isNaN(number)) return 'NaN';
  if (!Number.isFinite(number)) return number > 0 ? '∞' : '-∞';
  return format(number);
}

function fixed(number: number, precision: number): string {
  const [whole = '', fraction] = fixedDigits(number, precision).split('.');
  const grouped = whole.replace(/\B(?=(?:\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** Digits behind the point, a half rounded to the even neighbour. JavaScript rounds it up. */
function fixedDigits(number: number, precision: number): string {
  if (Math.abs(number) >= 1e21) return plainText(number) + (precision > 0 ? `.${'0'.repeat(precision)}` : '');
  const digits = number.toFixed(precision);
  if (precision >= 99 || !/^50*$/.test(number.toFixed(100).split('.')[1]!.slice(precision))) return digits;
  const truncated = number.toFixed(precision + 1).slice(0, precision === 0 ? -2 : -1);
  return /[02468]$/.test(truncated) ? truncated : digits;
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function scientific(number: number): string {
  const [mantissa, exponent] = number.toExponential(defaultPrecision).split('e') as [string, string];
  const digits = exponent.replace(/^[+-]/, '').padStart(2, '0');
  const raised = [...digits].map((digit) => superscripts[Number(digit)]).join('');
  return `${mantissa}×10${exponent.startsWith('-') ? '⁻' : ''}${raised}`;
}

function textOf(value: Value): string | CelError | undefined {
  if (value === null) return 'null';
  if (value instanceof List) return listText(value);
  if (value instanceof CelMap) return mapText(value);
  const text = toText(value);
  return typeof text === 'string' ? text : undefined;
}

function listText(list: List): string | CelError {
  const parts: string[] = [];
  for (const element of list) {
    const part = literalText(element);
    if (part instanceof CelError) return part;
    parts.push(part);
  }
  return `[${parts.join(', ')}]`;
}

function mapText(map: CelMap): string | CelError {
  const parts: [string, string][] = [];
  for (const key of map.keys()) {
    const isKey = typeof key === 'string' || typeof key === 'boolean' || isInt(key) || key instanceof Uint;
    if (!isKey) return new CelError(`no formatting function for map key of type ${typeOfValue(key).name}`);
    const [name, value] = [literalText(key), literalText(map.find(key)!)];
    if (name instanceof CelError) return name;
    if (value instanceof CelError) return value;
    parts.push([name, value]);
  }
  parts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${parts.map(([name, value]) => `${name}:${value}`).join(', ')}}`;
}

/** A value within a list or map, as an expression would write it. */
function literalText(value: Value | CelError): string | CelError {
  if (value instanceof CelError) return value;
  if (value instanceof Double) {
    const { value: number } = value;
    if (Number.isNaN(number)) return '"NaN"';
    return Number.isFinite(number) ? fixedDigits(number, defaultPrecision) : number > 0 ? '"+Inf"' : '"-Inf"';
  }
  const text = textOf(value);
  if (text === undefined) return new CelError(`no formatting function for ${typeOfValue(value).name}`);
  if (text instanceof CelError) return text;
  if (value instanceof Timestamp) return `timestamp(${goQuote(text)})`;
  if (value instanceof Duration) return `duration(${goQuote(text)})`;
  if (value instanceof Uint8Array) return `b${goQuote(text)}`;
  return typeof value === 'string' ? goQuote(text) : text;
}

const shortEscapes: Record<string, string> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** As Go quotes a text: what cannot be printed is escaped. */
export function goQuote(text: string): string {
  const escaped = text.replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (character) => {
    const code = character.codePointAt(0)!;
    const hex = code.toString(16);
    if (shortEscapes[character]) return shortEscapes[character];
    if (code < 0x80) return `\\x${hex.padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return `"${escaped}"`;
}
