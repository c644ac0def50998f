/** The state of one evaluation, and the closures that an expression becomes. */
import type { Result, Value } from '../values.js';

/** Gives the value of a variable; undefined where there is none. It is asked once in an evaluation. */
export type Variables = (name: string) => Result | undefined;

export interface Frame {
  cost: number;
  readonly costMax: number;
  readonly variables: Variables;
  /** The variables that were asked for, by the numbers that the plan gave them. */
  readonly roots: (Result | undefined)[];
  /** The variables of folds, by the numbers that the plan gave them. */
  readonly locals: (Result | undefined)[];
}

export type Step = (frame: Frame) => Result;

/** A part of an expression, ready to run. */
export interface Plan {
  run: Step;
  /** The value, where it is known beforehand. Constants cost nothing. */
  constant?: Value;
}

/** Evaluation stops at once: not even `||` passes over it. */
export class CostExceeded extends Error {
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

export function charge(frame: Frame, cost: number): void {
  frame.cost += cost;
  if (frame.cost > frame.costMax) throw new CostExceeded();
}

/** An expression that cannot run, whatever its variables are. */
export class PlanError extends Error {}

export function constant(value: Value): Plan {
  return { run: () => value, constant: value };
}

export const isConstant = (plan: Plan): plan is Plan & { constant: Value } => plan.constant !== undefined;

/** Longer texts are not made: no object that they could come from is nearly as large. */
const textLengthMax = 1 << 25;

/** To be asked before a text is made whose length grows faster than what it costs. */
export function checkTextLength(length: number): void {
  if (length > textLengthMax) throw new CostExceeded();
}
