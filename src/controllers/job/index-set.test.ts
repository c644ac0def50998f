import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatIndexSet, hasIndex, indexSet, missingIndexes, overlapCount, readIndexSet, union } from './index-set.js';

const completions = 30;
const indexes = fc.uniqueArray(fc.nat({ max: completions - 1 }));

test('two neighbours are written apart and more as an interval', () => {
  expect(formatIndexSet(indexSet([7, 5, 4, 3, 0, 8]))).toBe('0,3-5,7,8');
  expect(formatIndexSet([])).toBe('');
});

test('indexes that a Job no longer has are not read', () => {
  expect(formatIndexSet(readIndexSet('0-3,5,7-9', 8))).toBe('0-3,5,7');
  expect(formatIndexSet(readIndexSet('3,4', 5))).toBe('3,4');
  expect(readIndexSet(undefined, 5)).toEqual([]);
});

test('sets of intervals are like sets of numbers', () => {
  fc.assert(
    fc.property(indexes, indexes, fc.nat({ max: completions }), (a, b, count) => {
      const [left, right] = [indexSet(a), indexSet(b)];
      const both = union(left, right);
      const all = new Set([...a, ...b]);
      expect(readIndexSet(formatIndexSet(both), completions)).toEqual(both);
      const range = Array.from({ length: completions }, (_, index) => index);
      expect(range.filter((index) => hasIndex(both, index))).toEqual(range.filter((index) => all.has(index)));
      expect(overlapCount(left, right)).toBe(a.filter((index) => b.includes(index)).length);
      const missing = range.filter((index) => !all.has(index)).slice(0, count);
      expect(missingIndexes(both, { count, completions })).toEqual(missing);
    }),
  );
});
