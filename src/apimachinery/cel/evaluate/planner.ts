/**
 * Makes closures of a checked expression: names become numbers of slots, overloads become functions, and what is
 * constant is computed beforehand. Costs are counted on the way as cel-go counts them, oddities included: a branch of
 * `?:` or an index that is itself a variable or field costs one less than elsewhere.
 */
import { callCost, listCost, mapCost, structCost } from '../cost/runtime.js';
import type { Environment } from '../environment.js';
import {
  type Call,
  type Expr,
  type Ident,
  type ListLiteral,
  type MapLiteral,
  operators,
  type Select,
  type StructLiteral,
} from '../syntax/ast.js';
import { ArrayList, CelError, EntryMap, Optional, type Result, type Value } from '../values.js';
import { implementation, isConversion, membership } from './calls.js';
import { conjunction, disjunction, equality, notStrictlyFalse, optionalOr, ternary } from './control.js';
import { planComprehension } from './fold.js';
import { charge, constant, isConstant, type Plan, PlanError, type Step } from './frame.js';
import { qualify, qualifyIfPresent } from './qualify.js';

export interface ExpressionPlan extends Plan {
  rootCount: number;
  localCount: number;
}

/** Throws a PlanError for what can never be evaluated. */
export function planExpression(expr: Expr, environment: Environment): ExpressionPlan {
  const planner = new Planner(environment);
  const plan = planner.plan(expr);
  return { ...plan, rootCount: planner.rootCount, localCount: planner.localCount };
}

/** Whether the first name in a chain of fields costs its one unit. */
type RootCharge = 'charged' | 'free';

export class Planner {
  readonly #environment: Environment;
  readonly #roots = new Map<string, number>();
  readonly #plans = new Map<Expr, Plan>();
  #locals = new Map<string, Step>();
  localCount = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  get rootCount(): number {
    return this.#roots.size;
  }

  /** A part that stands in the tree twice (see the macro optMap) is planned once. */
  plan(expr: Expr): Plan {
    const known = this.#plans.get(expr);
    if (known) return known;
    const plan = this.#plan(expr);
    this.#plans.set(expr, plan);
    return plan;
  }

  /** Plans with further variables, which are read by the given steps. */
  scoped(variables: Iterable<readonly [string, Step]>, expr: Expr): Plan {
    const outer = this.#locals;
    this.#locals = new Map([...outer, ...variables]);
    const plan = this.plan(expr);
    this.#locals = outer;
    return plan;
  }

  allocateLocal(): number {
    return this.localCount++;
  }

  #plan(expr: Expr): Plan {
    switch (expr.kind) {
      case 'literal':
        return constant(expr.value);
      case 'ident':
        return expr.constant === undefined ? { run: this.#ident(expr, 'charged') } : constant(expr.constant);
      case 'select':
        if (expr.qualified?.constant !== undefined) return constant(expr.qualified.constant);
        return { run: this.#select(expr, 'charged') };
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return { run: this.#struct(expr) };
      case 'comprehension':
        return { run: planComprehension(expr, this) };
    }
  }

  /** As `plan`, but a variable, field or element costs one unit less. */
  #attribute(expr: Expr, root: RootCharge): Step {
    switch (expr.kind) {
      case 'ident':
        if (expr.constant === undefined) return this.#ident(expr, root);
        break;
      case 'select':
        if (expr.qualified?.constant === undefined) return this.#select(expr, root);
        break;
      case 'call':
        if (indexers.has(expr.name)) return this.#index(expr, root);
        if (expr.name === operators.conditional) return this.#conditional(expr);
        break;
    }
    return this.plan(expr).run;
  }

  #ident({ name }: Ident, root: RootCharge): Step {
    const read = this.#locals.get(name) ?? this.#root(name.replace(/^\./, ''));
    if (root === 'free') return read;
    return (frame) => {
      charge(frame, 1);
      return read(frame);
    };
  }

  #root(name: string): Step {
    let slot = this.#roots.get(name);
    if (slot === undefined) this.#roots.set(name, (slot = this.#roots.size));
    const place = slot;
    const missing = new CelError(`no such attribute(s): ${name}`);
    return (frame) => {
      const known = frame.roots[place];
      if (known !== undefined) return known;
      const value = frame.variables(name);
      return (frame.roots[place] = value === undefined ? missing : value);
    };
  }

  #select(expr: Select, root: RootCharge): Step {
    if (expr.qualified) return this.#ident(expr.qualified, root);
    // Looking whether a field is there does not cost the unit of its first name.
    if (expr.isTest) return presenceTest(this.#operand(expr.operand, 'free'), expr.field);
    return selection(this.#operand(expr.operand, root), expr.field);
  }

  /** What fields are read of. The first of a chain costs a unit, whether it is a name or not. */
  #operand(expr: Expr, root: RootCharge): Step {
    const run = this.#attribute(expr, root);
    if (root === 'free' || isAttribute(expr)) return run;
    return (frame) => {
      charge(frame, 1);
      return run(frame);
    };
  }

  #index(expr: Call, root: RootCharge): Step {
    const [operandExpr, keyExpr] = expr.args as [Expr, Expr];
    const operand = this.#operand(operandExpr, root);
    const isOptional = expr.name !== operators.index;
    const key = this.plan(keyExpr);
    if (isConstant(key))
      return isOptional ? optionalSelection(operand, key.constant) : selection(operand, key.constant);
    return computedSelection({ operand, key: this.#attribute(keyExpr, 'free'), isOptional });
  }

  #conditional(expr: Call): Step {
    const [condition, yes, no] = expr.args as [Expr, Expr, Expr];
    return ternary(this.plan(condition).run, this.#attribute(yes, 'free'), this.#attribute(no, 'free'));
  }

  #call(expr: Call): Plan {
    if (indexers.has(expr.name)) return { run: this.#index(expr, 'charged') };
    if (expr.name === operators.conditional) return { run: this.#conditional(expr) };
    const operands = expr.target ? [expr.target, ...expr.args] : expr.args;
    const plans = operands.map((operand) => this.plan(operand));
    const steps = plans.map(({ run }) => run);
    const [a, b] = steps as [Step, Step];
    const overload = expr.overloads?.length === 1 ? expr.overloads[0]! : '';
    const cost = callCost(expr.name, overload);
    switch (expr.name) {
      case operators.and:
        return { run: conjunction(a, b) };
      case operators.or:
        return { run: disjunction(a, b) };
      case operators.equals:
        return { run: equality({ a, b, cost: callCost(expr.name, 'equals'), isNegated: false }) };
      case operators.notEquals:
        return { run: equality({ a, b, cost: callCost(expr.name, 'not_equals'), isNegated: true }) };
      case operators.notStrictlyFalse:
        return { run: notStrictlyFalse(a) };
      case 'or':
      case 'orValue':
        if (expr.target && operands.length === 2)
          return { run: optionalOr({ a, b, unwraps: expr.name === 'orValue' }) };
        break;
      case operators.in: {
        const list = plans[1]!;
        const optimized = overload === 'in_list' && isConstant(list) && membership(a, list.constant);
        if (optimized) return optimized;
      }
    }
    const run = implementation({ expr, environment: this.#environment, operands, steps, plans, cost });
    if (!isConversion(expr.name) || plans.length !== 1 || !isConstant(plans[0]!)) return { run };
    return folded(run);
  }

  #list({ elements, optional }: ListLiteral): Plan {
    const plans = elements.map((element) => this.plan(element));
    const steps = plans.map(({ run }) => run);
    const build = (frame: Parameters<Step>[0]): Result => {
      const values: Value[] = [];
      for (const [i, step] of steps.entries()) {
        const value = step(frame);
        if (value instanceof CelError) return value;
        if (!optional.has(i)) values.push(value);
        else if (!(value instanceof Optional)) return notOptional('cannot initialize optional list element');
        else if (value.value !== undefined) values.push(value.value);
      }
      return new ArrayList(values);
    };
    if (optional.size === 0 && plans.every(isConstant)) return folded(build);
    return { run: charged(build, listCost) };
  }

  #map({ entries }: MapLiteral): Plan {
    const plans = entries.map(({ key, value, isOptional }) => ({
      key: this.plan(key),
      value: this.plan(value),
      isOptional,
    }));
    const build = (frame: Parameters<Step>[0]): Result => {
      const map = EntryMap.of();
      for (const plan of plans) {
        const key = plan.key.run(frame);
        if (key instanceof CelError) return key;
        const value = plan.value.run(frame);
        if (value instanceof CelError) return value;
        const held = plan.isOptional ? heldBy(value) : value;
        if (held instanceof CelError) return held;
        if (held === undefined) map.delete(key);
        else if (!map.set(key, held)) return new CelError('unsupported map key type');
      }
      return map;
    };
    const isFixed = plans.every(({ key, value, isOptional }) => isConstant(key) && isConstant(value) && !isOptional);
    return isFixed ? folded(build) : { run: charged(build, mapCost) };
  }

  #struct(expr: StructLiteral): Step {
    const struct = this.#environment.struct(expr.typeName);
    const create = struct?.create;
    if (!create) throw new PlanError(`unknown type: ${expr.typeName}`);
    const fields = expr.fields.map(({ name, value, isOptional }) => ({ name, run: this.plan(value).run, isOptional }));
    return charged((frame) => {
      const values = new Map<string, Value>();
      for (const { name, run, isOptional } of fields) {
        const value = run(frame);
        if (value instanceof CelError) return value;
        const held = isOptional ? heldBy(value) : value;
        if (held instanceof CelError) return held;
        if (held === undefined) values.delete(name);
        else values.set(name, held);
      }
      return create(values);
    }, structCost);
  }
}

const indexers = new Set<string>([operators.index, operators.optionalIndex, operators.optionalSelect]);

function isAttribute(expr: Expr): boolean {
  switch (expr.kind) {
    case 'ident':
      return expr.constant === undefined;
    case 'select':
      return expr.qualified?.constant === undefined;
    case 'call':
      return indexers.has(expr.name) || expr.name === operators.conditional;
    default:
      return false;
  }
}

/** What an optional holds; undefined where it holds nothing. */
function heldBy(value: Value): Value | undefined | CelError {
  if (value instanceof Optional) return value.value;
  return notOptional('cannot initialize optional entry');
}

const notOptional = (what: string): CelError => new CelError(`${what} from non-optional value`);

function charged(step: Step, cost: number): Step {
  return (frame) => {
    const result = step(frame);
    charge(frame, cost);
    return result;
  };
}

/** The value of what depends on no variable. */
function folded(step: Step): Plan {
  const none = { cost: 0, costMax: Number.POSITIVE_INFINITY, variables: () => undefined, roots: [], locals: [] };
  const value = step(none);
  if (value instanceof CelError) throw new PlanError(value.message);
  return constant(value);
}

function selection(operand: Step, key: Value): Step {
  return (frame) => {
    const value = operand(frame);
    if (value instanceof CelError) return value;
    if (value instanceof Optional) return throughOptional(value, (held) => qualifyCharged(frame, held, key));
    charge(frame, 1);
    return qualify(value, key);
  };
}

function optionalSelection(operand: Step, key: Value): Step {
  return (frame) => {
    const value = operand(frame);
    if (value instanceof CelError) return value;
    return throughOptional(value, (held) => qualifyCharged(frame, held, key));
  };
}

/** What is not there costs nothing. */
function qualifyCharged(frame: Parameters<Step>[0], value: Value, key: Value): Result | undefined {
  const found = qualifyIfPresent(value, key);
  if (found !== undefined && !(found instanceof CelError)) charge(frame, 1);
  return found;
}

/** Reads from what an optional holds, and gives an optional. */
function throughOptional(value: Value, read: (held: Value) => Result | undefined): Result {
  const held = value instanceof Optional ? value.value : value;
  const found = held === undefined ? undefined : read(held);
  if (found instanceof CelError) return found;
  return found === undefined ? Optional.none : Optional.of(found);
}

function computedSelection({ operand, key, isOptional }: { operand: Step; key: Step; isOptional: boolean }): Step {
  return (frame) => {
    const value = operand(frame);
    if (value instanceof CelError) return value;
    const wanted = key(frame);
    if (isOptional || value instanceof Optional) {
      if (wanted instanceof CelError) return wanted;
      return throughOptional(value, (held) => qualifyCharged(frame, held, wanted));
    }
    charge(frame, 1);
    return wanted instanceof CelError ? wanted : qualify(value, wanted);
  };
}

function presenceTest(operand: Step, field: string): Step {
  return (frame) => {
    const value = operand(frame);
    if (value instanceof CelError) return value;
    const held = value instanceof Optional ? value.value : value;
    if (held === undefined) return false;
    charge(frame, 1);
    const found = qualifyIfPresent(held, field);
    return found instanceof CelError ? found : found !== undefined;
  };
}
