/**
 * Finds the type of every part of an expression, and what its names and calls refer to.
 * https://github.com/google/cel-spec/blob/master/doc/langdef.md#gradual-type-checking
 */
import type { FunctionDeclaration, Overload } from '../declarations.js';
import { parametersOf } from '../declarations.js';
import type { Environment } from '../environment.js';
import {
  type Call,
  type Comprehension,
  type Expr,
  type Ident,
  ident,
  type ListLiteral,
  type MapLiteral,
  operators,
  type Select,
  type StructLiteral,
} from '../syntax/ast.js';
import type { IssueSpan, SourceIssues } from '../syntax/source.js';
import {
  boolType,
  dynType,
  errorType,
  intType,
  isOptionalType,
  listType,
  mapType,
  optionalType,
  type Type,
  typeOf,
  typeParameter,
} from '../types.js';
import { typeOfValue } from '../values.js';
import { mostGeneral, Substitutions } from './unify.js';

/** Notes types and references in the tree; adds what is wrong to `issues`. */
export function check(expr: Expr, environment: Environment, issues: SourceIssues): void {
  new Checker(environment, issues).run(expr);
}

interface Scope {
  variables: ReadonlyMap<string, Type>;
  outer: Scope | undefined;
}

class Checker {
  readonly #environment: Environment;
  readonly #issues: SourceIssues;
  readonly #substitutions = new Substitutions();
  readonly #checked: Expr[] = [];
  readonly #complaints = new Map<Expr, IssueSpan>();
  #scope: Scope | undefined;
  #freshCount = 0;

  constructor(environment: Environment, issues: SourceIssues) {
    this.#environment = environment;
    this.#issues = issues;
  }

  run(expr: Expr): void {
    this.#check(expr);
    for (const node of this.#checked) node.type = this.#substitutions.apply(node.type!, { unboundToDyn: true });
  }

  /** A part that stands in the tree twice (see the macro optMap) is checked once, but complained about twice. */
  #check(expr: Expr): Type {
    if (expr.type) {
      const complaints = this.#complaints.get(expr);
      if (complaints) this.#issues.repeat(complaints);
      return expr.type;
    }
    const from = this.#issues.count;
    const type = this.#typeOf(expr);
    const to = this.#issues.count;
    expr.type = type;
    this.#checked.push(expr);
    if (to > from) this.#complaints.set(expr, { from, to });
    return type;
  }

  #typeOf(expr: Expr): Type {
    switch (expr.kind) {
      case 'literal':
        return typeOfValue(expr.value);
      case 'ident':
        return this.#ident(expr);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return this.#struct(expr);
      case 'comprehension':
        return this.#comprehension(expr);
    }
  }

  #ident(expr: Ident): Type {
    const type = this.#resolve(expr);
    if (!type) this.#undeclared(expr, expr.name);
    return type ?? errorType;
  }

  #undeclared(expr: Expr, name: string): void {
    this.#issues.add(expr.offset, `undeclared reference to '${name}' (in container '')`);
  }

  /** The type of a variable, or of a type as a value, of this name. A leading dot passes over the macros' variables. */
  #resolve(expr: Ident): Type | undefined {
    if (!expr.name.startsWith('.')) {
      const local = this.#local(expr.name);
      if (local) return local;
    }
    const name = expr.name.replace(/^\./, '');
    const variable = this.#environment.variables.get(name);
    if (variable) return variable;
    const type = this.#environment.type(name);
    if (!type) return undefined;
    expr.constant = type;
    return typeOf(type);
  }

  #local(name: string): Type | undefined {
    for (let scope = this.#scope; scope; scope = scope.outer) {
      const type = scope.variables.get(name);
      if (type) return type;
    }
    return undefined;
  }

  #select(expr: Select): Type {
    const qualified = this.#qualified(expr);
    if (qualified) {
      expr.qualified = qualified;
      return qualified.type!;
    }
    const field = this.#field({ expr, operand: expr.operand, name: expr.field, isOptional: false });
    return expr.isTest ? boolType : this.#substitutions.apply(field);
  }

  /** `a.b.c` as one name, where a variable or type has that name. */
  #qualified(expr: Select): Ident | undefined {
    const name = qualifiedName(expr);
    if (name === undefined || this.#local(name.slice(0, name.indexOf('.')))) return undefined;
    const whole = ident(expr.offset, `.${name.replace(/^\./, '')}`);
    const type = this.#resolve(whole);
    return type && { ...whole, type };
  }

  #field(selection: { expr: Expr; operand: Expr; name: string; isOptional: boolean }): Type {
    const { expr, operand, name } = selection;
    const operandType = this.#substitutions.apply(this.#check(operand));
    const isOptional = isOptionalType(operandType);
    const target = isOptional ? operandType.parameters[0]! : operandType;
    const result = this.#fieldOf(expr, target, name);
    return isOptional || selection.isOptional ? optionalType(result) : result;
  }

  #fieldOf(expr: Expr, target: Type, name: string): Type {
    switch (target.kind) {
      case 'map':
        return target.parameters[1]!;
      case 'struct': {
        const struct = this.#environment.struct(target.name);
        const type = struct?.fieldType(name);
        if (!struct) this.#issues.add(expr.offset, `unexpected failed resolution of '${target.name}'`);
        else if (!type) this.#issues.add(expr.offset, `undefined field '${name}'`);
        return type ?? errorType;
      }
      case 'parameter':
        this.#substitutions.assign([dynType], [target]);
        return dynType;
      case 'dyn':
      case 'error':
        return dynType;
      default:
        this.#issues.add(expr.offset, `type '${target}' does not support field selection`);
        return dynType;
    }
  }

  #call(expr: Call): Type {
    if (expr.name === operators.optionalSelect) return this.#optionalSelect(expr);
    for (const arg of expr.args) this.#check(arg);
    if (expr.target) {
      const prefix = qualifiedName(expr.target);
      const namespaced = prefix && this.#function(`${prefix}.${expr.name}`);
      if (namespaced) {
        expr.target = undefined;
        return this.#overload(expr, namespaced);
      }
      this.#check(expr.target);
    }
    const declared = this.#function(expr.name);
    if (declared) return this.#overload(expr, declared);
    this.#undeclared(expr, expr.name);
    return errorType;
  }

  #function(name: string): FunctionDeclaration | undefined {
    return this.#environment.functions.get(name.replace(/^\./, ''));
  }

  #optionalSelect(expr: Call): Type {
    const [operand, field] = expr.args as [Expr, Expr];
    const name = field.kind === 'literal' ? field.value : undefined;
    if (typeof name !== 'string') throw new TypeError('the parser makes no other optional selection');
    this.#check(field);
    expr.overloads = ['select_optional_field'];
    return this.#substitutions.apply(this.#field({ expr, operand, name, isOptional: true }));
  }

  #overload(expr: Call, declared: FunctionDeclaration): Type {
    expr.name = declared.name;
    const operands = expr.target ? [expr.target, ...expr.args] : expr.args;
    const types = operands.map((operand) => operand.type!);
    if (declared.name === operators.and || declared.name === operators.or) return this.#logical(expr, types);
    let result: Type | undefined;
    const overloads: string[] = [];
    for (const overload of declared.overloads) {
      if (overload.isMember !== (expr.target !== undefined)) continue;
      const signature = this.#instantiate(overload);
      if (!this.#substitutions.assign(types, signature.args)) continue;
      overloads.push(overload.id);
      const type = this.#substitutions.apply(signature.result);
      if (!result) result = type;
      else if (result.kind !== 'dyn' && !type.equals(result)) result = dynType;
    }
    if (result) {
      expr.overloads = overloads;
      return result;
    }
    const known = types.map((type) => this.#substitutions.apply(type, { unboundToDyn: true }));
    const receiver = expr.target ? `${known.shift()}.` : '';
    const applied = `${receiver}(${known.join(', ')})`;
    this.#issues.add(expr.offset, `found no matching overload for '${declared.name}' applied to '${applied}'`);
    return errorType;
  }

  #logical(expr: Call, types: Type[]): Type {
    let isWrong = false;
    for (const [i, type] of types.entries()) {
      if (this.#substitutions.assign([type], [boolType])) continue;
      this.#mismatch(expr.args[i]!, boolType, type);
      isWrong = true;
    }
    expr.overloads = [expr.name === operators.and ? 'logical_and' : 'logical_or'];
    return isWrong ? errorType : boolType;
  }

  #mismatch(expr: Expr, expected: Type, actual: Type): void {
    this.#issues.add(expr.offset, `expected type '${expected}' but found '${actual}'`);
  }

  /** The signature with fresh placeholders, so that calls of one function do not mix. */
  #instantiate(overload: Overload): { args: readonly Type[]; result: Type } {
    const names = parametersOf(overload);
    if (names.size === 0) return overload;
    const fresh = new Substitutions();
    for (const name of names) fresh.set(typeParameter(name), this.#fresh());
    return { args: overload.args.map((arg) => fresh.apply(arg)), result: fresh.apply(overload.result) };
  }

  #fresh(): Type {
    return typeParameter(`_var${this.#freshCount++}`);
  }

  #list(expr: ListLiteral): Type {
    let joined: Type | undefined;
    for (const [i, element] of expr.elements.entries()) {
      this.#check(element);
      joined = this.#join(joined, this.#itemType(element, expr.optional.has(i)));
    }
    return listType(joined ?? this.#fresh());
  }

  #map(expr: MapLiteral): Type {
    let keyType: Type | undefined;
    let valueType: Type | undefined;
    for (const { key, value, isOptional } of expr.entries) {
      keyType = this.#join(keyType, this.#check(key));
      this.#check(value);
      valueType = this.#join(valueType, this.#itemType(value, isOptional));
    }
    return mapType(keyType ?? this.#fresh(), valueType ?? this.#fresh());
  }

  /** What a literal gets from an item, which is what an optional item holds. */
  #itemType(item: Expr, isOptional: boolean): Type {
    const type = item.type!;
    if (!isOptional) return type;
    if (isOptionalType(type)) return type.parameters[0]!;
    if (type.kind !== 'dyn') this.#mismatch(item, optionalType(type), type);
    return type;
  }

  #join(previous: Type | undefined, current: Type): Type {
    if (!previous) return current;
    if (this.#substitutions.assign([previous], [current])) return mostGeneral(previous, current);
    // Kubernetes allows no mixed literals but in arguments of `format`; `validate` sees to that.
    return dynType;
  }

  #struct(expr: StructLiteral): Type {
    const name = expr.typeName.replace(/^\./, '');
    const struct = this.#environment.struct(name);
    const type = struct?.type ?? this.#environment.type(name);
    if (!type) {
      this.#undeclared(expr, expr.typeName);
      return errorType;
    }
    if (!struct) this.#issues.add(expr.offset, `'${type.name}' is not a message type`);
    expr.typeName = name;
    for (const { name: field, value, isOptional, offset } of expr.fields) {
      this.#check(value);
      const declared = struct?.fieldType(field);
      if (struct && !declared) this.#issues.add(offset, `undefined field '${field}'`);
      const actual = this.#itemType(value, isOptional);
      if (declared && !this.#substitutions.assign([declared], [actual])) {
        const text = `expected type of field '${field}' is '${declared}' but provided type is '${actual}'`;
        this.#issues.add(offset, text);
      }
    }
    return struct ? struct.type : errorType;
  }

  #comprehension(expr: Comprehension): Type {
    const range = this.#substitutions.apply(this.#check(expr.range));
    const accumulator = this.#check(expr.init);
    const outer = this.#scope;
    const folded: Scope = { variables: new Map([[expr.accumulator, accumulator]]), outer };
    this.#scope = { variables: new Map(this.#loopVariables(expr, range)), outer: folded };
    this.#check(expr.condition);
    this.#assert(expr.condition, boolType);
    this.#check(expr.step);
    this.#assert(expr.step, accumulator);
    this.#scope = folded;
    const result = this.#substitutions.apply(this.#check(expr.result));
    this.#scope = outer;
    return result;
  }

  #loopVariables(expr: Comprehension, range: Type): [string, Type][] {
    const [first, second] = this.#elementTypes(expr, range);
    return expr.variable2
      ? [
          [expr.variable, first],
          [expr.variable2, second],
        ]
      : [[expr.variable, first]];
  }

  /** What the variables of a fold over such a range are: with one variable, only the first counts. */
  #elementTypes(expr: Comprehension, range: Type): [Type, Type] {
    switch (range.kind) {
      case 'list':
        return expr.variable2 ? [intType, range.parameters[0]!] : [range.parameters[0]!, dynType];
      case 'map':
        return [range.parameters[0]!, range.parameters[1]!];
      case 'parameter':
      case 'dyn':
      case 'error':
        this.#substitutions.assign([dynType], [range]);
        return [dynType, dynType];
      default: {
        const text = `expression of type '${range}' cannot be range of a comprehension`;
        this.#issues.add(expr.range.offset, `${text} (must be list, map, or dynamic)`);
        return [errorType, errorType];
      }
    }
  }

  #assert(expr: Expr, type: Type): void {
    if (!this.#substitutions.assign([type], [expr.type!])) this.#mismatch(expr, type, expr.type!);
  }
}

/** `a.b.c`, where the expression is names and dots only. */
function qualifiedName(expr: Expr): string | undefined {
  const parts: string[] = [];
  let inner = expr;
  for (; inner.kind === 'select'; inner = inner.operand) {
    if (inner.isTest) return undefined;
    parts.push(inner.field);
  }
  return inner.kind === 'ident' ? [inner.name, ...parts.reverse()].join('.') : undefined;
}
