/** What names mean to an expression: variables, functions, types, and the fields of types. */
import type { FunctionDeclaration, Library, Overload } from './declarations.js';
import type { Type } from './types.js';
import type { Result, Value } from './values.js';

/** A type with named fields, such as one made from the schema of an object. */
export interface StructDeclaration {
  type: Type;
  /** Undefined where there is no such field. */
  fieldType(field: string): Type | undefined;
  /** Makes a value from its fields; absent where expressions cannot. */
  create?(fields: ReadonlyMap<string, Value>): Result;
}

/** Finds types with named fields by name. */
export type StructFinder = (name: string) => StructDeclaration | undefined;

export interface EnvironmentExtension {
  variables?: Iterable<readonly [name: string, type: Type]>;
  libraries?: readonly Library[];
  structs?: StructFinder;
}

export class Environment {
  readonly functions: ReadonlyMap<string, FunctionDeclaration>;
  readonly variables: ReadonlyMap<string, Type>;
  readonly #types: ReadonlyMap<string, Type>;
  readonly #structs: readonly StructFinder[];

  private constructor(parts: {
    functions: ReadonlyMap<string, FunctionDeclaration>;
    variables: ReadonlyMap<string, Type>;
    types: ReadonlyMap<string, Type>;
    structs: readonly StructFinder[];
  }) {
    this.functions = parts.functions;
    this.variables = parts.variables;
    this.#types = parts.types;
    this.#structs = parts.structs;
  }

  static readonly empty = new Environment({
    functions: new Map(),
    variables: new Map(),
    types: new Map(),
    structs: [],
  });

  /** This environment and more; what has the same name is replaced, but functions gain overloads. */
  extend({ variables = [], libraries = [], structs }: EnvironmentExtension): Environment {
    const functions = libraries.length > 0 ? new Map(this.functions) : this.functions;
    const types = libraries.length > 0 ? new Map(this.#types) : this.#types;
    for (const library of libraries) {
      for (const declared of library.functions)
        (functions as Map<string, FunctionDeclaration>).set(
          declared.name,
          merge(functions.get(declared.name), declared),
        );
      for (const type of library.types ?? []) (types as Map<string, Type>).set(type.name, type);
    }
    return new Environment({
      functions,
      variables: new Map([...this.variables, ...variables]),
      types,
      structs: structs ? [structs, ...this.#structs] : this.#structs,
    });
  }

  /** The type of this name, as a value. */
  type(name: string): Type | undefined {
    return this.#types.get(name) ?? this.struct(name)?.type;
  }

  struct(name: string): StructDeclaration | undefined {
    for (const find of this.#structs) {
      const found = find(name);
      if (found) return found;
    }
    return undefined;
  }
}

/** Where two libraries have a function of one name, each overload keeps its own implementation. */
function merge(known: FunctionDeclaration | undefined, added: FunctionDeclaration): FunctionDeclaration {
  if (!known) return added;
  const fresh = added.overloads.filter(({ id }) => !known.overloads.some((overload) => overload.id === id));
  return { name: known.name, overloads: [...withCalls(known), ...withCalls({ ...added, overloads: fresh })] };
}

function withCalls({ overloads, call }: FunctionDeclaration): Overload[] {
  return overloads.map((overload) => (overload.call || !call ? overload : { ...overload, call }));
}
