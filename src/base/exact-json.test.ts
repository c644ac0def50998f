import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NumberText, parseExact, toJson } from './exact-json.js';

describe('whole numbers of 64 bits', () => {
  const text = '{"id":9007199254740993,"ids":[-9223372036854775808,1],"s":"9007199254740993","__proto__":{"a":1}}';

  test('come and go as they are', () => {
    const value = parseExact(text) as { id: unknown; ids: unknown[]; s: string };
    expect(value).toMatchObject({ id: 9007199254740993n, ids: [-(2n ** 63n), 1], s: '9007199254740993' });
    expect(Object.hasOwn(value, '__proto__')).toBe(true);
    expect(toJson(value)).toBe(text);
    expect(toJson({ id: 2n ** 60n }, 2)).toBe('{\n  "id": 1152921504606846976\n}');
  });

  test('what has more bits is a double, as in Go', () => {
    expect(parseExact('[9223372036854775808,1.0000000000000001]')).toEqual([2 ** 63, 1]);
  });

  test('who writes JSON alone writes what is near', () => {
    expect(JSON.stringify([2n ** 53n + 1n])).toBe('[9007199254740992]');
    expect(toJson([1n])).toBe('[1]');
  });

  test('any text and number survives', () => {
    const number = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer().map(BigInt));
    const property = fc.property(
      fc.dictionary(fc.string({ unit: 'binary' }), fc.tuple(fc.string(), number)),
      (given) => {
        const written = toJson(given);
        const read = parseExact(written) as Record<string, [string, number | bigint]>;
        for (const [key, [string, exact]] of Object.entries(given)) {
          expect(read[key]![0]).toBe(string);
          expect(BigInt(read[key]![1])).toBe(exact);
        }
        expect(toJson(read)).toBe(written);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});

describe('numbers that are not written whole', () => {
  test('are given as they are written where that is asked for', () => {
    const value = parseExact('{"a":2.0,"b":[1,1e3],"c":"x:1.5"}', { texts: true }) as { a: unknown; b: unknown[] };
    expect(value).toEqual({ a: new NumberText('2.0'), b: [1, new NumberText('1e3')], c: 'x:1.5' });
    expect(Number(value.a)).toBe(2);
    expect(parseExact('{"a":2.0}')).toEqual({ a: 2 });
  });
});

test('a text of nothing but numbers and quotes is read in a time that grows with its length', () => {
  const cost = (length: number) => {
    const text = `[${'"\\\\\\"9",1234567890123456789,'.repeat(length)}0]`;
    const before = process.cpuUsage();
    parseExact(text, { texts: true });
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  cost(1000);
  const [small, large] = [cost(4000), cost(32_000)];
  expect(large).toBeLessThan(Math.max(small, 5000) * 40);
});
