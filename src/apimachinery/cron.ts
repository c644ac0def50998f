/**
 * Cron schedules as Kubernetes takes them: five fields or a descriptor, with the errors of github.com/robfig/cron/v3,
 * which clients see, and when they are due next, across time zones and changes of clocks. The steps are that library's
 * too, because which of two equal hours counts, and whether a skipped one does, follows from them.
 * https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
 */
import { type CivilTime, civilTime, instantOf, type TimeZone, timeZone, utc } from '#base/time-zone.js';
import { parseDuration } from './codec/time.js';

/** The values of one field. `any` tells that it was a star, which changes how the two fields of days go together. */
export interface CronField {
  values: ReadonlySet<number>;
  any: boolean;
}

export interface CronFields {
  minute: CronField;
  hour: CronField;
  dayOfMonth: CronField;
  month: CronField;
  dayOfWeek: CronField;
}

export type ParsedCron =
  | { kind: 'fields'; fields: CronFields; zone?: TimeZone }
  /** `@every 1h30m`. */
  | { kind: 'every'; periodMs: number; zone?: TimeZone };

/** A schedule that cannot be read; the message is upstream's. */
export class CronError extends Error {}

interface Bounds {
  min: number;
  max: number;
  names?: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const bounds: Record<keyof CronFields, Bounds> = {
  minute: { min: 0, max: 59 },
  hour: { min: 0, max: 23 },
  dayOfMonth: { min: 1, max: 31 },
  month: { min: 1, max: 12, names: months },
  dayOfWeek: { min: 0, max: 6, names: weekdays },
};

const descriptors: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const everyPrefix = '@every ';

/** Throws a CronError. */
export function parseCron(text: string): ParsedCron {
  if (text === '') throw new CronError('empty spec string');
  const prefix = /^(?:CRON_)?TZ=([^ ]*)(?: |$)/.exec(text);
  if (!prefix) return parseUnzoned(text);
  const zone = parseZone(prefix[1]!);
  return { ...parseUnzoned(text.slice(prefix[0].length).trim()), zone };
}

function parseZone(name: string): TimeZone {
  const zone = name === '' ? utc : timeZone(name);
  if (!zone) throw new CronError(`provided bad location ${name}: unknown time zone ${name}`);
  return zone;
}

function parseUnzoned(text: string): ParsedCron {
  return text.startsWith('@') ? parseDescriptor(text) : { kind: 'fields', fields: parseFields(text) };
}

function parseDescriptor(text: string): ParsedCron {
  const expression = Object.hasOwn(descriptors, text) ? descriptors[text] : undefined;
  if (expression) return { kind: 'fields', fields: parseFields(expression) };
  if (!text.startsWith(everyPrefix)) throw new CronError(`unrecognized descriptor: ${text}`);
  try {
    const seconds = Number(parseDuration(text.slice(everyPrefix.length)) / 1_000_000_000n);
    return { kind: 'every', periodMs: Math.max(1, seconds) * 1000 };
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new CronError(`failed to parse duration ${text}: ${error.message}`, { cause: error });
    throw error;
  }
}

function parseFields(text: string): CronFields {
  const parts = text.split(/\s+/u).filter(Boolean);
  if (parts.length !== 5) throw new CronError(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`);
  const [minute, hour, dayOfMonth, month, dayOfWeek] = parts as [string, string, string, string, string];
  return {
    minute: parseField(minute, bounds.minute),
    hour: parseField(hour, bounds.hour),
    dayOfMonth: parseField(dayOfMonth, bounds.dayOfMonth),
    month: parseField(month, bounds.month),
    dayOfWeek: parseField(dayOfWeek, bounds.dayOfWeek),
  };
}

/** Ranges with commas between them. */
function parseField(text: string, field: Bounds): CronField {
  const values = new Set<number>();
  let any = false;
  for (const range of text.split(',').filter(Boolean)) any = addRange(values, range, field) || any;
  return { values, any };
}

/** `5`, `1-5`, `*`, each with or without `/step`. Gives whether it is a star that leaves nothing out. */
function addRange(values: Set<number>, text: string, field: Bounds): boolean {
  const [range = '', stepText, ...moreSteps] = text.split('/');
  const [low = '', high, ...moreEnds] = range.split('-');
  const isStar = low === '*' || low === '?';
  let start = field.min;
  let end = field.max;
  if (!isStar) {
    start = parseValue(low, field);
    if (moreEnds.length > 0) throw new CronError(`too many hyphens: ${text}`);
    end = high === undefined ? start : parseValue(high, field);
  }
  if (moreSteps.length > 0) throw new CronError(`too many slashes: ${text}`);
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  // `5/15` is from five to the end.
  if (stepText !== undefined && high === undefined) end = field.max;
  if (start < field.min) throw new CronError(`beginning of range (${start}) below minimum (${field.min}): ${text}`);
  if (end > field.max) throw new CronError(`end of range (${end}) above maximum (${field.max}): ${text}`);
  if (start > end) throw new CronError(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new CronError(`step of range should be a positive number: ${text}`);
  for (let value = start; value <= end; value += step) values.add(value);
  return isStar && step <= 1;
}

function parseValue(text: string, { names, min }: Bounds): number {
  const place = names?.indexOf(text.toLowerCase()) ?? -1;
  return place >= 0 ? min + place : parseNumber(text);
}

/** The words are those of Go's `strconv.Atoi`. */
function parseNumber(text: string): number {
  const fail = (why: string) =>
    new CronError(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: ${why}`);
  if (!/^[+-]?[0-9]+$/.test(text)) throw fail('invalid syntax');
  const value = BigInt(text.replace(/^\+/, ''));
  if (value > 2n ** 63n - 1n || value < -(2n ** 63n)) throw fail('value out of range');
  if (value < 0n) throw new CronError(`negative number (${value}) not allowed: ${text}`);
  return Number(value);
}

/** A schedule without a time for so long, such as 30 February, has none. */
const yearsMax = 5;

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

/** The first time after `afterMs`; undefined when there is none within five years. A zone in the schedule wins. */
export function nextTime(cron: ParsedCron, afterMs: number, zone: TimeZone): number | undefined {
  const fromMs = Math.floor(afterMs / secondMs) * secondMs;
  if (cron.kind === 'every') return fromMs + cron.periodMs;
  // A field of commas alone allows nothing, and would be looked for minute by minute.
  if (Object.values(cron.fields).some(({ values }: CronField) => values.size === 0)) return undefined;
  const walk = new Walk(fromMs + secondMs, cron.zone ?? zone);
  const lastYear = walk.civil.year + yearsMax;
  while (walk.civil.year <= lastYear) if (walk.reach(cron.fields)) return walk.instantMs;
  return undefined;
}

/** A place in time that only moves forward. Once it has moved, all finer fields stand at their beginning. */
class Walk {
  instantMs: number;
  civil: CivilTime;
  readonly #zone: TimeZone;
  #moved = false;

  constructor(instantMs: number, zone: TimeZone) {
    this.instantMs = instantMs;
    this.#zone = zone;
    this.civil = civilTime(instantMs, zone);
  }

  /** Moves to the next match, or past the end of a year, month, day, hour or minute without one: then gives false. */
  reach(fields: CronFields): boolean {
    return (
      this.#reachMonth(fields) &&
      this.#reachDay(fields) &&
      this.#reachHour(fields) &&
      this.#reachMinute(fields) &&
      this.#reachSecond()
    );
  }

  #reachMonth({ month }: CronFields): boolean {
    while (!month.values.has(this.civil.month)) {
      if (this.#begins()) this.#set({ day: 1, hour: 0, minute: 0, second: 0 });
      this.#set({ month: this.civil.month + 1 });
      if (this.civil.month === 1) return false;
    }
    return true;
  }

  #reachDay(fields: CronFields): boolean {
    while (!matchesDay(fields, this.civil)) {
      if (this.#begins()) this.#set({ hour: 0, minute: 0, second: 0 });
      this.#set({ day: this.civil.day + 1 });
      // Where clocks change at midnight, the day begins at one, or the step ended at eleven of the day before.
      const { hour } = this.civil;
      if (hour > 12) this.#add((24 - hour) * hourMs);
      else if (hour !== 0) this.#add(-hour * hourMs);
      if (this.civil.day === 1) return false;
    }
    return true;
  }

  #reachHour({ hour }: CronFields): boolean {
    while (!hour.values.has(this.civil.hour)) {
      if (this.#begins()) this.#set({ minute: 0, second: 0 });
      this.#add(hourMs);
      if (this.civil.hour === 0) return false;
    }
    return true;
  }

  #reachMinute({ minute }: CronFields): boolean {
    while (!minute.values.has(this.civil.minute)) {
      if (this.#begins()) this.#go(Math.floor(this.instantMs / minuteMs) * minuteMs);
      this.#add(minuteMs);
      if (this.civil.minute === 0) return false;
    }
    return true;
  }

  /** Only the first second of a minute counts, and that is of another minute. */
  #reachSecond(): boolean {
    if (this.civil.second === 0) return true;
    this.#begins();
    this.#add((60 - this.civil.second) * secondMs);
    return false;
  }

  #begins(): boolean {
    const first = !this.#moved;
    this.#moved = true;
    return first;
  }

  #set(fields: Partial<CivilTime>): void {
    this.#go(instantOf({ ...this.civil, ...fields }, this.#zone));
  }

  #add(deltaMs: number): void {
    this.#go(this.instantMs + deltaMs);
  }

  #go(instantMs: number): void {
    this.instantMs = instantMs;
    this.civil = civilTime(instantMs, this.#zone);
  }
}

/** Of two restricted fields either will do; a star leaves the other one to decide. */
function matchesDay({ dayOfMonth, dayOfWeek }: CronFields, { day, weekday }: CivilTime): boolean {
  const inMonth = dayOfMonth.values.has(day);
  const inWeek = dayOfWeek.values.has(weekday);
  return dayOfMonth.any || dayOfWeek.any ? inMonth && inWeek : inMonth || inWeek;
}
