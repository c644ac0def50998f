/** Optional values. https://kubernetes.io/docs/reference/using-api/cel/#optional-types */
import { type Library, member, overload } from '../declarations.js';
import { anyOptionalType, boolType, listType, optionalType, typeParameter } from '../types.js';
import {
  ArrayList,
  CelError,
  CelMap,
  Double,
  Duration,
  isInt,
  List,
  Optional,
  type Result,
  Timestamp,
  Uint,
  type Value,
} from '../values.js';

const V = typeParameter('V');
const optional = optionalType(V);
const list = listType(V);
const optionals = listType(optional);

function isZero(value: Value): boolean {
  if (value === null || value === false || value === '' || value === 0) return true;
  if (value === true || typeof value === 'string' || isInt(value)) return false;
  if (value instanceof Double) return value.value === 0;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Duration) return value.nanos === 0n;
  if (value instanceof Timestamp) return value.seconds === -62_135_596_800 && value.nanos === 0;
  if (value instanceof List || value instanceof CelMap) return value.size === 0;
  if (value instanceof Uint8Array) return value.length === 0;
  return value instanceof Optional && value.value === undefined;
}

function elementOf(values: Value, index: (size: number) => number): Result {
  const { size } = values as List;
  if (size === 0) return Optional.none;
  const element = (values as List).at(index(size));
  return element instanceof CelError ? element : Optional.of(element);
}

function unwrap(values: Value): Result {
  const held: Value[] = [];
  for (const value of values as List) {
    if (!(value instanceof Optional)) return value instanceof CelError ? value : new CelError('value is not optional');
    if (value.value !== undefined) held.push(value.value);
  }
  return new ArrayList(held);
}

const dereference = new CelError('optional.none() dereference');

export const optionalLibrary: Library = {
  types: [anyOptionalType],
  functions: [
    { name: 'optional.of', overloads: [overload('optional_of', [V], optional, Optional.of)] },
    {
      name: 'optional.ofNonZeroValue',
      overloads: [
        overload('optional_ofNonZeroValue', [V], optional, (value) =>
          isZero(value) ? Optional.none : Optional.of(value),
        ),
      ],
    },
    { name: 'optional.none', overloads: [overload('optional_none', [], optional, () => Optional.none)] },
    {
      name: 'value',
      overloads: [
        member('optional_value', [optional], V, (value) => {
          const held = (value as Optional).value;
          return held === undefined ? dereference : held;
        }),
      ],
    },
    {
      name: 'hasValue',
      overloads: [
        member('optional_hasValue', [optional], boolType, (value) => (value as Optional).value !== undefined),
      ],
    },
    // The alternatives are evaluated only where they are needed, which is not for a function to decide.
    { name: 'or', overloads: [member('optional_or_optional', [optional, optional], optional)] },
    { name: 'orValue', overloads: [member('optional_orValue_value', [optional, V], V)] },
    {
      name: 'first',
      overloads: [member('list_first', [list], optional, (values) => elementOf(values, () => 0))],
    },
    {
      name: 'last',
      overloads: [member('list_last', [list], optional, (values) => elementOf(values, (size) => size - 1))],
    },
    { name: 'optional.unwrap', overloads: [overload('optional_unwrap', [optionals], list, unwrap)] },
    { name: 'unwrapOpt', overloads: [member('optional_unwrapOpt', [optionals], list, unwrap)] },
  ],
};
