import { expect, test } from 'vitest';
import { canonicalizeMicroTime } from './time.js';

const layout = '"2006-01-02T15:04:05.000000Z07:00"';

test('a time with microseconds has six digits of them', () => {
  expect(canonicalizeMicroTime('2026-01-01T02:00:00.123456+02:00')).toBe('2026-01-01T00:00:00.123456Z');
});

test.each([
  ['2026-01-01T00:00:00Z', 'cannot parse "Z" as ".000000"'],
  ['2026-01-01T00:00:00.5Z', 'cannot parse ".5Z" as ".000000"'],
  ['2026-01-01T00:00:00.1234567Z', 'cannot parse ".1234567Z" as ".000000"'],
  ['2026-01-01', 'cannot parse "" as "T"'],
])('%s is refused', (text, why) => {
  expect(() => canonicalizeMicroTime(text)).toThrow(`parsing time "${text}" as ${layout}: ${why}`);
});
