/**
 * JSON text to values and back without loss: a whole number of 64 bits that no double holds, as ids of clouds are, is a
 * bigint. Numbers that fit are numbers, as everywhere. Go's clients and upstream's server keep such numbers exactly.
 */

/** A number that is not written as a whole number of 64 bits: `2.0`, `1e3`. Only where it is asked for. */
export class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  valueOf(): number {
    return Number(this.text);
  }
}

/** As few digits as a number that no double holds has. */
const long = /\d{16}/;
const fractional = /(?:":|[[,])\s*-?\d+(?:\.\d|[eE])/;

/** Throws a SyntaxError, as JSON.parse does. `texts`: give numbers that are not written whole as they are written. */
export function parseExact(text: string, { texts = false } = {}): unknown {
  const value: unknown = JSON.parse(text);
  if (!long.test(text) && !(texts && fractional.test(text))) return value;
  const mark = unusedMark(text);
  const marked = new Map<string, bigint | NumberText>();
  const source = replaceNumbers(text, (number) => {
    const exact = exactOf(number, texts);
    if (exact === undefined) return number;
    const name = `${mark}${marked.size}`;
    marked.set(name, exact);
    return JSON.stringify(name);
  });
  if (marked.size === 0) return value;
  return JSON.parse(source, (_, one) => (typeof one === 'string' ? (marked.get(one) ?? one) : one));
}

function exactOf(number: string, texts: boolean): bigint | NumberText | undefined {
  if (/[.eE]/.test(number)) return texts ? new NumberText(number) : undefined;
  if (Number.isSafeInteger(Number(number))) return undefined;
  // To make a bigint of a million digits takes a tenth of a second.
  if (number.length > int64CharactersMax) return texts ? new NumberText(number) : undefined;
  const exact = BigInt(number);
  if (BigInt.asIntN(64, exact) === exact) return exact;
  return texts ? new NumberText(number) : undefined;
}

/** JSON has no leading zeros. */
const int64CharactersMax = '-9223372036854775808'.length;

function unusedMark(text: string): string {
  let mark = '\u0000number';
  while (text.includes(JSON.stringify(mark).slice(1, -1))) mark += '-';
  return mark;
}

/** Of valid JSON. */
function replaceNumbers(text: string, replace: (number: string) => string): string {
  let out = '';
  let from = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      let end = at + 1;
      while (end < text.length && /[\d.eE+-]/.test(text[end]!)) end++;
      out += text.slice(from, at) + replace(text.slice(at, end));
      from = at = end;
    } else at++;
  }
  return out + text.slice(from);
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
}

const digitsMark = '\u0000int64:';
const quotedDigits = /"\\u0000int64:(-?\d+)"/g;

/** Whether a text is being made from which the marks are taken again, and how many there are in it. */
let isMarking = false;
let marks = 0;

/** JSON.stringify throws for a bigint unless told how to write it; who calls that alone gets a number that is near. */
Object.defineProperty(BigInt.prototype, 'toJSON', {
  configurable: true,
  writable: true,
  value(this: bigint): number | string {
    if (!isMarking) return Number(this);
    marks++;
    return `${digitsMark}${this}`;
  },
});

/** As JSON.stringify, with bigints as the numbers that they are. */
export function toJson(value: unknown, space?: number): string {
  marks = 0;
  isMarking = true;
  try {
    const text = JSON.stringify(value, undefined, space);
    return marks > 0 ? text.replace(quotedDigits, '$1') : text;
  } finally {
    isMarking = false;
  }
}

/** A number or bigint. */
export function isNumber(value: unknown): value is number {
  return typeof value === 'number' || typeof value === 'bigint';
}
