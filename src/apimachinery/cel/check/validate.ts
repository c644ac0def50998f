/** What Kubernetes demands of a checked expression besides its types: literals that are sure to fail are refused. */
import { toDuration, toTimestamp } from '../conversions.js';
import { checkFormat } from '../library/format-text.js';
import { compilePattern } from '../regex.js';
import type { Expr } from '../syntax/ast.js';
import type { SourceIssues } from '../syntax/source.js';
import { isOptionalType } from '../types.js';
import { CelError, type Value } from '../values.js';

const literalChecks: Record<string, (value: Value) => unknown> = {
  duration: toDuration,
  timestamp: toTimestamp,
  matches: (value) => (typeof value === 'string' ? compilePattern(value) : undefined),
};

export function validate(root: Expr, issues: SourceIssues): void {
  visit(root, { isInFormat: false }, (expr, { isInFormat }) => {
    if (expr.kind === 'call') {
      checkLiteral(expr.name, expr.args[0], issues);
      checkFormat(expr, issues);
    } else if (!isInFormat) checkItems(expr, issues);
  });
}

function checkLiteral(name: string, arg: Expr | undefined, issues: SourceIssues): void {
  const check = Object.hasOwn(literalChecks, name) ? literalChecks[name] : undefined;
  if (check && arg?.kind === 'literal' && check(arg.value) instanceof CelError)
    issues.add(arg.offset, `invalid ${name} argument`);
}

/** All items of a literal must have one type, not counting the arguments of `format`. */
function checkItems(expr: Expr, issues: SourceIssues): void {
  if (expr.kind === 'list') {
    const items = expr.elements.map((element, i) => ({ item: element, isOptional: expr.optional.has(i) }));
    for (const { at, text } of mixedTypes(items).slice(0, 1)) issues.add(at, text);
  } else if (expr.kind === 'map') {
    const keys = expr.entries.map(({ key }) => ({ item: key, isOptional: false }));
    const values = expr.entries.map(({ value, isOptional }) => ({ item: value, isOptional }));
    for (const { at, text } of [...mixedTypes(keys), ...mixedTypes(values)]) issues.add(at, text);
  }
}

/** A complaint about each item whose type is not the first one's. */
function mixedTypes(items: { item: Expr; isOptional: boolean }[]): { at: number; text: string }[] {
  const types = items.map(({ item: { type }, isOptional }) =>
    isOptional && isOptionalType(type!) ? type!.parameters[0]! : type!,
  );
  return types.flatMap((type, i) =>
    types[0]!.equals(type)
      ? []
      : [{ at: items[i]!.item.offset, text: `expected type '${types[0]}' but found '${type}'` }],
  );
}

interface Position {
  /** Whether it is part of an argument of `format`. */
  isInFormat: boolean;
}

/** Visits every part once, even one that stands in the tree twice. */
function visit(root: Expr, position: Position, on: (expr: Expr, position: Position) => void): void {
  const seen = new Set<Expr>();
  const walk = (expr: Expr, at: Position): void => {
    if (seen.has(expr)) return;
    seen.add(expr);
    on(expr, at);
    const inner = expr.kind === 'call' && expr.name === 'format' ? { isInFormat: true } : at;
    for (const child of childrenOf(expr)) walk(child, inner);
  };
  walk(root, position);
}

export function childrenOf(expr: Expr): Expr[] {
  switch (expr.kind) {
    case 'literal':
    case 'ident':
      return [];
    case 'select':
      return expr.qualified ? [] : [expr.operand];
    case 'call':
      return expr.target ? [expr.target, ...expr.args] : expr.args;
    case 'list':
      return expr.elements;
    case 'map':
      return expr.entries.flatMap(({ key, value }) => [key, value]);
    case 'struct':
      return expr.fields.map(({ value }) => value);
    case 'comprehension':
      return [expr.range, expr.init, expr.condition, expr.step, expr.result];
  }
}
