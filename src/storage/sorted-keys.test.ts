import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runLengthMax, SortedKeys } from './sorted-keys.js';

const under = (keys: SortedKeys, prefix: string) => keys.page(prefix).keys;

test('keys come and go, and stay in order under every prefix', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 5 });
  fc.assert(
    fc.property(fc.uniqueArray(key), fc.array(key), key, (start, changed, prefix) => {
      const keys = new SortedKeys(start);
      const model = new Set(start);
      for (const one of changed) {
        if (model.delete(one)) keys.delete(one);
        else {
          keys.insert(one);
          model.add(one);
        }
      }
      expect(under(keys, '')).toEqual([...model].sort());
      expect(under(keys, prefix)).toEqual([...model].filter((one) => one.startsWith(prefix)).sort());
    }),
  );
});

test('pages are what lies after a key, there or not, and tell how many follow', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 4 });
  const names = Array.from({ length: runLengthMax + 100 }, (_, index) => `ab/${index}`);
  fc.assert(
    fc.property(fc.uniqueArray(key), key, key, fc.nat({ max: 700 }), (some, prefix, rest, limit) => {
      const all = [...new Set([...some, ...names])];
      const after = `${prefix}${rest}`;
      const wanted = all.filter((one) => one.startsWith(prefix) && one > after).sort();
      const { keys, remaining } = new SortedKeys(all).page(prefix, { after, limit });
      expect(keys).toEqual(wanted.slice(0, limit));
      expect(remaining).toBe(Math.max(0, wanted.length - limit));
    }),
  );
});

test('more keys than a run holds, put in from either end and taken out again', () => {
  const names = Array.from({ length: 3 * runLengthMax }, (_, index) => `p/${String(index).padStart(6, '0')}`);
  for (const order of [names, names.toReversed()]) {
    const keys = new SortedKeys();
    for (const name of order) keys.insert(name);
    expect(under(keys, 'p/')).toEqual(names);
    for (const name of order.slice(0, 2 * runLengthMax)) keys.delete(name);
    expect(under(keys, '')).toEqual([...order.slice(2 * runLengthMax)].sort());
    for (const name of order.slice(2 * runLengthMax)) keys.delete(name);
    expect(under(keys, '')).toEqual([]);
  }
});
