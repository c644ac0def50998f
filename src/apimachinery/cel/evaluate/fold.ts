/** Folds over lists and maps: what the macros `all`, `exists`, `map`, `filter` and their kin have become. */
import type { Comprehension, Expr } from '../syntax/ast.js';
import {
  ArrayList,
  CelError,
  CelMap,
  Double,
  Duration,
  GrowingList,
  GrowingMap,
  isInt,
  List,
  type Result,
  Timestamp,
  Uint,
  type Value,
} from '../values.js';
import { type Frame, isConstant, type Plan, type Step } from './frame.js';

/** What a fold needs of the planner. */
export interface FoldPlanner {
  plan(expr: Expr): Plan;
  scoped(variables: Iterable<readonly [string, Step]>, expr: Expr): Plan;
  allocateLocal(): number;
}

interface FoldPlan {
  range: Step;
  /** The slots of the accumulator and of the variables. */
  accumulator: number;
  variable: number;
  variable2: number | undefined;
  /** Undefined where the fold goes on to the end. */
  condition: Step | undefined;
  step: Step;
  result: Step;
}

export function planComprehension(expr: Comprehension, planner: FoldPlanner): Step {
  const init = planner.plan(expr.init);
  const range = planner.plan(expr.range);
  const accumulator = planner.allocateLocal();
  const variable = planner.allocateLocal();
  const variable2 = expr.variable2 === undefined ? undefined : planner.allocateLocal();
  // The accumulator comes into being when it is first read: what is bound and not used is not computed.
  const accumulated: Step = (frame) => {
    const value = frame.locals[accumulator];
    return value === undefined ? (frame.locals[accumulator] = start(init, frame)) : value;
  };
  const folded: [string, Step][] = [[expr.accumulator, accumulated]];
  const looped: [string, Step][] = [...folded, [expr.variable, (frame) => frame.locals[variable]!]];
  if (variable2 !== undefined) looped.push([expr.variable2!, (frame) => frame.locals[variable2]!]);
  const condition = planner.scoped(looped, expr.condition);
  return fold({
    range: range.run,
    accumulator,
    variable,
    variable2,
    condition: isConstant(condition) && condition.constant === true ? undefined : condition.run,
    step: planner.scoped(looped, expr.step).run,
    result: planner.scoped(folded, expr.result).run,
  });
}

/** Nothing but the fold sees its accumulator, so that lists and maps may grow in place. */
function start(init: Plan, frame: Frame): Result {
  const value = init.run(frame);
  if (value instanceof List && value.size === 0) return new GrowingList([]);
  return value instanceof CelMap && value.size === 0 ? new GrowingMap() : value;
}

function fold(plan: FoldPlan): Step {
  return (frame) => {
    const range = plan.range(frame);
    if (range instanceof CelError) return range;
    frame.locals[plan.accumulator] = undefined;
    if (range instanceof List) foldList(plan, frame, range);
    else if (range instanceof CelMap) foldMap(plan, frame, range);
    else return notIterable(range, plan.variable2 !== undefined);
    const result = plan.result(frame);
    if (result instanceof GrowingList) return new ArrayList(result.values);
    return result instanceof GrowingMap ? result.finish() : result;
  };
}

function foldList(plan: FoldPlan, frame: Frame, list: List): void {
  const { locals } = frame;
  for (let i = 0; i < list.size; i++) {
    if (plan.variable2 === undefined) locals[plan.variable] = list.at(i);
    else {
      locals[plan.variable] = i;
      locals[plan.variable2] = list.at(i);
    }
    if (plan.condition?.(frame) === false) return;
    locals[plan.accumulator] = plan.step(frame);
  }
}

function foldMap(plan: FoldPlan, frame: Frame, map: CelMap): void {
  const { locals } = frame;
  for (const key of map.keys()) {
    locals[plan.variable] = key;
    if (plan.variable2 !== undefined) locals[plan.variable2] = map.find(key)!;
    if (plan.condition?.(frame) === false) return;
    locals[plan.accumulator] = plan.step(frame);
  }
}

function notIterable(value: Value, hasTwoVariables: boolean): CelError {
  const name = `types.${implementationName(value)}`;
  if (hasTwoVariables) return new CelError(`unsupported comprehension range type: ${name}`);
  return new CelError(`got '${name}', expected iterable type`);
}

/** What upstream calls the class of a value. */
function implementationName(value: Value): string {
  if (typeof value === 'string') return 'String';
  if (typeof value === 'boolean') return 'Bool';
  if (value === null) return 'Null';
  if (isInt(value)) return 'Int';
  if (value instanceof Double) return 'Double';
  if (value instanceof Uint) return 'Uint';
  if (value instanceof Uint8Array) return 'Bytes';
  if (value instanceof Timestamp) return 'Timestamp';
  return value instanceof Duration ? 'Duration' : 'Object';
}
