/**
 * The tree of an expression. Macros are expanded while parsing, so that only a few kinds of nodes remain; the checker
 * notes on each node its type and what its name or call refers to.
 */

import type { Type } from '../types.js';
import type { Value } from '../values.js';

interface Node {
  /** Where it stands in the text, in UTF-16 units. */
  offset: number;
  /** Set by the checker. */
  type?: Type;
}

export interface Literal extends Node {
  kind: 'literal';
  value: Value;
}

export interface Ident extends Node {
  kind: 'ident';
  name: string;
  /** The value, where the name stands for a type. */
  constant?: Value;
}

export interface Select extends Node {
  kind: 'select';
  operand: Expr;
  field: string;
  /** From `has(a.b)`: whether the field is there. */
  isTest: boolean;
  /** Set by the checker where the whole is one name, such as `net.IP`. */
  qualified?: Ident;
}

export interface Call extends Node {
  kind: 'call';
  target: Expr | undefined;
  name: string;
  args: Expr[];
  /** The overloads that the checker holds possible. */
  overloads?: string[];
}

export interface ListLiteral extends Node {
  kind: 'list';
  elements: Expr[];
  /** Which elements were written `?element`. */
  optional: Set<number>;
}

export interface MapLiteral extends Node {
  kind: 'map';
  entries: { key: Expr; value: Expr; isOptional: boolean; offset: number }[];
}

export interface StructLiteral extends Node {
  kind: 'struct';
  typeName: string;
  fields: { name: string; value: Expr; isOptional: boolean; offset: number }[];
}

/** A fold over a list or map: what `all`, `exists`, `map`, `filter` and their kin become. */
export interface Comprehension extends Node {
  kind: 'comprehension';
  range: Expr;
  variable: string;
  /** With two variables, the first is the index or key, and this one the element or value. */
  variable2: string | undefined;
  accumulator: string;
  init: Expr;
  condition: Expr;
  step: Expr;
  result: Expr;
}

export type Expr = Literal | Ident | Select | Call | ListLiteral | MapLiteral | StructLiteral | Comprehension;

/** The accumulator of a macro's fold: no text can name it. */
export const accumulatorName = '@result';

export const operators = {
  conditional: '_?_:_',
  and: '_&&_',
  or: '_||_',
  not: '!_',
  equals: '_==_',
  notEquals: '_!=_',
  less: '_<_',
  lessEquals: '_<=_',
  greater: '_>_',
  greaterEquals: '_>=_',
  in: '@in',
  add: '_+_',
  subtract: '_-_',
  multiply: '_*_',
  divide: '_/_',
  modulo: '_%_',
  negate: '-_',
  index: '_[_]',
  optionalIndex: '_[?_]',
  optionalSelect: '_?._',
  notStrictlyFalse: '@not_strictly_false',
} as const;

export function call(offset: number, name: string, args: Expr[]): Call {
  return { kind: 'call', offset, target: undefined, name, args };
}

export function literal(offset: number, value: Value): Literal {
  return { kind: 'literal', offset, value };
}

export function ident(offset: number, name: string): Ident {
  return { kind: 'ident', offset, name };
}
