import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRange } from '#apimachinery/addresses.js';
import { CidrSet } from './cidr-set.js';

const setOf = (whole: string, length: number) => new CidrSet(parseRange(whole)!, length);

test('ranges come in order, and one that was given back comes after all others', () => {
  const set = setOf('10.244.0.0/22', 24);
  expect([set.takeNext(), set.takeNext()]).toEqual(['10.244.0.0/24', '10.244.1.0/24']);
  set.release('10.244.0.0/24');
  expect([set.takeNext(), set.takeNext(), set.takeNext(), set.takeNext()]).toEqual([
    '10.244.2.0/24',
    '10.244.3.0/24',
    '10.244.0.0/24',
    undefined,
  ]);
});

test('a range takes all that it overlaps, larger or smaller, and nothing elsewhere', () => {
  const set = setOf('10.244.0.0/22', 24);
  expect(set.occupy('10.244.0.128/25')).toBe(true);
  expect(set.occupy('10.244.2.0/23')).toBe(true);
  expect(set.occupy('10.96.0.0/12')).toBe(false);
  expect([set.takeNext(), set.takeNext()]).toEqual(['10.244.1.0/24', undefined]);
  const within = setOf('10.100.0.0/16', 24);
  expect(within.occupy('10.96.0.0/12')).toBe(true);
  expect(within.takeNext()).toBeUndefined();
});

test('no range is ever given to two at a time', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40)), (steps) => {
      const set = setOf('fd00::/60', 64);
      const held: string[] = [];
      for (const step of steps) {
        if (step < 20) {
          const taken = set.takeNext();
          expect(taken === undefined).toBe(held.length === 16);
          if (taken) held.push(taken);
        } else if (held.length > 0) set.release(held.splice(step % held.length, 1)[0]!);
        expect(new Set(held).size).toBe(held.length);
      }
    }),
  );
});
