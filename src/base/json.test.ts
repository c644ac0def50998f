import { expect, test } from 'vitest';
import { withoutUndefined } from './json.js';

test('what JSON text does not hold is left out, at every depth, and nothing else', () => {
  const value = { a: undefined, b: null, c: [{ d: undefined, e: 0 }], f: { g: undefined }, h: '' };
  expect(withoutUndefined(value)).toStrictEqual({ b: null, c: [{ e: 0 }], f: {}, h: '' });
  expect(withoutUndefined(value)).toStrictEqual(JSON.parse(JSON.stringify(value)));
});
