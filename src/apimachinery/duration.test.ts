import { expect, it } from 'vitest';
import { humanAge, humanDuration } from './duration.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

it.each([
  [-2 * second, '<invalid>'],
  [-1.9 * second, '0s'],
  [0, '0s'],
  [119.9 * second, '119s'],
  [2 * minute, '2m'],
  [2 * minute + 30 * second, '2m30s'],
  [10 * minute - 1, '9m59s'],
  [10 * minute + 59 * second, '10m'],
  [179 * minute, '179m'],
  [3 * hour, '3h'],
  [7 * hour + 59 * minute, '7h59m'],
  [8 * hour + 59 * minute, '8h'],
  [47 * hour, '47h'],
  [48 * hour, '2d'],
  [2 * day + 5 * hour, '2d5h'],
  [8 * day + 5 * hour, '8d'],
  [729 * day, '729d'],
  [730 * day, '2y'],
  [2 * 365 * day + 9 * day, '2y9d'],
  [8 * 365 * day + 9 * day, '8y'],
])('%i ms is %s', (durationMs, text) => {
  expect(humanDuration(durationMs)).toBe(text);
});

it('does not know the age of nothing', () => {
  expect(humanAge(undefined, 0)).toBe('<unknown>');
  expect(humanAge(null, 0)).toBe('<unknown>');
  expect(humanAge('2026-01-01T00:00:00Z', Date.UTC(2026, 0, 1, 0, 3))).toBe('3m');
});
