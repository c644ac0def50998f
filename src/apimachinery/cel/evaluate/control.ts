/** The operators that do not simply pass on the errors of their operands. */
import type { CallCost } from '../cost/runtime.js';
import { equalValues } from '../equality.js';
import { CelError, noSuchOverload, Optional, type Result } from '../values.js';
import { charge, type Step } from './frame.js';

/** False wherever one side is false, even where the other is an error. */
export function conjunction(a: Step, b: Step): Step {
  return (frame) => {
    const left = a(frame);
    if (left === false) return false;
    const right = b(frame);
    if (right === false) return false;
    return left === true && right === true ? true : errorOf(left, right);
  };
}

/** True wherever one side is true, even where the other is an error. */
export function disjunction(a: Step, b: Step): Step {
  return (frame) => {
    const left = a(frame);
    if (left === true) return true;
    const right = b(frame);
    if (right === true) return true;
    return left === false && right === false ? false : errorOf(left, right);
  };
}

function errorOf(left: Result, right: Result): CelError {
  const wrong = typeof left === 'boolean' ? right : left;
  return wrong instanceof CelError ? wrong : noSuchOverload;
}

export function ternary(condition: Step, yes: Step, no: Step): Step {
  return (frame) => {
    const value = condition(frame);
    if (value === true) return yes(frame);
    if (value === false) return no(frame);
    return value instanceof CelError ? value : noSuchOverload;
  };
}

export interface EqualityPlan {
  a: Step;
  b: Step;
  cost: CallCost;
  isNegated: boolean;
}

export function equality({ a, b, cost, isNegated }: EqualityPlan): Step {
  return (frame) => {
    const left = a(frame);
    const right = b(frame);
    const result = equalOrNot(left, right, isNegated);
    charge(frame, cost([left, right], result));
    return result;
  };
}

/** What cannot be compared is unequal to `!=`, and an error to `==`. */
function equalOrNot(left: Result, right: Result, isNegated: boolean): Result {
  if (left instanceof CelError) return left;
  if (right instanceof CelError) return right;
  const isEqual = equalValues(left, right);
  return isNegated ? isEqual !== true : isEqual;
}

/** Whether `all` and `exists` shall go on: errors do not stop them. */
export function notStrictlyFalse(a: Step): Step {
  return (frame) => {
    const value = a(frame);
    charge(frame, 1);
    return typeof value === 'boolean' ? value : true;
  };
}

/** `a.or(b)` and `a.orValue(b)`: the alternative is evaluated only where it is needed. */
export function optionalOr({ a, b, unwraps }: { a: Step; b: Step; unwraps: boolean }): Step {
  return (frame) => {
    const value = a(frame);
    if (value instanceof CelError) return value;
    if (!(value instanceof Optional)) return noSuchOverload;
    if (value.value === undefined) return b(frame);
    return unwraps ? value.value : value;
  };
}
