/**
 * Functions on lists, cel-go's and Kubernetes'.
 * https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library
 */
import { add } from '../arithmetic.js';
import { type FunctionDeclaration, type Implementation, type Library, member, overload } from '../declarations.js';
import { compareValues, equalValues } from '../equality.js';
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  stringType,
  type Type,
  timestampType,
  typeParameter,
  uintType,
} from '../types.js';
import { ArrayList, CelError, Double, Duration, List, type Result, typeOfValue, Uint, type Value } from '../values.js';

const T = typeParameter('T');
const listOfT = listType(T);

const comparable = [
  intType,
  uintType,
  doubleType,
  boolType,
  durationType,
  timestampType,
  stringType,
  bytesType,
] as const;
/** As Kubernetes calls the types in the names of its overloads. */
const shortName = (type: Type): string => type.toString();

/** The elements, or the first that does not fit its schema. */
function elementsOf(list: Value): Value[] | CelError {
  const elements: Value[] = [];
  for (const element of list as List) {
    if (element instanceof CelError) return element;
    elements.push(element);
  }
  return elements;
}

/** An implementation on the elements of its first argument. */
function onElements(call: (elements: Value[], ...args: Value[]) => Result): Implementation {
  return (list, ...args) => {
    const elements = elementsOf(list!);
    return elements instanceof CelError ? elements : call(elements, ...args);
  };
}

function isSorted(elements: Value[]): Result {
  return elements.every((element, i) => i === 0 || compareValues(elements[i - 1]!, element) !== 1);
}

/** The element that no other one beats: beating is to compare as `order`. */
function extreme(name: string, order: -1 | 1): Implementation {
  return onElements((elements) => {
    if (elements.length === 0) return new CelError(`${name} called on empty list`);
    return elements.reduce((best, element) => (compareValues(best, element) === order ? element : best));
  });
}

const zeros: [Type, Value][] = [
  [intType, 0],
  [uintType, Uint.of(0n)!],
  [doubleType, new Double(0)],
  [durationType, new Duration(0n)],
];

function sum(zero: Value): Implementation {
  return onElements((elements) => {
    let total: Value = zero;
    for (const element of elements) {
      const next: Result = add(total, element);
      if (next instanceof CelError) return next;
      total = next;
    }
    return total;
  });
}

function positionOf(elements: Value[], item: Value): Result {
  return elements.findIndex((element) => equalValues(element, item) === true);
}

function lastPositionOf(elements: Value[], item: Value): Result {
  return elements.findLastIndex((element) => equalValues(element, item) === true);
}

function slice(elements: Value[], start: Value, end: Value): Result {
  const [from, to] = [start as number, end as number];
  const problem = (text: string) => new CelError(`cannot slice(${from}, ${to}), ${text}`);
  if (from < 0 || to < 0) return problem('negative indexes not supported');
  if (from > to) return problem('start index must be less than or equal to end index');
  if (elements.length < to) return problem(`list is length ${elements.length}`);
  return new ArrayList(elements.slice(from, to));
}

function flatten(list: Value, depth: Value = 1): Result {
  if (!(list instanceof List)) return new CelError(`no such overload: ${typeOfValue(list).name}.flatten()`);
  if ((depth as number) < 0) return new CelError('level must be non-negative');
  const flat: Value[] = [];
  const take = (from: List, levels: number): CelError | undefined => {
    for (const element of from) {
      if (element instanceof CelError) return element;
      if (!(element instanceof List) || levels === 0) flat.push(element);
      else {
        const error = take(element, levels - 1);
        if (error) return error;
      }
    }
    return undefined;
  };
  return take(list, Number(depth)) ?? new ArrayList(flat);
}

function distinct(elements: Value[]): Result {
  const kept: Value[] = [];
  for (const element of elements) if (!kept.some((other) => equalValues(element, other) === true)) kept.push(element);
  return new ArrayList(kept);
}

/** Sorts by keys, one for each element. */
function sortByKeys(elements: Value[], keyList: Value): Result {
  const keys = elementsOf(keyList);
  if (keys instanceof CelError) return keys;
  const type = keys[0] === undefined ? undefined : typeOfValue(keys[0]);
  if (keys.some((key) => typeOfValue(key) !== type)) return new CelError('list elements must have the same type');
  const order = keys.map((_, i) => i).sort((a, b) => Number(compareValues(keys[a]!, keys[b]!)) || 0);
  return new ArrayList(order.map((i) => elements[i]!));
}

/** Longer ranges are refused before they are made; they would cost more than any expression may. */
const rangeMax = 1_000_000;

function range(size: Value): Result {
  if ((size as number) > rangeMax) return new CelError('operation cancelled: actual cost limit exceeded');
  return new ArrayList(Array.from({ length: Math.max(size as number, 0) }, (_, i) => i));
}

/** One overload for each type that can be compared. */
function forComparable(name: string, id: (type: string) => string, result: (type: Type) => Type, call: Implementation) {
  return {
    name,
    overloads: comparable.map((type) => member(id(shortName(type)), [listType(type)], result(type), call)),
  } satisfies FunctionDeclaration;
}

const same = (type: Type): Type => type;

const kubernetesLists: FunctionDeclaration[] = [
  forComparable(
    'isSorted',
    (type) => `list_${type}_is_sorted_bool`,
    () => boolType,
    onElements(isSorted),
  ),
  {
    name: 'sum',
    overloads: zeros.map(([type, zero]) => {
      const name = shortName(type);
      return member(`list_${name}_sum_${name}`, [listType(type)], type, sum(zero));
    }),
  },
  forComparable('max', (type) => `list_${type}_max_${type}`, same, extreme('max', -1)),
  forComparable('min', (type) => `list_${type}_min_${type}`, same, extreme('min', 1)),
  { name: 'indexOf', overloads: [member('list_a_index_of_int', [listOfT, T], intType, onElements(positionOf))] },
  {
    name: 'lastIndexOf',
    overloads: [member('list_a_last_index_of_int', [listOfT, T], intType, onElements(lastPositionOf))],
  },
];

export const listLibrary: Library = {
  functions: [
    ...kubernetesLists,
    { name: 'slice', overloads: [member('list_slice', [listOfT, intType, intType], listOfT, onElements(slice))] },
    {
      name: 'flatten',
      overloads: [
        member('list_flatten', [listType(listOfT)], listOfT),
        member('list_flatten_int', [listType(dynType), intType], listType(dynType)),
      ],
      call: flatten,
    },
    {
      name: 'sort',
      overloads: comparable.map((type) => member(`list_${type.name}_sort`, [listType(type)], listType(type))),
      call: onElements((elements) => sortByKeys(elements, new ArrayList(elements))),
    },
    {
      name: '@sortByAssociatedKeys',
      overloads: comparable.map((type) =>
        member(`list_${type.name}_sortByAssociatedKeys`, [listOfT, listType(type)], listOfT),
      ),
      call: onElements(sortByKeys),
    },
    { name: 'lists.range', overloads: [overload('lists_range', [intType], listType(intType), range)] },
    {
      name: 'reverse',
      overloads: [
        member(
          'list_reverse',
          [listOfT],
          listOfT,
          onElements((elements) => new ArrayList(elements.reverse())),
        ),
      ],
    },
    { name: 'distinct', overloads: [member('list_distinct', [listOfT], listOfT, onElements(distinct))] },
  ],
};

function containsAll(list: Value, others: Value): Result {
  const elements = elementsOf(list);
  const wanted = elementsOf(others);
  if (elements instanceof CelError) return elements;
  if (wanted instanceof CelError) return wanted;
  return wanted.every((item) => elements.some((element) => equalValues(item, element) === true));
}

function equivalent(a: Value, b: Value): Result {
  const contains = containsAll(a, b);
  return contains === true ? containsAll(b, a) : contains;
}

function intersects(a: Value, b: Value): Result {
  const [left, right] = [elementsOf(a), elementsOf(b)];
  if (left instanceof CelError) return left;
  if (right instanceof CelError) return right;
  return left.some((item) => right.some((element) => equalValues(item, element) === true));
}

function setFunction(name: string, call: Implementation): FunctionDeclaration {
  return { name: `sets.${name}`, overloads: [overload(`list_sets_${name}_list`, [listOfT, listOfT], boolType, call)] };
}

/** Lists taken for sets. https://pkg.go.dev/github.com/google/cel-go/ext#Sets */
export const setLibrary: Library = {
  functions: [
    setFunction('contains', containsAll),
    setFunction('equivalent', equivalent),
    setFunction('intersects', intersects),
  ],
};
