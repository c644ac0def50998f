/** Calls of functions: which implementation runs, and what happens when an argument fits none. */
import { type CallCost, needsResult, one } from '../cost/runtime.js';
import { fits, type Implementation, noOverloadFor, type Overload } from '../declarations.js';
import type { Environment } from '../environment.js';
import { equalValues } from '../equality.js';
import { compilePattern } from '../regex.js';
import type { Call, Expr } from '../syntax/ast.js';
import type { Type } from '../types.js';
import { CelError, Double, List, mapKey, Uint, type Value } from '../values.js';
import { charge, constant, isConstant, type Plan, PlanError, type Step } from './frame.js';

export interface CallPlan {
  expr: Call;
  environment: Environment;
  operands: readonly Expr[];
  plans: readonly Plan[];
  steps: readonly Step[];
  cost: CallCost;
}

const conversions = new Set([
  'bool',
  'bytes',
  'double',
  'duration',
  'dyn',
  'int',
  'string',
  'timestamp',
  'type',
  'uint',
]);

/** Conversions of constants are constants. */
export const isConversion = (name: string): boolean => conversions.has(name);

export function implementation(plan: CallPlan): Step {
  const { expr, steps, cost } = plan;
  const call = choose(plan);
  const [first, second] = steps;
  if (steps.length === 1) return unary(call, first!, cost);
  // What upstream compiles beforehand becomes a call like those with three arguments, which stop at the first error.
  const isCompiled = expr.overloads?.[0] === 'string_format' || hasConstantPattern(plan);
  return steps.length === 2 && !isCompiled ? binary(call, first!, second!, cost) : variadic(call, steps, cost);
}

function choose({ expr, environment, operands }: CallPlan): Implementation {
  const declared = environment.functions.get(expr.name);
  if (declared?.call) return declared.call;
  const candidates = (declared?.overloads ?? []).filter(
    ({ args, isMember }) => args.length === operands.length && isMember === (expr.target !== undefined),
  );
  const checked = candidates.filter(({ id }) => expr.overloads?.includes(id));
  if (checked.length === 1) return guarded(expr.name, checked[0]!, operands);
  return (...args) => {
    const fitting = candidates.find((overload) => args.every((arg, i) => fits(overload.args[i]!, arg)));
    return fitting?.call ? fitting.call(...args) : noOverloadFor(expr.name, args);
  };
}

/** What the checker knows for certain is not looked at again. */
function guarded(name: string, { args: types, call }: Overload, operands: readonly Expr[]): Implementation {
  if (!call) throw new PlanError(`no such overload: ${name}`);
  const uncertain = types.map((_, i) => i).filter((i) => !isCertain(operands[i]!.type!, types[i]!));
  if (uncertain.length === 0) return call;
  return (...args) => (uncertain.every((i) => fits(types[i]!, args[i]!)) ? call(...args) : noOverloadFor(name, args));
}

function isCertain(actual: Type, declared: Type): boolean {
  return declared.kind === 'dyn' || declared.kind === 'parameter' || (actual.equals(declared) && !hasDyn(actual));
}

const hasDyn = (type: Type): boolean => type.kind === 'dyn' || type.kind === 'error' || type.parameters.some(hasDyn);

/** Throws a PlanError for a constant pattern that is none. */
function hasConstantPattern({ expr, plans }: CallPlan): boolean {
  if (!['matches', 'find', 'findAll'].includes(expr.name)) return false;
  const pattern = plans[1];
  if (!pattern || !isConstant(pattern) || typeof pattern.constant !== 'string') return false;
  const compiled = compilePattern(pattern.constant);
  if (compiled instanceof CelError) throw new PlanError(compiled.message);
  return true;
}

/**
 * Most calls are charged before they run, so that a costly one over the limit does not run; where the cost depends on the
 * result, after. Nothing is allocated on the way but the arguments for the cost.
 */
function unary(call: Implementation, a: Step, cost: CallCost): Step {
  if (needsResult(cost))
    return (frame) => {
      const value = a(frame);
      const result = value instanceof CelError ? value : call(value);
      charge(frame, cost([value], result));
      return result;
    };
  return (frame) => {
    const value = a(frame);
    charge(frame, cost === one ? 1 : cost([value], false));
    return value instanceof CelError ? value : call(value);
  };
}

/** Both operands are evaluated even where the first is an error. */
function binary(call: Implementation, a: Step, b: Step, cost: CallCost): Step {
  if (needsResult(cost))
    return (frame) => {
      const left = a(frame);
      const right = b(frame);
      const result = left instanceof CelError ? left : right instanceof CelError ? right : call(left, right);
      charge(frame, cost([left, right], result));
      return result;
    };
  return (frame) => {
    const left = a(frame);
    const right = b(frame);
    charge(frame, cost === one ? 1 : cost([left, right], false));
    if (left instanceof CelError) return left;
    return right instanceof CelError ? right : call(left, right);
  };
}

/** Stops at the first argument that is an error; the call then costs nothing, unless that was the last. */
function variadic(call: Implementation, steps: readonly Step[], cost: CallCost): Step {
  const isLate = needsResult(cost);
  return (frame) => {
    const args: Value[] = [];
    for (const [i, step] of steps.entries()) {
      const value = step(frame);
      if (value instanceof CelError) {
        if (i === steps.length - 1) charge(frame, cost([...args, value], value));
        return value;
      }
      args.push(value);
    }
    if (!isLate) charge(frame, cost(args, false));
    const result = call(...args);
    if (isLate) charge(frame, cost(args, result));
    return result;
  };
}

/** `x in [1, 2, 3]`, where the list is constant: a look into a set, which costs nothing. */
export function membership(item: Step, list: Value): Plan | undefined {
  if (!(list instanceof List)) return undefined;
  if (list.size === 0) return constant(false);
  const elements = [...list] as Value[];
  if (!elements.every(isPlain)) return undefined;
  const keys = new Set(elements.map(mapKey));
  if (keys.has(undefined))
    return { run: onValue(item, (value) => elements.some((element) => equalValues(value, element) === true)) };
  return {
    run: onValue(item, (value) => {
      const key = mapKey(value);
      return key !== undefined && keys.has(key);
    }),
  };
}

function onValue(item: Step, test: (value: Value) => boolean): Step {
  return (frame) => {
    const value = item(frame);
    return value instanceof CelError ? value : test(value);
  };
}

function isPlain(value: Value): boolean {
  return (
    ['string', 'boolean', 'number', 'bigint'].includes(typeof value) || value instanceof Double || value instanceof Uint
  );
}
