import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { timeZone, utc } from '#base/time-zone.js';
import { CronError, nextTime, parseCron } from './cron.js';

/** The next few times, in the zone that is given, as UTC. */
function times(schedule: string, { after, zone = 'UTC', count = 1 }: { after: string; zone?: string; count?: number }) {
  const cron = parseCron(schedule);
  const found: string[] = [];
  let at = Date.parse(after);
  while (found.length < count) {
    const next = nextTime(cron, at, timeZone(zone)!);
    if (next === undefined) break;
    found.push(new Date(next).toISOString().replace('.000Z', 'Z'));
    at = next;
  }
  return found;
}

describe('a schedule', () => {
  test.each<[string, string, string]>([
    ['* * * * *', '2026-01-01T00:00:30Z', '2026-01-01T00:01:00Z'],
    ['*/15 * * * *', '2026-07-09T14:45:00Z', '2026-07-09T15:00:00Z'],
    ['20-35/15 * * * *', '2026-07-09T15:20:15Z', '2026-07-09T15:35:00Z'],
    ['5/20 * * * *', '2026-07-09T15:26:00Z', '2026-07-09T15:45:00Z'],
    ['0 0 1 1 ?', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['0 0 29 FEB *', '2026-03-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['30 8 * * mon-Fri', '2026-01-02T08:30:00Z', '2026-01-05T08:30:00Z'],
    ['@hourly', '2026-01-01T10:59:59Z', '2026-01-01T11:00:00Z'],
    ['@weekly', '2026-01-01T00:00:00Z', '2026-01-04T00:00:00Z'],
    ['@every 1h30m', '2026-01-01T00:00:00.400Z', '2026-01-01T01:30:00Z'],
    ['@every 10ms', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'],
    ['TZ=America/New_York 0 9 * * *', '2026-01-01T00:00:00Z', '2026-01-01T14:00:00Z'],
  ])('%s after %s', (schedule, after, next) => {
    expect(times(schedule, { after })).toEqual([next]);
  });

  test('takes either of a day of the month and a day of the week, but both where one is a star', () => {
    const after = '2026-01-01T00:00:00Z';
    expect(times('0 0 15 * sun', { after, count: 3 })).toEqual([
      '2026-01-04T00:00:00Z',
      '2026-01-11T00:00:00Z',
      '2026-01-15T00:00:00Z',
    ]);
    expect(times('0 0 15 * *', { after })).toEqual(['2026-01-15T00:00:00Z']);
    expect(times('0 0 */2 * sun', { after: '2026-01-02T00:00:00Z' })).toEqual(['2026-01-03T00:00:00Z']);
  });

  test('that no day satisfies has no time, and says so soon', () => {
    expect(times('0 0 30 2 *', { after: '2026-01-01T00:00:00Z' })).toEqual([]);
    expect(times(', * * * *', { after: '2026-01-01T00:00:00Z' })).toEqual([]);
  });
});

describe('where clocks change', () => {
  const zone = 'America/New_York';

  test('an hour that is left out is left out', () => {
    expect(times('30 2 * * *', { after: '2026-03-07T12:00:00Z', zone, count: 2 })).toEqual([
      '2026-03-09T06:30:00Z',
      '2026-03-10T06:30:00Z',
    ]);
  });

  test('an hour that comes twice counts twice for what runs each hour', () => {
    expect(times('0 * * * *', { after: '2026-11-01T04:30:00Z', zone, count: 3 })).toEqual([
      '2026-11-01T05:00:00Z',
      '2026-11-01T06:00:00Z',
      '2026-11-01T07:00:00Z',
    ]);
  });

  test('midnight may be missing', () => {
    expect(times('0 0 * * *', { after: '2018-11-03T12:00:00Z', zone: 'America/Sao_Paulo', count: 2 })).toEqual([
      '2018-11-05T02:00:00Z',
      '2018-11-06T02:00:00Z',
    ]);
  });
});

describe('what cannot be read', () => {
  test.each<[string, string]>([
    ['', 'empty spec string'],
    ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['* * * * * *', 'expected exactly 5 fields, found 6: [* * * * * *]'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['*/-1 * * * *', 'negative number (-1) not allowed: -1'],
    ['a * * * *', 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'],
    ['-1 * * * *', 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'],
    [
      '99999999999999999999 * * * *',
      'failed to parse int from 99999999999999999999: strconv.Atoi: parsing "99999999999999999999": value out of range',
    ],
    ['@monday', 'unrecognized descriptor: @monday'],
    ['@every 5', 'failed to parse duration @every 5: time: missing unit in duration "5"'],
    ['TZ=Mars/Base * * * * *', 'provided bad location Mars/Base: unknown time zone Mars/Base'],
  ])('%j', (schedule, message) => {
    expect(() => parseCron(schedule)).toThrow(new CronError(message));
  });

  test('never breaks in another way, and what is read has times after the one asked for', () => {
    const piece = fc.constantFrom(
      '*',
      '?',
      ',',
      '-',
      '/',
      ' ',
      '0',
      '5',
      '31',
      '59',
      '@every ',
      '1h',
      'sun',
      'TZ=',
      'x',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), fc.integer({ min: 0, max: 4e12 }), (pieces, after) => {
        try {
          const next = nextTime(parseCron(pieces.join('')), after, utc);
          if (next !== undefined) expect(next).toBeGreaterThan(after);
        } catch (error) {
          expect(error).toBeInstanceOf(CronError);
        }
      }),
    );
  });
});

test('names of time zones are those of the database', () => {
  for (const name of ['UTC', 'Europe/Berlin', 'US/Pacific', 'Etc/GMT+5']) expect(timeZone(name)?.name).toBe(name);
  for (const name of ['europe/berlin', 'EUROPE/BERLIN', '+01:00', 'Mars/Base', ''])
    expect(timeZone(name)).toBe(undefined);
  expect(timeZone('Asia/Kathmandu')!.offsetMs(0)).toBe(5.5 * 3_600_000);
  expect(timeZone('Asia/Kathmandu')!.offsetMs(Date.parse('2026-01-01'))).toBe(5.75 * 3_600_000);
});
