/**
 * The text forms of metav1.Time, metav1.MicroTime and metav1.Duration: RFC 3339 read in any offset and written in UTC,
 * and Go's notation for durations (https://pkg.go.dev/time#ParseDuration). Errors are SyntaxErrors with Go's words.
 */

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

export interface Instant {
  /** Since 1970, whole. */
  seconds: number;
  /** 0 to 999 999 999. */
  nanos: number;
}

/** Reads RFC 3339. `layout` is the Go layout that an error message names. */
export function parseInstant(text: string, layout = '2006-01-02T15:04:05Z07:00'): Instant {
  const match = rfc3339.exec(text);
  if (!match) throw new SyntaxError(cannotParse(text, layout));
  const [, year, month, day, hour, minute, second, fraction = '', zone] = match as unknown as string[];
  const fields = [Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second)] as const;
  checkRanges(text, fields);
  const date = new Date(0);
  date.setUTCFullYear(fields[0], fields[1] - 1, fields[2]);
  date.setUTCHours(fields[3], fields[4], fields[5]);
  const offsetSeconds =
    zone === 'Z' ? 0 : Number(`${zone![0]}1`) * (Number(zone!.slice(1, 3)) * 3600 + Number(zone!.slice(4)) * 60);
  return { seconds: date.getTime() / 1000 - offsetSeconds, nanos: Number(fraction.padEnd(9, '0').slice(0, 9)) };
}

type DateFields = readonly [year: number, month: number, day: number, hour: number, minute: number, second: number];

function checkRanges(text: string, [year, month, day, hour, minute, second]: DateFields): void {
  const outOfRange = (what: string) => new SyntaxError(`parsing time ${JSON.stringify(text)}: ${what} out of range`);
  if (month < 1 || month > 12) throw outOfRange('month');
  if (day < 1 || day > daysOf(year, month)) throw outOfRange('day');
  if (hour > 23) throw outOfRange('hour');
  if (minute > 59) throw outOfRange('minute');
  if (second > 59) throw outOfRange('second');
}

function daysOf(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

type Layout = readonly (readonly [RegExp, string])[];

/** The parts of the layout, each with what stands there, so that the message names the first that does not fit. */
const layoutParts: Layout = [
  [/^\d{4}/, '2006'],
  [/^-/, '-'],
  [/^\d\d/, '01'],
  [/^-/, '-'],
  [/^\d\d/, '02'],
  [/^T/, 'T'],
  [/^\d\d/, '15'],
  [/^:/, ':'],
  [/^\d\d/, '04'],
  [/^:/, ':'],
  [/^\d\d(?:[.,]\d+)?/, '05'],
  [/^(?:Z|[+-]\d\d:\d\d)/, 'Z07:00'],
];

const microLayout = '2006-01-02T15:04:05.000000Z07:00';
const microLayoutParts: Layout = [
  ...layoutParts.slice(0, -2),
  [/^\d\d/, '05'],
  [/^[.,]\d{6}(?!\d)/, '.000000'],
  layoutParts.at(-1)!,
];

function cannotParse(text: string, layout: string): string {
  const start = `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}`;
  let rest = text;
  for (const [pattern, part] of layout === microLayout ? microLayoutParts : layoutParts) {
    const match = pattern.exec(rest);
    if (!match) return `${start}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(part)}`;
    rest = rest.slice(match[0].length);
  }
  return `parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`;
}

const canonicalTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** Whole seconds in UTC; what is in that form already is checked only. */
export function canonicalizeTime(text: string): string {
  const instant = parseInstant(text);
  return canonicalTime.test(text) ? text : formatInstant(instant);
}

/** Six digits of the second in UTC; upstream reads no other number of digits either. */
export function canonicalizeMicroTime(text: string): string {
  const instant = parseInstant(text, microLayout);
  if (!/[.,]\d{6}(?:Z|[+-])/.test(text)) throw new SyntaxError(cannotParse(text, microLayout));
  return formatMicroInstant(instant);
}

export function formatInstant({ seconds }: Instant): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}Z`;
}

export function formatMicroInstant({ seconds, nanos }: Instant): string {
  const micros = String(Math.floor(nanos / 1000)).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}.${micros}Z`;
}

const unitNanos: Record<string, bigint> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Go's duration text to nanoseconds. */
export function parseDuration(text: string): bigint {
  const invalid = () => new SyntaxError(`time: invalid duration ${JSON.stringify(text)}`);
  const negative = text.startsWith('-');
  let rest = /^[+-]/.test(text) ? text.slice(1) : text;
  if (rest === '0') return 0n;
  if (rest === '') throw invalid();
  let nanos = 0n;
  while (rest !== '') {
    const match = /^(\d*)(?:\.(\d*))?([^\d.]*)/.exec(rest)!;
    const [whole, integer, fraction = '', unit] = match as unknown as string[];
    if (integer === '' && fraction === '') throw invalid();
    if (unit === '') throw new SyntaxError(`time: missing unit in duration ${JSON.stringify(text)}`);
    const scale = Object.hasOwn(unitNanos, unit!) ? unitNanos[unit!] : undefined;
    if (scale === undefined) {
      throw new SyntaxError(`time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    }
    if (whole!.length > 40) throw invalid();
    nanos += BigInt(integer || '0') * scale + (BigInt(fraction || '0') * scale) / 10n ** BigInt(fraction.length);
    if (nanos > 2n ** 63n - 1n) throw invalid();
    rest = rest.slice(whole!.length);
  }
  return negative ? -nanos : nanos;
}

/** As Go's Duration.String: `1h30m0s`, `1.5s`, `300ms`, `0s`. */
export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return '0s';
  const sign = nanos < 0n ? '-' : '';
  const size = nanos < 0n ? -nanos : nanos;
  for (const [unit, scale] of [
    ['ns', 1n],
    ['µs', 1000n],
    ['ms', 1_000_000n],
  ] as const) {
    if (size < scale * 1000n) return `${sign}${decimal(size, scale)}${unit}`;
  }
  const seconds = decimal(size % 60_000_000_000n, 1_000_000_000n);
  const minutes = size / 60_000_000_000n;
  if (minutes === 0n) return `${sign}${seconds}s`;
  const hours = minutes / 60n;
  return `${sign}${hours > 0n ? `${hours}h` : ''}${minutes % 60n}m${seconds}s`;
}

/** Whole milliseconds; the rest is cut off. Throws as `parseDuration`. */
export function parseMilliseconds(text: string): number {
  return Number(parseDuration(text) / 1_000_000n);
}

/** Of whole milliseconds. */
export function formatMilliseconds(ms: number): string {
  return formatDuration(BigInt(ms) * 1_000_000n);
}

function decimal(value: bigint, scale: bigint): string {
  const digits = String(scale).length - 1;
  const fraction =
    digits > 0
      ? String(value % scale)
          .padStart(digits, '0')
          .replace(/0+$/, '')
      : '';
  return fraction ? `${value / scale}.${fraction}` : `${value / scale}`;
}
