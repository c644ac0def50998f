/** Civil time in the time zones of the IANA database, as the runtime's ICU knows them. */

/** A moment as the clocks of some place show it. Months count from 1, weekdays from Sunday as 0. */
export interface CivilTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  weekday: number;
}

export interface TimeZone {
  readonly name: string;
  /** Civil time minus UTC at an instant. */
  offsetMs(instantMs: number): number;
}

export const utc: TimeZone = { name: 'UTC', offsetMs: () => 0 };

/** Zones that were asked for, because making a formatter takes far longer than using one. There are about 600. */
const known = new Map<string, TimeZone>([['UTC', utc]]);

/** Offsets kept per zone, in steps of a quarter of an hour, at which all of today's transitions happen. */
const stepMs = 15 * 60 * 1000;
const offsetsMax = 4096;

/** Undefined for a name that the database does not have. Names are case-sensitive, as on a file system. */
export function timeZone(name: string): TimeZone | undefined {
  const found = known.get(name);
  if (found) return found;
  // ICU takes any case, and offsets such as `+01:00`; the database has neither.
  if (!/^[A-Za-z]/.test(name) || name === name.toLowerCase()) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const { timeZone: canonical } = format.resolvedOptions();
  if (canonical.toLowerCase() === name.toLowerCase() && canonical !== name) return undefined;
  const zone = zoneOf(name, format);
  known.set(name, zone);
  return zone;
}

function zoneOf(name: string, format: Intl.DateTimeFormat): TimeZone {
  const offsets = new Map<number, number>();
  return {
    name,
    offsetMs(instantMs) {
      const step = Math.floor(instantMs / stepMs);
      const kept = offsets.get(step);
      if (kept !== undefined) return kept;
      const offset = parseOffset(format.format(step * stepMs));
      if (offsets.size >= offsetsMax) offsets.clear();
      offsets.set(step, offset);
      return offset;
    },
  };
}

/** `1/1/2026, GMT-05:00`; UTC itself is `GMT`. */
function parseOffset(text: string): number {
  const match = /GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/.exec(text);
  if (!match) throw new Error(`no offset in ${JSON.stringify(text)}`);
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = match;
  const size = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  return sign === '-' ? -size : size;
}

export function civilTime(instantMs: number, zone: TimeZone): CivilTime {
  const shifted = new Date(instantMs + zone.offsetMs(instantMs));
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth() + 1,
    day: shifted.getUTCDate(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
    weekday: shifted.getUTCDay(),
  };
}

/**
 * The instant at which clocks show this; fields beyond their range carry over. Where a change of clocks makes it none
 * or two, it is the one that Go's `time.Date` gives (https://pkg.go.dev/time#Date), on which schedules rest.
 */
export function instantOf(
  {
    year,
    month,
    day,
    hour = 0,
    minute = 0,
    second = 0,
  }: Partial<CivilTime> & { year: number; month: number; day: number },
  zone: TimeZone,
): number {
  const naive = Date.UTC(year, month - 1, day, hour, minute, second);
  const offset = zone.offsetMs(naive);
  if (offset === 0) return naive;
  return naive - zone.offsetMs(naive - offset);
}
