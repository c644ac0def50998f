/** The operators, as functions with overloads. */
import { add, divide, modulo, multiply, negate, subtract } from '../arithmetic.js';
import {
  type FunctionDeclaration,
  type Implementation,
  type Library,
  type Overload,
  overload,
} from '../declarations.js';
import { compareValues, equalValues } from '../equality.js';
import { operators } from '../syntax/ast.js';
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  optionalType,
  stringType,
  type Type,
  timestampType,
  typeParameter,
  uintType,
} from '../types.js';
import { CelError, CelMap, List, noSuchOverload, type Result, type Value } from '../values.js';

const A = typeParameter('A');
const B = typeParameter('B');
const listOfA = listType(A);
const mapOfAB = mapType(A, B);

/** Types by the names that overloads are called by. */
const named = {
  bool: boolType,
  int64: intType,
  uint64: uintType,
  double: doubleType,
  string: stringType,
  bytes: bytesType,
  timestamp: timestampType,
  duration: durationType,
};
type TypeName = keyof typeof named;

const numbers: readonly TypeName[] = ['int64', 'uint64', 'double'];
const ordered: readonly TypeName[] = ['bool', ...numbers, 'string', 'bytes', 'timestamp', 'duration'];

const isUnordered = (name: TypeName) => !numbers.includes(name);

function comparison(name: string, id: string, holds: (order: number) => boolean): FunctionDeclaration {
  const overloads = ordered.flatMap((left) => {
    const rights = isUnordered(left) ? [left] : [left, ...numbers.filter((right) => right !== left)];
    return rights.map((right) => {
      const suffix = left === right ? left : `${left}_${right}`;
      return overload(`${id}_${suffix}`, [named[left], named[right]], boolType);
    });
  });
  const call = (a: Value, b: Value): Result => {
    const order = compareValues(a, b);
    return typeof order === 'number' ? holds(order) : order;
  };
  return { name, overloads, call };
}

function arithmetic(name: string, call: Implementation, overloads: Overload[]): FunctionDeclaration {
  return { name, overloads, call };
}

function sameTypes(id: string, names: readonly TypeName[]): Overload[] {
  return names.map((name) => overload(`${id}_${name}`, [named[name], named[name]], named[name]));
}

function isMember(item: Value, container: Value): Result {
  if (container instanceof List) {
    let error: CelError | undefined;
    for (const element of container) {
      const isEqual = equalValues(item, element);
      if (isEqual === true) return true;
      if (isEqual instanceof CelError) error ??= isEqual;
    }
    return error ?? false;
  }
  if (!(container instanceof CelMap)) return noSuchOverload;
  const found = container.find(item);
  return found instanceof CelError ? found : found !== undefined;
}

const timestampDuration: [Type, Type] = [timestampType, durationType];
const optional = optionalType;

/** What && and || and ?: do with errors is done by the evaluation, since they are given results rather than values. */
export const operatorLibrary: Library = {
  functions: [
    { name: operators.conditional, overloads: [overload('conditional', [boolType, A, A], A)] },
    { name: operators.and, overloads: [overload('logical_and', [boolType, boolType], boolType)] },
    { name: operators.or, overloads: [overload('logical_or', [boolType, boolType], boolType)] },
    {
      name: operators.not,
      overloads: [overload('logical_not', [boolType], boolType)],
      call: (a) => (typeof a === 'boolean' ? !a : noSuchOverload),
    },
    { name: operators.notStrictlyFalse, overloads: [overload('not_strictly_false', [boolType], boolType)] },
    { name: operators.equals, overloads: [overload('equals', [A, A], boolType)] },
    { name: operators.notEquals, overloads: [overload('not_equals', [A, A], boolType)] },
    arithmetic(operators.add, add, [
      ...sameTypes('add', ['bytes', 'double']),
      overload('add_duration_duration', [durationType, durationType], durationType),
      overload('add_duration_timestamp', [durationType, timestampType], timestampType),
      overload('add_timestamp_duration', timestampDuration, timestampType),
      ...sameTypes('add', ['int64']),
      overload('add_list', [listOfA, listOfA], listOfA),
      ...sameTypes('add', ['string', 'uint64']),
    ]),
    arithmetic(operators.divide, divide, sameTypes('divide', ['double', 'int64', 'uint64'])),
    arithmetic(operators.modulo, modulo, sameTypes('modulo', ['int64', 'uint64'])),
    arithmetic(operators.multiply, multiply, sameTypes('multiply', ['double', 'int64', 'uint64'])),
    arithmetic(operators.negate, negate, [
      overload('negate_double', [doubleType], doubleType),
      overload('negate_int64', [intType], intType),
    ]),
    arithmetic(operators.subtract, subtract, [
      ...sameTypes('subtract', ['double']),
      overload('subtract_duration_duration', [durationType, durationType], durationType),
      ...sameTypes('subtract', ['int64']),
      overload('subtract_timestamp_duration', timestampDuration, timestampType),
      overload('subtract_timestamp_timestamp', [timestampType, timestampType], durationType),
      ...sameTypes('subtract', ['uint64']),
    ]),
    comparison(operators.less, 'less', (order) => order < 0),
    comparison(operators.lessEquals, 'less_equals', (order) => order <= 0),
    comparison(operators.greater, 'greater', (order) => order > 0),
    comparison(operators.greaterEquals, 'greater_equals', (order) => order >= 0),
    {
      name: operators.index,
      overloads: [
        overload('index_list', [listOfA, intType], A),
        overload('index_map', [mapOfAB, A], B),
        overload('optional_list_index_int', [optional(listOfA), intType], optional(A)),
        overload('optional_map_index_value', [optional(mapOfAB), A], optional(B)),
      ],
    },
    {
      name: operators.optionalIndex,
      overloads: [
        overload('list_optindex_optional_int', [listOfA, intType], optional(A)),
        overload('optional_list_optindex_optional_int', [optional(listOfA), intType], optional(A)),
        overload('map_optindex_optional_value', [mapOfAB, A], optional(B)),
        overload('optional_map_optindex_optional_value', [optional(mapOfAB), A], optional(B)),
      ],
    },
    {
      name: operators.optionalSelect,
      overloads: [overload('select_optional_field', [dynType, stringType], optional(A))],
    },
    {
      name: operators.in,
      overloads: [overload('in_list', [A, listOfA], boolType), overload('in_map', [A, mapOfAB], boolType)],
      call: isMember,
    },
  ],
};
