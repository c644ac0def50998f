/** Texts that are made to hold up, blow up or confuse whoever compiles or evaluates them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CelError,
  CompileError,
  compile,
  dynType,
  estimateCost,
  intType,
  kubernetesEnvironment,
  listType,
  plainValue,
  stringType,
  type Value,
} from './index.js';

const environment = kubernetesEnvironment().extend({
  variables: [
    ['x', intType],
    ['d', dynType],
    ['s', stringType],
    ['l', listType(intType)],
  ],
});
const variables: Record<string, Value> = {
  x: 5,
  d: plainValue({ a: [1, 'b', null, { c: 1.5 }] }),
  s: 'a'.repeat(100_000),
  l: plainValue(Array.from({ length: 10_000 }, (_, i) => i)),
};

/** The value, or what was complained about. Anything but complaints is a bug. */
function outcome(expression: string): Value | string {
  try {
    const program = compile(expression, environment);
    estimateCost(program.root);
    const { value } = program.evaluate((name) => variables[name]);
    return value instanceof CelError ? value.message : value;
  } catch (error) {
    if (error instanceof CompileError) return error.message;
    throw error;
  }
}

const pieces = [
  ...['(', ')', '[', ']', '{', '}', '.', ',', '?', ':', '!', '-', '+', '*', '/', '%', '<', '==', '&&', '||', ' in '],
  ...['x', 'd', 's', 'l', 'y', '1', '2u', '1.5', '"a"', "b'c'", 'true', 'null', 'has(', '.all(', '.map(', '.filter('],
  ...['.size()', '.matches(', '.?a', '[?0]', '"\\x"', '"""', '@', '\u{1f600}', ' ', '\n', '//', '`a`', 'optional.of('],
  ...['.optMap(', '.sort()', '.format(', 'dyn(', 'type(', 'quantity("1")', 'ip("::1")', '.sortBy(', '.transformMap('],
];

test('whatever is written, there is a value or a complaint', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 24 }), (parts) => {
      outcome(parts.join(''));
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      outcome(text);
    }),
  );
});

const limited = 'operation cancelled: actual cost limit exceeded';
const nested = (open: string, inner: string, close: string, depth: number): string =>
  open.repeat(depth) + inner + close.repeat(depth);

describe('in bounded time', () => {
  test.each<[string, string, Value | string | RegExp]>([
    ['a text that is too long', '1'.repeat(1 << 20), /size exceeds limit: size: 1048576, limit 100000/],
    ['parentheses', nested('(', '1', ')', 40_000), /recursion limit exceeded: 250/],
    ['parentheses without end', '('.repeat(99_999), /recursion limit exceeded: 250/],
    ['lists', nested('[', '', ']', 40_000), /recursion limit exceeded: 250/],
    ['sums', Array(30_000).fill('1').join('+'), /recursion limit exceeded: 250/],
    ['fields', `d${'.a'.repeat(40_000)}`, /recursion limit exceeded: 250/],
    ['signs', `${'!'.repeat(99_995)}true`, false],
    ['a long conjunction', Array(12_000).fill('x==5').join('&&'), true],
    ['a long list', `[${Array(40_000).fill('1').join(',')}].size()`, 40_000],
    ['many mistakes', '@'.repeat(50_000), /more errors were truncated/],
    ['many unknown names', `[${Array(20_000).fill('q').join(',')}]`, /more errors were truncated/],
    ['quotes', '"'.repeat(50_001), /Syntax error/],
    ['escapes', `"${'\\'.repeat(90_001)}`, /Syntax error/],
    ['comments', '//\n'.repeat(33_000), /Syntax error/],
    ['optional maps, each of which doubles the one before', `optional.of(x)${'.optMap(v, v + 1)'.repeat(60)}`, limited],
    ['loops in loops', 'l.all(a, l.all(b, l.all(c, a + b + c >= 0)))', limited],
    ['a product of a list with itself', 'l.map(a, l.map(b, [a, b]))', limited],
    ['comparison of all with all', 'l.distinct().size()', limited],
    ['a list of lists that doubles', `[0]${'.map(i, [i, i])'.repeat(30)}.size()`, 1],
    [
      'a text that doubles',
      `[s, s, s, s, s, s].map(t, t + t + t + t).map(t, t + t + t + t).map(t, t + t).join()`,
      limited,
    ],
    ['a pattern that makes others hang', `"${'a'.repeat(30_000)}!".matches("^(a+)+$")`, false],
    ['a short text for such a pattern', `"${'a'.repeat(3_000)}!".matches("^(a|a?)+$")`, false],
    ['a pattern that grows', '"a".matches("((a{100}){100}){100}")', /invalid matches argument/],
    ['a range', 'lists.range(9223372036854775807).size()', limited],
    ['a format', `"${'%s'.repeat(20_000)}".format(["a"])`, /out of range/],
    ['a precision', '"%.1000000f".format([1.0])', /precision 1000000 exceeds/],
    ['replacing nothing', 's.replace("", s).size()', limited],
    ['joining by a long text', 'l.map(i, "").join(s).size()', limited],
    ['formatting a long text often', `"${'%s'.repeat(900)}".format([${Array(900).fill('s').join(',')}])`, limited],
  ])('%s', (_, expression, expected) => {
    const result = outcome(expression);
    if (expected instanceof RegExp) expect(result).toMatch(expected);
    else expect(result).toBe(expected);
  });
});
