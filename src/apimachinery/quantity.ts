/**
 * Amounts of resources: `100m`, `1.5Gi`, `2e3`. An exact value in billionths with the family of suffixes that it is
 * written in. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
import { ParseError } from './parse-error.js';

/** The family of suffixes: `12Mi`, `12M`, `12e6`. */
export type QuantityFormat = 'BinarySI' | 'DecimalSI' | 'DecimalExponent';

/** A decimal exponent to round to: whole units, thousandths. */
export type QuantityScale = 0 | -3 | 3 | 6 | 9;

export const quantityFormatMessage =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Longer texts are refused: no amount needs them, and arithmetic on them would be slow. */
const textLengthMax = 512;
/** `1e1000` is more than anything; upstream takes larger ones and then cannot compare them in useful time. */
const exponentMax = 1000;

const decimalSuffixes = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const decimalSuffixOf = new Map([...decimalSuffixes].map(([suffix, exponent]) => [exponent, suffix]));
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

const unit = 10n ** 9n;
/** Where upstream caps an amount that was written with a binary suffix. */
const binaryMax = (2n ** 63n - 1n) * unit;
const pattern = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/;

export class Quantity {
  static readonly zero = new Quantity(0n, 'DecimalSI', '0');

  readonly nanos: bigint;
  readonly format: QuantityFormat;
  #text: string | undefined;

  private constructor(nanos: bigint, format: QuantityFormat, text?: string) {
    this.nanos = nanos;
    this.format = format;
    this.#text = text;
  }

  /** Throws a ParseError with upstream's texts. What is finer than a billionth is rounded away from zero. */
  static parse(input: string | number): Quantity {
    const quantity = read(input);
    if (typeof quantity === 'string') throw new ParseError('Quantity', quantity);
    return quantity;
  }

  /** The quantity, or undefined where the text is not one. */
  static tryParse(input: unknown): Quantity | undefined {
    if (typeof input !== 'string' && typeof input !== 'number') return undefined;
    const quantity = read(input);
    return typeof quantity === 'string' ? undefined : quantity;
  }

  static of(units: bigint | number, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity(BigInt(units) * unit, format);
  }

  static ofMilli(thousandths: bigint | number, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity(BigInt(thousandths) * 10n ** 6n, format);
  }

  /** For the parser, which alone may keep the text it read. */
  static make(parts: { nanos: bigint; format: QuantityFormat; text?: string }): Quantity {
    return new Quantity(parts.nanos, parts.format, parts.text);
  }

  get isZero(): boolean {
    return this.nanos === 0n;
  }

  get sign(): -1 | 0 | 1 {
    return this.nanos === 0n ? 0 : this.nanos < 0n ? -1 : 1;
  }

  compare(other: Quantity): -1 | 0 | 1 {
    return this.nanos === other.nanos ? 0 : this.nanos < other.nanos ? -1 : 1;
  }

  equals(other: Quantity): boolean {
    return this.nanos === other.nanos;
  }

  /** Zero takes the other's format, so that sums that start at nothing are written like their parts. */
  add(other: Quantity): Quantity {
    return new Quantity(this.nanos + other.nanos, this.isZero ? other.format : this.format);
  }

  subtract(other: Quantity): Quantity {
    return new Quantity(this.nanos - other.nanos, this.isZero ? other.format : this.format);
  }

  multiply(factor: bigint | number): Quantity {
    return new Quantity(this.nanos * BigInt(factor), this.format);
  }

  negate(): Quantity {
    return new Quantity(-this.nanos, this.format);
  }

  /** Away from zero, to a multiple of 10^scale. */
  roundUp(scale: QuantityScale): Quantity {
    const step = 10n ** BigInt(scale + 9);
    const rounded = divideAwayFromZero(this.nanos, step) * step;
    return rounded === this.nanos ? this : new Quantity(rounded, this.format);
  }

  /** Whole units, rounded away from zero. */
  units(): bigint {
    return divideAwayFromZero(this.nanos, unit);
  }

  /** Thousandths, rounded away from zero. */
  milli(): bigint {
    return divideAwayFromZero(this.nanos, 10n ** 6n);
  }

  /** Whole units as a number: exact up to 2^53, which is 8 PiB. */
  unitsNumber(): number {
    return Number(this.units());
  }

  milliNumber(): number {
    return Number(this.milli());
  }

  /** The nearest floating-point number, fractions kept. */
  toNumber(): number {
    const whole = this.nanos / unit;
    return Number(whole) + Number(this.nanos - whole * unit) / 1e9;
  }

  /** The canonical text, as the API serves it. */
  toString(): string {
    this.#text ??= canonicalText(this);
    return this.#text;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** The text as the API serves it; throws a ParseError. */
export function canonicalQuantity(input: string | number): string {
  const plain = typeof input === 'string' ? readPlain(input) : undefined;
  return plain?.isKept ? (input as string) : Quantity.parse(input).toString();
}

/** For sorting: negative when `a` is the smaller. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.compare(b);
}

/** Digits and a suffix, as nearly all amounts are written, read without big numbers. */
interface Plain {
  amount: number;
  suffix: PlainSuffix;
  /** The canonical text is the one that was read. */
  isKept: boolean;
}

interface PlainSuffix {
  format: QuantityFormat;
  /** What one of it is. */
  nanos: bigint;
  /** To the base that the family has. */
  power: number;
}

/** So many digits are exact as a number, and with any suffix below where upstream caps. */
const plainDigitsMax = 15;

/** Undefined for what is not written so: the slow way tells what it is. */
function readPlain(text: string): Plain | undefined {
  let end = 0;
  let amount = 0;
  for (; end < text.length; end++) {
    const digit = text.charCodeAt(end) - 0x30;
    if (digit < 0 || digit > 9) break;
    amount = amount * 10 + digit;
  }
  if (end === 0 || end > plainDigitsMax || text.length > end + 2 || text.charCodeAt(0) === 0x30) return undefined;
  const suffix = end === text.length ? noSuffix : plainSuffixes.get(text.slice(end));
  if (!suffix) return undefined;
  if (suffix.format === 'DecimalSI') return { amount, suffix, isKept: amount % 1000 !== 0 };
  if (end > binaryDigitsMax(suffix.power)) return undefined;
  return { amount, suffix, isKept: amount % 8 !== 0 };
}

const noSuffix: PlainSuffix = { format: 'DecimalSI', nanos: unit, power: 0 };

const plainSuffixes = new Map<string, PlainSuffix>([
  ...[...decimalSuffixes].map(([text, power]): [string, PlainSuffix] => [
    text,
    { format: 'DecimalSI', nanos: 10n ** BigInt(power + 9), power },
  ]),
  ...binarySuffixes.slice(1).map((text, index): [string, PlainSuffix] => {
    const power = 10 * (index + 1);
    return [text, { format: 'BinarySI', nanos: unit << BigInt(power), power }];
  }),
]);

/** What is wrong with the text where it is no quantity: of the many in a large object, an error for each would be slow. */
function read(input: string | number): Quantity | string {
  const text = typeof input === 'number' ? String(input) : input.trim();
  if (text === '0') return Quantity.zero;
  const plain = readPlain(text);
  if (plain) {
    const { amount, suffix, isKept } = plain;
    return Quantity.make({
      nanos: BigInt(amount) * suffix.nanos,
      format: suffix.format,
      text: isKept ? text : undefined,
    });
  }
  const match = text.length === 0 || text.length > textLengthMax ? null : pattern.exec(text);
  if (!match) return quantityFormatMessage;
  const [, sign, leading = '', fraction = '', suffix = ''] = match;
  const whole = leading.replace(/^0+/, '') || '0';
  const scale = readSuffix(suffix);
  if (!scale) return "unable to parse quantity's suffix";
  const { base, exponent, format } = scale;
  const digits = BigInt(whole + fraction);
  const scaled = base === 2 ? digits << BigInt(exponent) : digits;
  const magnitude = toNanos(scaled, (base === 10 ? exponent : 0) - fraction.length);
  const signed = (amount: bigint) => (sign === '-' ? -amount : amount);
  if (format === 'BinarySI') {
    const capped = magnitude > binaryMax ? binaryMax : magnitude;
    const fractional = capped > 0n && capped < unit;
    const kept = keepsBinaryText({ whole, fraction, exponent }) ? text : undefined;
    return Quantity.make({ nanos: signed(capped), format: fractional ? 'DecimalSI' : format, text: kept });
  }
  const kept = keepsDecimalText({ whole, fraction, exponent }) ? text : undefined;
  return Quantity.make({ nanos: signed(magnitude), format, text: kept });
}

export function readSuffix(suffix: string): { base: 2 | 10; exponent: number; format: QuantityFormat } | undefined {
  const decimal = decimalSuffixes.get(suffix);
  if (decimal !== undefined) return { base: 10, exponent: decimal, format: 'DecimalSI' };
  const binary = binarySuffixes.indexOf(suffix);
  if (binary > 0) return { base: 2, exponent: binary * 10, format: 'BinarySI' };
  const exponent = /^[eE][-+]?\d+$/.test(suffix) ? Number(suffix.slice(1)) : Number.NaN;
  if (!(Math.abs(exponent) <= exponentMax)) return undefined;
  return { base: 10, exponent, format: 'DecimalExponent' };
}

function toNanos(digits: bigint, exponent: number): bigint {
  const shift = exponent + 9;
  return shift >= 0 ? digits * 10n ** BigInt(shift) : divideAwayFromZero(digits, 10n ** BigInt(-shift));
}

function divideAwayFromZero(amount: bigint, step: bigint): bigint {
  const quotient = amount / step;
  if (quotient * step === amount) return quotient;
  return amount < 0n ? quotient - 1n : quotient + 1n;
}

interface Written {
  whole: string;
  fraction: string;
  exponent: number;
}

/**
 * Upstream serves a text that looks canonical as it was written, so `1.500` stays but `1.5` becomes `1500m`. Clients
 * compare what they sent with what they get, so the same texts are kept here.
 */
export function keepsDecimalText({ whole, fraction, exponent }: Written): boolean {
  const digits = whole + fraction;
  const scale = exponent - fraction.length;
  return digits.length <= 18 && scale >= -9 && scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0');
}

export function keepsBinaryText({ whole, fraction, exponent }: Written): boolean {
  return fraction === '' && whole.length <= binaryDigitsMax(exponent) && BigInt(whole) % 8n !== 0n;
}

export function binaryDigitsMax(exponent: number): number {
  return 14 - Math.trunc((exponent * 3) / 10);
}

function canonicalText({ nanos, format }: Quantity): string {
  if (nanos === 0n) return '0';
  const isWhole = nanos % unit === 0n;
  const magnitude = nanos < 0n ? -nanos : nanos;
  if (format === 'BinarySI' && isWhole && magnitude >= 1024n * unit) return binaryText(nanos / unit);
  return decimalText(nanos, format === 'DecimalExponent' ? 'DecimalExponent' : 'DecimalSI');
}

function binaryText(units: bigint): string {
  let power = 0;
  let mantissa = units;
  if (units <= BigInt(Number.MAX_SAFE_INTEGER)) {
    let small = Number(units);
    for (; power + 1 < binarySuffixes.length && small % 1024 === 0; power++) small /= 1024;
    return `${small}${binarySuffixes[power]}`;
  }
  while (power + 1 < binarySuffixes.length && mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    power++;
  }
  return `${mantissa}${binarySuffixes[power]}`;
}

/** The largest suffix that leaves no fraction. Beyond `E` there is none, and the digits grow instead. */
function decimalText(nanos: bigint, format: 'DecimalSI' | 'DecimalExponent'): string {
  let exponent = -9;
  let mantissa = nanos;
  while (mantissa % 1000n === 0n && (format === 'DecimalExponent' || exponent < 18)) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (format === 'DecimalSI') return `${mantissa}${decimalSuffixOf.get(exponent)}`;
  return exponent === 0 ? String(mantissa) : `${mantissa}e${exponent}`;
}
