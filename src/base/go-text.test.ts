import { expect, it } from 'vitest';
import { goSyntax, plain, quote, typeName } from './go-text.js';

it('quotes as %q does', () => {
  expect(quote('plain "text" \\ ü')).toBe('"plain \\"text\\" \\\\ ü"');
  expect(quote('a\0b\n\t\x07\x0b\x1f\x7f')).toBe('"a\\x00b\\n\\t\\a\\v\\x1f\\x7f"');
  expect(quote('\\u0007 is text')).toBe('"\\\\u0007 is text"');
  expect(quote('\u200b\u2028\u{e0001}')).toBe('"\\u200b\\u2028\\U000e0001"');
});

it('prints values as %v does', () => {
  expect(plain({ b: [1, 'x', null], a: { c: true } })).toBe('map[a:map[c:true] b:[1 x <nil>]]');
});

it('writes values as %#v does', () => {
  expect(goSyntax({ b: [1, 'x'], a: null })).toBe(
    'map[string]interface {}{"a":interface {}(nil), "b":[]interface {}{1, "x"}}',
  );
});

it('names types as Go does', () => {
  expect([null, [], {}, 1, 1.5, true, 'x'].map((value) => typeName(value))).toEqual([
    '<nil>',
    '[]interface {}',
    'map[string]interface {}',
    'int64',
    'float64',
    'bool',
    'string',
  ]);
});
