/**
 * The least and the most that an expression can cost, whatever its variables hold: from the sizes that schemas allow.
 * Rules of CRDs are refused by it, so that the numbers are those of cel-go and of Kubernetes' library.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#resource-use-by-validation-functions
 */
import { accumulatorName, type Call, type Comprehension, type Expr } from '../syntax/ast.js';
import { codePointCount } from '../syntax/source.js';
import { isOptionalType, type Type } from '../types.js';
import { type EstimatedPart, estimateCall } from './call-estimate.js';
import { either, exactly, plus, type Range, type SizeFinder, times, unknownRange, unlimited } from './range.js';
import { listCost, mapCost, structCost } from './runtime.js';

export function estimateCost(root: Expr, findSize: SizeFinder = () => undefined): Range {
  return new Estimator(findSize).cost(root);
}

/** The sizes of the keys and values of what a fold goes over. */
interface EntrySize {
  container: 'list' | 'map';
  key: Range;
  value: Range;
}

interface LocalVariable {
  path: readonly string[];
  size: Range | undefined;
  entrySize: EntrySize | undefined;
}

class Estimator {
  readonly #findSize: SizeFinder;
  readonly #paths = new Map<Expr, readonly string[]>();
  readonly #sizes = new Map<Expr, Range>();
  readonly #entrySizes = new Map<Expr, EntrySize>();
  readonly #costs = new Map<Expr, Range>();
  readonly #locals = new Map<string, LocalVariable[]>();

  constructor(findSize: SizeFinder) {
    this.#findSize = findSize;
  }

  /** A part that stands in the tree twice is estimated once. */
  cost(expr: Expr): Range {
    const known = this.#costs.get(expr);
    if (known) return known;
    const cost = this.#cost(expr);
    this.#costs.set(expr, cost);
    return cost;
  }

  #cost(expr: Expr): Range {
    switch (expr.kind) {
      case 'literal':
        return exactly(0);
      case 'ident':
        this.#paths.set(expr, this.#local(expr.name)?.path ?? [expr.name]);
        return exactly(1);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return plus(...expr.fields.map(({ value }) => this.cost(value)), exactly(structCost));
      case 'comprehension':
        return isBinding(expr) ? this.#binding(expr) : this.#comprehension(expr);
    }
  }

  #select(expr: Extract<Expr, { kind: 'select' }>): Range {
    if (expr.qualified) {
      this.#paths.set(expr, [expr.qualified.name]);
      return exactly(1);
    }
    const operand = this.cost(expr.operand);
    if (expr.isTest) return operand;
    this.#paths.set(expr, [...this.#path(expr.operand), expr.field]);
    return ['map', 'struct', 'parameter'].includes(expr.operand.type!.kind) ? plus(operand, exactly(1)) : operand;
  }

  #list(expr: Extract<Expr, { kind: 'list' }>): Range {
    const costs = expr.elements.map((element) => this.cost(element));
    const value = this.#union(expr.elements);
    this.#entrySizes.set(expr, { container: 'list', key: exactly(1), value });
    return plus(...costs, exactly(listCost));
  }

  #map(expr: Extract<Expr, { kind: 'map' }>): Range {
    const costs = expr.entries.flatMap(({ key, value }) => [this.cost(key), this.cost(value)]);
    const key = this.#union(expr.entries.map((entry) => entry.key));
    const value = this.#union(expr.entries.map((entry) => entry.value));
    this.#entrySizes.set(expr, { container: 'map', key, value });
    return plus(...costs, exactly(mapCost));
  }

  #union(exprs: readonly Expr[]): Range {
    const none = { min: exprs.length === 0 ? 0 : unlimited, max: 0 };
    return exprs.map((expr) => this.#sizeOrUnknown(expr)).reduce(either, none);
  }

  #call(expr: Call): Range {
    if (expr.name === 'dyn') {
      const arg = expr.args[0]!;
      const cost = plus(this.cost(arg), exactly(1));
      this.#copySizes(expr, arg);
      return cost;
    }
    const argCosts = expr.args.map((arg) => this.cost(arg));
    const args = expr.args.map((arg) => this.#part(arg));
    const targetCost = expr.target ? this.cost(expr.target) : exactly(0);
    const target = expr.target && this.#part(expr.target);
    let cost: Range = { min: unlimited, max: 0 };
    let size: Range | undefined;
    for (const overload of expr.overloads ?? []) {
      const estimate = this.#overload(expr, { overload, target, args, argCosts });
      cost = either(cost, estimate.cost);
      if (estimate.size) size = size ? either(size, estimate.size) : estimate.size;
      size = this.#indexed(expr, overload, size) ?? size ?? this.#size(expr);
    }
    if (size) this.#sizes.set(expr, size);
    return plus(targetCost, cost);
  }

  /** Follows the path into an element; gives its size where that is known. */
  #indexed(expr: Call, overload: string, size: Range | undefined): Range | undefined {
    if (overload !== 'index_list' && overload !== 'index_map') return size;
    const container = expr.args[0]!;
    const value = this.#entrySize(container)?.value;
    this.#paths.set(expr, [...this.#path(container), overload === 'index_list' ? '@items' : '@values']);
    return value;
  }

  #overload(
    expr: Call,
    call: { overload: string; target: EstimatedPart | undefined; args: EstimatedPart[]; argCosts: Range[] },
  ): { cost: Range; size?: Range | undefined } {
    const { overload, args, argCosts } = call;
    const [first, second, third] = argCosts as [Range, Range, Range];
    switch (overload) {
      case 'logical_and':
      case 'logical_or':
        return { cost: { min: first.min, max: plus(first, second).max } };
      case 'conditional': {
        const size = either(sizeOrUnknown(args[1]!), sizeOrUnknown(args[2]!));
        this.#joinEntries(expr, expr.args[1]!, expr.args[2]!);
        return { cost: plus(first, either(second, third)), size };
      }
      case 'add_string':
      case 'add_bytes':
      case 'add_list':
        this.#joinEntries(expr, expr.args[0]!, expr.args[1]!);
    }
    const estimate = estimateCall({ name: expr.name, ...call, findSize: this.#findSize });
    return { cost: plus(estimate.cost, ...argCosts), size: estimate.size };
  }

  #joinEntries(expr: Expr, a: Expr, b: Expr): void {
    const [left, right] = [this.#entrySize(a), this.#entrySize(b)];
    if (!left || !right) return;
    const { container } = left;
    this.#entrySizes.set(expr, { container, key: either(left.key, right.key), value: either(left.value, right.value) });
  }

  #comprehension(expr: Comprehension): Range {
    const rangeCost = this.cost(expr.range);
    const initCost = this.cost(expr.init);
    const names = this.#enterLoop(expr);
    const conditionCost = this.cost(expr.condition);
    const stepCost = this.cost(expr.step);
    const stepEntries = this.#entrySize(expr.step);
    for (const name of names) this.#leave(name);
    const resultCost = this.cost(expr.result);
    this.#leave(expr.accumulator);
    const count = this.#sizeOrUnknown(expr.range);
    if (expr.init.kind === 'literal') this.#copySize(expr, expr.init);
    else if (expr.init.kind === 'list' || expr.init.kind === 'map') {
      this.#sizes.set(expr, count);
      if (stepEntries) this.#entrySizes.set(expr, stepEntries);
    }
    return plus(rangeCost, initCost, resultCost, times(count, plus(stepCost, conditionCost)));
  }

  /** Makes the variables of a fold known; gives the names of those that end with the loop. */
  #enterLoop(expr: Comprehension): string[] {
    this.#enter(expr.accumulator, this.#bound(expr.init));
    const entries = this.#entrySize(expr.range);
    const container = entries?.container ?? (expr.range.type!.kind === 'list' ? 'list' : 'map');
    const path = this.#path(expr.range);
    const variable = (part: string, size: Range | undefined): LocalVariable => ({
      path: [...path, part],
      size,
      entrySize: undefined,
    });
    const value = variable(container === 'list' ? '@items' : '@values', entries?.value);
    if (expr.variable2 === undefined) {
      this.#enter(expr.variable, container === 'list' ? value : variable('@keys', entries?.key));
      return [expr.variable];
    }
    this.#enter(expr.variable, variable(container === 'list' ? '@indices' : '@keys', entries?.key));
    this.#enter(expr.variable2, value);
    return [expr.variable, expr.variable2];
  }

  #binding(expr: Comprehension): Range {
    const cost = plus(this.cost(expr.range), this.cost(expr.init));
    this.#enter(expr.accumulator, this.#bound(expr.init));
    const resultCost = this.cost(expr.result);
    this.#leave(expr.accumulator);
    this.#copySizes(expr, expr.result);
    return plus(cost, resultCost);
  }

  #bound(value: Expr): LocalVariable {
    return { path: this.#path(value), size: this.#size(value), entrySize: this.#entrySize(value) };
  }

  #enter(name: string, variable: LocalVariable): void {
    const stack = this.#locals.get(name);
    if (stack) stack.push(variable);
    else this.#locals.set(name, [variable]);
  }

  #leave(name: string): void {
    this.#locals.get(name)!.pop();
  }

  #local(name: string): LocalVariable | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  #part(expr: Expr): EstimatedPart {
    const path = this.#path(expr);
    const isPath = path.length > 0 && path[0] !== accumulatorName;
    return { expr, type: expr.type!, path: isPath ? path : undefined, size: this.#size(expr) };
  }

  #path(expr: Expr): readonly string[] {
    return (expr.kind === 'ident' && this.#local(expr.name)?.path) || (this.#paths.get(expr) ?? []);
  }

  #copySizes(to: Expr, from: Expr): void {
    this.#copySize(to, from);
    const entries = this.#entrySize(from);
    if (entries) this.#entrySizes.set(to, entries);
  }

  #copySize(to: Expr, from: Expr): void {
    const size = this.#size(from);
    if (size) this.#sizes.set(to, size);
  }

  #sizeOrUnknown(expr: Expr): Range {
    return this.#size(expr) ?? unknownRange;
  }

  #size(expr: Expr): Range | undefined {
    const known = this.#sizes.get(expr) ?? literalSize(expr);
    if (known) return known;
    const found = this.#findSize(this.#path(expr));
    if (found) {
      this.#sizes.set(expr, found);
      return found;
    }
    if (isScalar(expr.type!)) return exactly(1);
    return expr.kind === 'ident' ? this.#local(expr.name)?.size : undefined;
  }

  #entrySize(expr: Expr): EntrySize | undefined {
    return this.#entrySizes.get(expr) ?? (expr.kind === 'ident' ? this.#local(expr.name)?.entrySize : undefined);
  }
}

const sizeOrUnknown = ({ size }: EstimatedPart): Range => size ?? unknownRange;

/** A name for a value, rather than a loop: see the macro optMap. */
function isBinding({ range, condition, accumulator }: Comprehension): boolean {
  const isEmpty = range.kind === 'list' && range.elements.length === 0;
  return isEmpty && condition.kind === 'literal' && condition.value === false && accumulator !== '__result__';
}

function literalSize(expr: Expr): Range | undefined {
  switch (expr.kind) {
    case 'literal':
      if (typeof expr.value === 'string') return exactly(codePointCount(expr.value));
      return exactly(expr.value instanceof Uint8Array ? expr.value.length : 1);
    case 'list':
      return exactly(expr.elements.length);
    case 'map':
      return exactly(expr.entries.length);
    default:
      return undefined;
  }
}

const scalars = new Set(['bool', 'double', 'duration', 'int', 'timestamp', 'uint']);

/** Whether all values of a type have the same size. */
function isScalar(type: Type): boolean {
  return scalars.has(type.kind) || (isOptionalType(type) && isScalar(type.parameters[0]!));
}
