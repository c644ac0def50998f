/**
 * Timestamps and durations as texts, and the parts of a timestamp in a time zone.
 * https://github.com/google/cel-spec/blob/master/doc/langdef.md#timezones
 */
import { secondsMax, secondsMin } from './arithmetic.js';
import { plainText } from './number-text.js';
import { CelError, Duration, Timestamp } from './values.js';

const dateTime = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/** Reads RFC 3339; undefined where the text is none. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const match = dateTime.exec(text);
  if (!match) return undefined;
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6])];
  const day = parseDate(`${match[1]}-${match[2]}-${match[3]}`);
  if (day === undefined || hour > 23 || minute > 59 || second > 59) return undefined;
  const [zoneHour, zoneMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (zoneHour > 24 || zoneMinute > 60) return undefined;
  const zone = (match[8] === '-' ? -1 : 1) * (zoneHour * 3600 + zoneMinute * 60);
  const seconds = day.seconds + hour * 3600 + minute * 60 + second - zone;
  return new Timestamp(seconds, Number((match[7] ?? '').slice(0, 9).padEnd(9, '0')), zone);
}

/** Reads `2006-01-02` as midnight UTC. */
export function parseDate(text: string): Timestamp | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!match) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return new Timestamp(date.getTime() / 1000, 0);
}

export const isInRange = (time: Timestamp): boolean => time.seconds >= secondsMin && time.seconds <= secondsMax;

/** RFC 3339 with as many digits behind the second as needed, in the zone that it was written in. */
export function timestampText(time: Timestamp): string {
  const local = new Date((time.seconds + time.zoneSeconds) * 1000).toISOString();
  const fraction = time.nanos === 0 ? '' : `.${String(time.nanos).padStart(9, '0').replace(/0+$/, '')}`;
  return `${local.replace(/\.\d+Z$/, '')}${fraction}${zoneText(time.zoneSeconds)}`;
}

function zoneText(seconds: number): string {
  if (seconds === 0) return 'Z';
  const minutes = Math.trunc(Math.abs(seconds) / 60);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${seconds < 0 ? '-' : '+'}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
}

const unitNanos: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const durationPattern = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const durationPart = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g;
/** Longer texts are no sensible durations, and their arithmetic would be slow. */
const durationLengthMax = 1024;

/** Reads Go's duration text, `1h30m`; undefined where the text is none or does not fit. */
export function parseDuration(text: string): Duration | undefined {
  if (/^[+-]?0$/.test(text)) return new Duration(0n);
  if (text.length > durationLengthMax || !durationPattern.test(text)) return undefined;
  let nanos = 0n;
  for (const [, whole, fraction = '', unit] of text.matchAll(durationPart)) {
    const scale = unitNanos[unit!]!;
    nanos += BigInt(whole || '0') * scale + (BigInt(fraction || '0') * scale) / 10n ** BigInt(fraction.length);
  }
  const signed = text.startsWith('-') ? -nanos : nanos;
  return signed >= -(2n ** 63n) && signed < 2n ** 63n ? new Duration(signed) : undefined;
}

/** A duration as a decimal number of seconds: `5400s`, `0.5s`. */
export function durationText(duration: Duration): string {
  const seconds = Number(duration.nanos / 1_000_000_000n) + Number(duration.nanos % 1_000_000_000n) / 1e9;
  return `${plainText(seconds)}s`;
}

/** The parts of a moment as a clock and calendar show them. */
export type TimePart =
  | 'year'
  | 'month'
  | 'dayOfYear'
  | 'dayOfMonth'
  | 'date'
  | 'dayOfWeek'
  | 'hours'
  | 'minutes'
  | 'seconds'
  | 'milliseconds';

export function timePart(time: Timestamp, part: TimePart, zone?: string): number | CelError {
  const offset = zone === undefined ? 0 : zoneOffsetSeconds(zone, time);
  if (offset instanceof CelError) return offset;
  const local = new Date((time.seconds + offset) * 1000);
  switch (part) {
    case 'year':
      return local.getUTCFullYear();
    case 'month':
      return local.getUTCMonth();
    case 'dayOfYear': {
      const start = new Date(0);
      start.setUTCFullYear(local.getUTCFullYear(), 0, 1);
      return Math.floor((local.getTime() - start.getTime()) / 86_400_000);
    }
    case 'dayOfMonth':
      return local.getUTCDate() - 1;
    case 'date':
      return local.getUTCDate();
    case 'dayOfWeek':
      return local.getUTCDay();
    case 'hours':
      return local.getUTCHours();
    case 'minutes':
      return local.getUTCMinutes();
    case 'seconds':
      return local.getUTCSeconds();
    case 'milliseconds':
      return Math.trunc(time.nanos / 1_000_000);
  }
}

function zoneOffsetSeconds(zone: string, time: Timestamp): number | CelError {
  const colon = zone.indexOf(':');
  if (colon < 0) return namedOffsetSeconds(zone, time);
  const parts = [zone.slice(0, colon), zone.slice(colon + 1)];
  const wrong = parts.find((part) => !/^[+-]?\d+$/.test(part));
  if (wrong !== undefined) return new CelError(`strconv.Atoi: parsing ${JSON.stringify(wrong)}: invalid syntax`);
  const [hours, minutes] = parts.map(Number) as [number, number];
  if (minutes < 0 || minutes > 59) return new CelError(`timezone offset minutes out of range [0, 59]: ${zone}`);
  return (hours * 60 + (zone.startsWith('-') ? -minutes : minutes)) * 60;
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** There are some 600 zones; what names none is not kept. */
function namedOffsetSeconds(zone: string, time: Timestamp): number | CelError {
  if (zone === '' || zone === 'UTC' || zone === 'Local') return 0;
  let format = formats.get(zone);
  if (!format) {
    if (!/^[A-Za-z]/.test(zone)) return new CelError(`unknown time zone ${zone}`);
    try {
      format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    } catch {
      return new CelError(`unknown time zone ${zone}`);
    }
    formats.set(zone, format);
  }
  const shown = format.formatToParts(time.seconds * 1000).find((part) => part.type === 'timeZoneName')?.value ?? '';
  const match = /([+-])(\d{2}):(\d{2})(?::(\d{2}))?/.exec(shown);
  if (!match) return 0;
  const seconds = Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4] ?? 0);
  return match[1] === '-' ? -seconds : seconds;
}
