/** Any expression means the same with the fewest parentheses as with all of them, however it is spaced. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Uint, type Value } from '../values.js';
import { type Expr, operators } from './ast.js';
import { parse } from './parser.js';
import { SourceIssues } from './source.js';

/** A part of an expression in both spellings, and how tightly it holds together. */
interface Part {
  sparing: string;
  full: string;
  level: number;
  /** Signs before numbers belong to these, and dots behind them too. */
  isNumber?: boolean;
}

const levels = { conditional: 0, or: 1, and: 2, relation: 3, sum: 4, product: 5, sign: 6, member: 7 };

const binary: readonly [string, number][] = [
  ['||', levels.or],
  ['&&', levels.and],
  ...['<', '<=', '>', '>=', '==', '!=', 'in'].map((text): [string, number] => [text, levels.relation]),
  ...['+', '-'].map((text): [string, number] => [text, levels.sum]),
  ...['*', '/', '%'].map((text): [string, number] => [text, levels.product]),
];

const at = (part: Part, level: number): string => (part.level < level ? `(${part.sparing})` : part.sparing);
const all = (part: Part): string => `(${part.full})`;

const atom: fc.Arbitrary<Part> = fc.oneof(
  fc.constantFrom('a', 'b.c', 'x["k"]', 'f()', 'true', 'null', "'text'", 'b"bytes"', '[]', '{}').map((text) => ({
    sparing: text,
    full: text,
    level: levels.member,
  })),
  fc.constantFrom('0', '12', '0x1F', '7u', '1.5', '2e3').map((text) => ({
    sparing: text,
    full: text,
    level: levels.member,
    isNumber: true,
  })),
);

function member(on: Part): string {
  return on.isNumber ? `(${on.sparing})` : at(on, levels.member);
}

function joined(parts: readonly Part[], spelling: 'sparing' | 'full'): string {
  return parts.map((part) => part[spelling]).join(', ');
}

const { expression } = fc.letrec<{ expression: Part }>((tie) => {
  const part = tie('expression');
  const parts = fc.array(part, { maxLength: 3 });
  return {
    expression: fc.oneof(
      { maxDepth: 6, withCrossShrink: true },
      atom,
      fc.tuple(fc.constantFrom(...binary), part, part).map(([[operator, level], left, right]) => ({
        sparing: `${at(left, level)} ${operator} ${at(right, level + 1)}`,
        full: `${all(left)} ${operator} ${all(right)}`,
        level,
      })),
      fc.tuple(part, part, part).map(([condition, yes, no]) => ({
        sparing: `${at(condition, levels.or)} ? ${at(yes, levels.or)} : ${no.sparing}`,
        full: `${all(condition)} ? ${all(yes)} : ${all(no)}`,
        level: levels.conditional,
      })),
      fc.tuple(fc.constantFrom('!', '-'), part).map(([sign, of]) => ({
        sparing: sign + member(of),
        full: sign + all(of),
        level: levels.sign,
      })),
      fc.tuple(part, fc.constantFrom('.f', '.?f', '.in_', '["k"]', '[?0]', '.g(1, a)')).map(([of, suffix]) => ({
        sparing: member(of) + suffix,
        full: all(of) + suffix,
        level: levels.member,
      })),
      fc.tuple(part, part, fc.constantFrom('all', 'exists', 'map', 'filter')).map(([of, body, macro]) => ({
        sparing: `${member(of)}.${macro}(e, ${body.sparing})`,
        full: `${all(of)}.${macro}(e, ${all(body)})`,
        level: levels.member,
      })),
      fc.tuple(parts, fc.constantFrom('g(', 'a.h(', '[')).map(([inner, open]) => {
        const close = open === '[' ? ']' : ')';
        const text = (spelling: 'sparing' | 'full') => open + joined(inner, spelling) + close;
        return { sparing: text('sparing'), full: text('full'), level: levels.member };
      }),
      fc.tuple(part, part).map(([key, value]) => ({
        sparing: `{${key.sparing}: ${value.sparing}}`,
        full: `{${all(key)}: ${all(value)}}`,
        level: levels.member,
      })),
    ),
  };
});

/** What an expression means: without places, and with `a && b && c` as one conjunction. */
function meaning(text: string): unknown {
  const issues = new SourceIssues(text);
  const root = parse(text, issues);
  if (!root) throw new Error(`${text}: ${issues}`);
  return plain(root);
}

function plain(expr: Expr): unknown {
  if (expr.kind === 'literal') return { literal: plainLiteral(expr.value) };
  if (expr.kind === 'call' && (expr.name === operators.and || expr.name === operators.or))
    return { [expr.name]: operands(expr, expr.name).map(plain) };
  const { offset: _, ...rest } = expr;
  return Object.fromEntries(Object.entries(rest).map(([name, part]) => [name, plainPart(part)]));
}

function plainPart(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(plainPart);
  if (part instanceof Set) return [...part];
  if (typeof part !== 'object' || part === null) return part;
  if ('kind' in part) return plain(part as Expr);
  // An entry of a map.
  return Object.fromEntries(
    Object.entries(part)
      .filter(([name]) => name !== 'offset')
      .map(([name, value]) => [name, plainPart(value)]),
  );
}

function operands(expr: Expr, operator: string): Expr[] {
  if (expr.kind !== 'call' || expr.name !== operator) return [expr];
  return expr.args.flatMap((arg) => operands(arg, operator));
}

const plainLiteral = (value: Value): unknown => (value instanceof Uint ? `${value.value}u` : value);

test('parentheses that are not needed change nothing', () => {
  fc.assert(
    fc.property(expression, ({ sparing, full }) => {
      expect(meaning(sparing)).toEqual(meaning(full));
    }),
    { numRuns: 500 },
  );
});

test('neither does space', () => {
  const spaces = fc.constantFrom(' ', '\n', '\t', ' // a comment\n', '\f\r\n');
  fc.assert(
    fc.property(expression, fc.array(spaces, { minLength: 1, maxLength: 8 }), ({ sparing }, between) => {
      let next = 0;
      const spaced = sparing.replaceAll(' ', () => between[next++ % between.length]!);
      expect(meaning(spaced)).toEqual(meaning(sparing));
    }),
    { numRuns: 200 },
  );
});
