import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PathsApart, pathOverlaps } from './path-overlaps.js';

/** Each held against all before it. */
function slowly(paths: string[]): string[] {
  const seen = new Set<string>();
  const found: string[] = [];
  for (const path of paths) {
    const plain = path.replace(/\/+$/, '');
    const other = [...seen].find((one) => `${one}/`.startsWith(plain) || `${plain}/`.startsWith(one));
    if (other && plain) found.push(`m: ${JSON.stringify(plain)} with ${JSON.stringify(other)}`);
    seen.add(plain);
  }
  return found;
}

const paths = fc.array(fc.stringMatching(/^[ab/]{0,4}$/), { maxLength: 12 });

it('finds what holding each path against all others finds', () => {
  fc.assert(
    fc.property(paths, (some) => {
      expect([...pathOverlaps(some, 'm')]).toEqual(slowly(some));
      const distinct = [...new Set(some.map((path) => path.replace(/\/+$/, '')))];
      const apart = new PathsApart();
      for (const path of distinct) apart.add(path);
      const overlaps = distinct.some((one) => distinct.some((other) => one !== other && one.startsWith(other)));
      expect(apart.holds).toBe(!overlaps);
    }),
  );
});

it('takes no time for many paths', () => {
  const many = Array.from({ length: 30_000 }, (_, index) => `x${String(index).padStart(5, '0')}`);
  expect([...pathOverlaps(many, 'm')]).toEqual([]);
  expect([...pathOverlaps([...many, 'x'], 'm')].length).toBeLessThan(1001);
  const apart = new PathsApart();
  for (const path of many) apart.add(path);
  expect(apart.holds).toBe(true);
});
