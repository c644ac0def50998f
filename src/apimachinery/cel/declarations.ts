/** What an environment declares: functions with their overloads, and libraries of them. */
import type { Type } from './types.js';
import { CelError, CelMap, isInt, List, Optional, type Result, typeOfValue, type Value } from './values.js';

export type Implementation = (...args: Value[]) => Result;

export interface Overload {
  id: string;
  /** With the receiver first, if it is a member. */
  args: readonly Type[];
  result: Type;
  isMember: boolean;
  /** Of this overload alone; absent where the function has one for all of them. */
  call?: Implementation;
}

export interface FunctionDeclaration {
  name: string;
  overloads: readonly Overload[];
  /** For all overloads; it looks at the types of its arguments itself. */
  call?: Implementation;
}

export interface Library {
  functions: readonly FunctionDeclaration[];
  /** Types that expressions can name. */
  types?: readonly Type[];
}

/** `id: args -> result`, called as `name(args)`. */
export function overload(id: string, args: readonly Type[], result: Type, call?: Implementation): Overload {
  return { id, args, result, isMember: false, ...(call && { call }) };
}

/** Called as `args[0].name(...)`. */
export function member(id: string, args: readonly Type[], result: Type, call?: Implementation): Overload {
  return { ...overload(id, args, result, call), isMember: true };
}

/** Whether a value may be passed where a type is declared. Of lists and maps, the first element decides. */
export function fits(type: Type, value: Result): boolean {
  if (value instanceof CelError) return false;
  switch (type.kind) {
    case 'dyn':
    case 'parameter':
      return true;
    case 'string':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return isInt(value);
    case 'list':
      return value instanceof List && (value.size === 0 || fits(type.parameters[0]!, value.at(0)));
    case 'map':
      return value instanceof CelMap && fitsFirst(type, value);
    case 'opaque':
      if (value instanceof Optional) return type.name === 'optional_type';
      return typeOfValue(value).name === type.name;
    default:
      return typeOfValue(value).name === type.name;
  }
}

function fitsFirst(type: Type, map: CelMap): boolean {
  for (const key of map.keys()) return fits(type.parameters[0]!, key) && fits(type.parameters[1]!, map.find(key)!);
  return true;
}

/** The error of a call whose arguments fit no overload. */
export function noOverloadFor(name: string, args: readonly Value[]): CelError {
  return new CelError(`no such overload: ${name}(${args.map((arg) => typeOfValue(arg).name).join(', ')})`);
}

/** The names of the placeholders in a signature. */
export function parametersOf(overload: Overload): Set<string> {
  const names = new Set<string>();
  const visit = (type: Type): void => {
    if (type.kind === 'parameter') names.add(type.name);
    for (const parameter of type.parameters) visit(parameter);
  };
  visit(overload.result);
  for (const arg of overload.args) visit(arg);
  return names;
}
