/** Texts with a format, as values: dates, times, durations and bytes, read as OpenAPI's validation reads them. */
import { isInRange, parseDate, parseDuration, parseTimestamp } from '../time.js';
import { CelError, Duration, type Result, Timestamp } from '../values.js';

const localTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z)?$/;

/** RFC 3339, or without a zone, or without seconds; the empty text is 1970. */
function dateTime(text: string): Timestamp | undefined {
  if (text === '') return new Timestamp(0, 0);
  const match = localTime.exec(text);
  if (!match || (match[1] && match[2])) return parseTimestamp(text);
  return parseTimestamp(`${text.replace('Z', '')}${match[1] ? '' : ':00'}Z`);
}

const unitNanos: [pattern: RegExp, nanos: bigint][] = [
  [/^(ns|nanos?|nanoseconds?|nanosecs?)$/, 1n],
  [/^(us|µs|micros?|microseconds?|microsecs?)$/, 1_000n],
  [/^(ms|millis?|milliseconds?|millisecs?)$/, 1_000_000n],
  [/^(s|secs?|seconds?)$/, 1_000_000_000n],
  [/^(m|mins?|minutes?)$/, 60_000_000_000n],
  [/^(h|hrs?|hours?)$/, 3_600_000_000_000n],
  [/^(d|days?)$/, 86_400_000_000_000n],
  [/^(w|weeks?|wks?)$/, 604_800_000_000_000n],
];

/** Go's text, or words: `2 days`. */
function duration(text: string): Duration | undefined {
  const plain = parseDuration(text);
  if (plain) return plain;
  let nanos = 0n;
  let isAny = false;
  for (const [, count, unit] of text.slice(0, 256).matchAll(/(\d+)\s*([A-Za-zµ]+)/g)) {
    const known = unitNanos.find(([pattern]) => pattern.test(unit!.toLowerCase()));
    if (!known) continue;
    nanos += BigInt(count!) * known[1];
    isAny = true;
  }
  return isAny && nanos < 2n ** 63n ? new Duration(nanos) : undefined;
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A text as its format says. */
export function formatted(text: string, format: string | undefined): Result {
  switch (format) {
    case 'duration':
      return duration(text) ?? new CelError(`Invalid duration ${text}: unable to parse ${text} as duration`);
    case 'date':
      return parseDate(text) ?? new CelError(`Invalid date formatted string ${text}`);
    case 'date-time': {
      const time = dateTime(text);
      return time && isInRange(time) ? time : new CelError(`Invalid date-time formatted string ${text}`);
    }
    case 'byte': {
      const joined = text.replace(/[\r\n]/g, '');
      return base64.test(joined)
        ? Buffer.from(joined, 'base64')
        : new CelError(`Invalid byte formatted string ${text}`);
    }
    default:
      return text;
  }
}
