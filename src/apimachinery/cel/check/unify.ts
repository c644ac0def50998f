/**
 * Whether a value of one type can stand where another is expected, and what the placeholders of a signature turn out
 * to be on the way. The rules, with all their leniency, are cel-go's: `null` goes where any object goes, `dyn` anywhere.
 */
import { dynType, Type } from '../types.js';

/** What placeholders stand for. */
export class Substitutions {
  readonly #types = new Map<string, Type>();
  /** What stood there before each change of the attempt under way, to take the attempt back. */
  #changes: { name: string; before: Type | undefined }[] = [];

  find(type: Type): Type | undefined {
    return type.kind === 'parameter' ? this.#types.get(type.name) : undefined;
  }

  set(parameter: Type, type: Type): void {
    this.#changes.push({ name: parameter.name, before: this.#types.get(parameter.name) });
    this.#types.set(parameter.name, type);
  }

  /** Whether every type of `from` is assignable to its counterpart in `to`. Where not, nothing has changed. */
  assign(from: readonly Type[], to: readonly Type[]): boolean {
    this.#changes = [];
    if (areAssignable(this, from, to)) return true;
    for (const { name, before } of this.#changes.reverse()) {
      if (before) this.#types.set(name, before);
      else this.#types.delete(name);
    }
    return false;
  }

  /** The type with its placeholders replaced; those that stand for nothing become `dyn` where that is wished. */
  apply(type: Type, options: { unboundToDyn: boolean } = { unboundToDyn: false }): Type {
    const bound = this.find(type);
    if (bound) return this.apply(bound, options);
    if (type.kind === 'parameter') return options.unboundToDyn ? dynType : type;
    if (type.parameters.length === 0) return type;
    const parameters = type.parameters.map((parameter) => this.apply(parameter, options));
    if (parameters.every((parameter, i) => parameter === type.parameters[i])) return type;
    return new Type(type.kind, type.name, parameters);
  }
}

const isWild = (type: Type): boolean => type.kind === 'dyn' || type.kind === 'error';

function areAssignable(bindings: Substitutions, from: readonly Type[], to: readonly Type[]): boolean {
  return from.length === to.length && from.every((type, i) => isAssignable(bindings, type, to[i]!));
}

function isAssignable(bindings: Substitutions, from: Type, to: Type): boolean {
  if (to.kind === 'parameter') {
    const attempt = bind(bindings, from, to);
    if (attempt !== 'open') return attempt === 'fits';
  }
  if (from.kind === 'parameter') return bind(bindings, to, from) === 'fits';
  if (isWild(from) || isWild(to)) return true;
  if (from.kind === 'null') return isNullable(to);
  if (to.kind === 'null') return isNullable(from);
  if (from.kind !== to.kind) return false;
  if (from.kind === 'type') return true;
  return from.name === to.name && areAssignable(bindings, from.parameters, to.parameters);
}

function isNullable(type: Type): boolean {
  return ['null', 'opaque', 'struct', 'duration', 'timestamp'].includes(type.kind);
}

/** Tries to let a placeholder stand for a type. Open: it stands for nothing yet, and cannot stand for this type. */
function bind(bindings: Substitutions, type: Type, parameter: Type): 'fits' | 'clashes' | 'open' {
  if (type.equals(parameter)) return 'fits';
  const bound = bindings.find(parameter);
  if (!bound) {
    if (occursIn(bindings, parameter, type)) return 'open';
    bindings.set(parameter, type);
    return 'fits';
  }
  if (type.equals(bound)) return 'fits';
  if (!isAssignable(bindings, type, bound)) return 'clashes';
  const general = mostGeneral(type, bound);
  if (!occursIn(bindings, parameter, general)) bindings.set(parameter, general);
  return 'fits';
}

function occursIn(bindings: Substitutions, parameter: Type, type: Type): boolean {
  if (parameter.equals(type)) return true;
  if (type.kind === 'parameter') {
    const bound = bindings.find(type);
    return bound !== undefined && occursIn(bindings, parameter, bound);
  }
  return type.parameters.some((inner) => occursIn(bindings, parameter, inner));
}

/** Of two types that can stand for each other, the one that says less. */
export function mostGeneral(a: Type, b: Type): Type {
  return isEqualOrLessSpecific(a, b) ? a : b;
}

function isEqualOrLessSpecific(a: Type, b: Type): boolean {
  if (a.kind === 'dyn' || a.kind === 'parameter') return true;
  if (b.kind === 'dyn' || b.kind === 'parameter') return false;
  if (a.kind !== b.kind) return false;
  if (a.kind === 'type') return true;
  if (a.name !== b.name || a.parameters.length !== b.parameters.length) return false;
  return a.parameters.every((parameter, i) => isEqualOrLessSpecific(parameter, b.parameters[i]!));
}
