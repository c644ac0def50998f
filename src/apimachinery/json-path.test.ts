import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import type { Json } from '#base/json.js';
import { parseJsonPath } from './json-path.js';
import { ParseError } from './parse-error.js';

const value: Json = {
  spec: { size: 3, 'a.b': 'dotted', list: [1, 2, 3, 4] },
  status: {
    conditions: [
      { type: 'Ready', status: 'True', n: 1 },
      { type: 'Other', status: 'False', n: 2 },
    ],
  },
};

test.each<[string, Json[]]>([
  ['.', [value]],
  ['.spec.size', [3]],
  ['.spec.missing', []],
  ['.spec.a\\.b', ['dotted']],
  [".spec['a.b']", ['dotted']],
  ['.spec.list[0]', [1]],
  ['.spec.list[-1]', [4]],
  ['.spec.list[1:3]', [2, 3]],
  ['.spec.list[::2]', [1, 3]],
  ['.spec.list[0,2]', [1, 3]],
  ['.spec.list[*]', [1, 2, 3, 4]],
  ['.status.conditions[*].type', ['Ready', 'Other']],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  ['..conditions[?(@.n >= 2)].type', ['Other']],
  ['.status.conditions[?(@.gone)].type', []],
  ['.status.*', [(value as { status: { conditions: Json } }).status.conditions]],
  ['..status', [(value as { status: Json }).status, 'True', 'False']],
])('%s', (path, found) => {
  expect(parseJsonPath(path)(value)).toEqual(found);
});

test.each(['.a[', '.a[x]', '.a]', ".a['b", '.a[?(@.b=)]', '.a b', '.a[::0]'])('%s is refused', (path) => {
  expect(() => parseJsonPath(path)).toThrow(ParseError);
});

it('takes any text and value', () => {
  const text = fc.array(fc.constantFrom('.', '..', 'a', '[', ']', '*', '?(', '@', ')', '==', "'", '0', ':', ','), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(text, fc.jsonValue(), (parts, json) => {
      try {
        parseJsonPath(parts.join(''))(json as Json);
      } catch (error) {
        if (!(error instanceof ParseError)) throw error;
      }
    }),
  );
});
