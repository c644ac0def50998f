/**
 * What calls cost when they are evaluated. A unit is the work of reading a field. The numbers are those of cel-go and of
 * Kubernetes' library, because limits must be hit where upstream hits them.
 * https://kubernetes.io/docs/reference/using-api/cel/#cel-cost-budget
 */
import { codePointCount } from '../syntax/source.js';
import { CelMap, List, Opaque, Optional, type Result } from '../values.js';

export const listCost = 10;
export const mapCost = 30;
export const structCost = 40;
/** Of passing over one character of a text. */
export const textFactor = 0.1;
/** Of one character of a regular expression, for each passing over the text. */
export const regexFactor = 0.25;
/** So that an expression can make two authorization checks. */
export const authorizationCheckCost = 350_000;

/** The arguments of a call may be errors, since operators evaluate all their operands. */
export type CallCost = (args: readonly Result[], result: Result) => number;

/** Opaque values that say how large they are. */
export interface Sized {
  readonly size: number;
}

export function sizeOf(value: Result | undefined): number {
  if (typeof value === 'string') return codePointCount(value);
  if (value instanceof List || value instanceof CelMap) return value.size;
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof Opaque && 'size' in value) return (value as Opaque & Sized).size;
  return 1;
}

function sizeOrHeld(value: Result | undefined): number {
  return value instanceof Optional && value.value !== undefined ? sizeOrHeld(value.value) : sizeOf(value);
}

const ceilText = (size: number, factor = 1): number => Math.ceil(size * factor * textFactor);

/** Of looking at every part of a value. */
function traversal(value: Result): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * textFactor);
  if (value instanceof Uint8Array) return Math.floor(value.length * textFactor);
  let cost = 0;
  if (value instanceof List) {
    for (const element of value) cost += traversal(element);
    return cost;
  }
  if (!(value instanceof CelMap)) return 1;
  for (const key of value.keys()) cost += traversal(key) + traversal(value.find(key)!);
  return cost;
}

export function regexCost(textSize: number, patternSize: number): number {
  return Math.ceil((1 + textSize) * textFactor) * Math.ceil(patternSize * regexFactor);
}

/** A selector is parsed into requirements: at the least two characters each, a struct and a list of values. */
export function selectorCost(size: number): number {
  return listCost + Math.ceil(size * textFactor) + Math.ceil(Math.ceil(size * 0.5) * (listCost + structCost));
}

export const one: CallCost = () => 1;
const firstText: CallCost = ([text]) => ceilText(sizeOf(text));
const firstTextTwice: CallCost = ([text]) => Math.ceil(sizeOf(text) * 2 * textFactor);
const traverseFirst: CallCost = ([list]) => (list === undefined ? 0 : traversal(list));
const joinedSize: CallCost = (_, result) => Math.ceil(sizeOf(result) * 2 * textFactor);
const findCost: CallCost = ([text, pattern]) => regexCost(sizeOf(text), sizeOf(pattern));

const allocated = (factor: number, size: number): number => Math.floor(size * factor) + 1 + listCost;
const outputSize: CallCost = (_, result) => allocated(1, sizeOrHeld(result));
const flatten: CallCost = ([list, depth]) => allocated(depth === undefined ? 1 : Number(depth), sizeOrHeld(list));
const selfCompare = (list: Result | undefined): number => {
  const size = sizeOrHeld(list);
  const first = list instanceof List && size > 0 ? list.at(0) : undefined;
  const isText = typeof first === 'string' || first instanceof Uint8Array;
  return allocated(isText ? 2 + textFactor : 2, size * size);
};
const sets =
  (factor: number): CallCost =>
  ([a, b]) =>
    1 + sizeOrHeld(a) * sizeOrHeld(b) * factor;

const byOverload = new Map<string, CallCost>([
  ['list_slice', outputSize],
  ['list_flatten', flatten],
  ['list_flatten_int', flatten],
  ['lists_range', outputSize],
  ['list_reverse', outputSize],
  ['list_distinct', ([list]) => selfCompare(list)],
  ['list_sets_contains_list', sets(1)],
  ['list_sets_intersects_list', sets(1)],
  ['list_sets_equivalent_list', sets(2)],
]);

/** Ids by which types call the overloads of `sort` and `sortBy`. */
function sortCost(overload: string): CallCost | undefined {
  if (/^list_.*_sort$/.test(overload)) return ([list]) => selfCompare(list);
  return /^list_.*_sortByAssociatedKeys$/.test(overload) ? ([, keys]) => selfCompare(keys) : undefined;
}

const containsIp: CallCost = ([cidr]) => ceilText(sizeOf(cidr) * 2);
const containsCidr: CallCost = ([cidr]) => ceilText(sizeOf(cidr) * 2) + ceilText(sizeOf(cidr)) + 1;
const withParsing =
  (cost: CallCost): CallCost =>
  (args, result) =>
    cost(args, result) + ceilText(sizeOf(args[1]));

function each(cost: CallCost, ...names: string[]): [string, CallCost][] {
  return names.map((name) => [name, cost]);
}

const byFunction = new Map<string, CallCost>([
  ['check', () => authorizationCheckCost],
  ...each(one, 'serviceAccount', 'path', 'group', 'resource', 'subresource', 'namespace', 'name'),
  ...each(one, 'allowed', 'reason', 'error', 'errored'),
  ...each(([, selector]) => selectorCost(sizeOf(selector)), 'fieldSelector', 'labelSelector'),
  ...each(traverseFirst, 'isSorted', 'sum', 'max', 'min', 'indexOf', 'lastIndexOf'),
  ...each(firstText, 'url', 'lowerAscii', 'upperAscii', 'substring', 'trim', 'jsonpatch.escapeKey'),
  ...each(firstTextTwice, 'replace', 'split', 'ip.isCanonical'),
  ['join', joinedSize],
  ...each(findCost, 'find', 'findAll'),
  ...each(firstText, 'cidr', 'isIP', 'isCIDR', 'ip', 'quantity', 'isQuantity', 'semver', 'isSemver'),
  ...each(one, 'masked', 'prefixLength', 'family', 'isUnspecified', 'isLoopback', 'isLinkLocalMulticast'),
  ...each(one, 'isLinkLocalUnicast', 'isGlobalUnicast', 'format.named'),
  ['containsIP', containsIp],
  ['containsCIDR', containsCidr],
  ['validate', ([format, text]) => regexCost(sizeOf(text), (format as { patternSize?: number }).patternSize ?? 1)],
  ...each(one, 'sign', 'asInteger', 'isInteger', 'asApproximateFloat', 'isGreaterThan', 'isLessThan', 'compareTo'),
  ...each(one, 'add', 'sub', 'major', 'minor', 'patch'),
  ...each(one, 'getScheme', 'getHostname', 'getHost', 'getPort', 'getEscapedPath', 'getQuery'),
]);

/** Of one of Kubernetes' functions, one overload of which may cost otherwise. */
function kubernetesCost(name: string, overload: string): CallCost | undefined {
  switch (overload) {
    case 'cidr_ip':
      return one;
    case 'cidr_contains_ip_string':
      return withParsing(containsIp);
    case 'cidr_contains_cidr_string':
      return withParsing(containsCidr);
    default:
      return byFunction.get(name);
  }
}

const smaller: CallCost = ([a, b]) => ceilText(Math.min(sizeOrHeld(a), sizeOrHeld(b)));

/** Opaque values are equal or not at a glance. */
const equality: CallCost = (args, result) => (args[0] instanceof Opaque ? 1 : smaller(args, result));

const comparedTexts = /^(?:less|greater)(?:_equals)?_(?:string|bytes)$/;

function standardCost(overload: string): CallCost {
  if (comparedTexts.test(overload) || overload === 'not_equals') return smaller;
  switch (overload) {
    case 'equals':
      return equality;
    case 'starts_with_string':
    case 'ends_with_string':
    case 'string_to_bytes':
    case 'bytes_to_string':
    case 'strings_quote':
    case 'string_format':
      return ([text]) => ceilText(sizeOrHeld(text));
    case 'in_list':
      return ([, list]) => sizeOrHeld(list);
    case 'add_string':
    case 'add_bytes':
      return ([a, b]) => ceilText(sizeOrHeld(a) + sizeOrHeld(b));
    case 'matches_string':
      return ([text, pattern]) => regexCost(sizeOrHeld(text), sizeOrHeld(pattern));
    case 'contains_string':
      return ([text, part]) => ceilText(sizeOrHeld(text)) * ceilText(sizeOrHeld(part));
    default:
      return one;
  }
}

/** Whether a cost depends on what the call gives. All others are charged before the call, so that none runs for free. */
export const needsResult = (cost: CallCost): boolean => cost === outputSize || cost === joinedSize;

/** The overload is '' where it is chosen only during evaluation. */
export function callCost(name: string, overload: string): CallCost {
  return byOverload.get(overload) ?? sortCost(overload) ?? kubernetesCost(name, overload) ?? standardCost(overload);
}
