/** The least and the most that a call can cost beyond its arguments, and the size of what it gives. */
import type { Expr } from '../syntax/ast.js';
import type { Type } from '../types.js';
import { exactly, plus, type Range, type SizeFinder, scaled, times, unknownRange, unlimited } from './range.js';
import { authorizationCheckCost, listCost, regexFactor, structCost, textFactor } from './runtime.js';

/** A part of an expression, for the estimate of a call. */
export interface EstimatedPart {
  expr?: Expr;
  type: Type;
  path: readonly string[] | undefined;
  /** What is known of its size from the expression itself. */
  size: Range | undefined;
}

export interface EstimatedCall {
  name: string;
  overload: string;
  target: EstimatedPart | undefined;
  args: EstimatedPart[];
  findSize: SizeFinder;
}

export interface CallEstimate {
  cost: Range;
  /** Of the text, list or map that the call gives. */
  size?: Range | undefined;
}

type Estimate = (call: EstimatedCall) => CallEstimate | undefined;

export function estimateCall(call: EstimatedCall): CallEstimate {
  return listEstimate(call) ?? kubernetes.get(call.name)?.(call) ?? standardEstimate(call) ?? { cost: exactly(1) };
}

/** From the expression, or else from the schema. */
function sizeOf(part: EstimatedPart, { findSize }: EstimatedCall): Range {
  return part.size ?? (part.path && findSize(part.path)) ?? unknownRange;
}

const sizeOrUnknown = (part: EstimatedPart): Range => part.size ?? unknownRange;

const one: Estimate = () => ({ cost: exactly(1) });

/** Passing over the first argument once. */
const overArgument: Estimate = (call) => call.args[0] && { cost: scaled(sizeOf(call.args[0], call), textFactor) };

/** Passing over the first argument, and giving something of its size. */
const rewriting: Estimate = (call) => call.args[0] && { cost: parsedArgument(call), size: sizeOf(call.args[0], call) };

const overTarget =
  (factor: number): Estimate =>
  (call) => {
    if (!call.target) return undefined;
    const size = sizeOf(call.target, call);
    return { cost: scaled(size, factor * textFactor), size };
  };

/** Comparing every element of the target. */
const eachElement: Estimate = (call) => {
  const { target } = call;
  if (!target) return undefined;
  const size = sizeOf(target, call);
  const element = target.type.parameters[0];
  // Texts too have `indexOf`.
  if (!element) return { cost: scaled(size, textFactor) };
  const isText = element.kind === 'string' || element.kind === 'bytes';
  const comparison = isText ? plus(exactly(1), scaled(elementSize(call, element), textFactor)) : exactly(1);
  return { cost: times(size, comparison) };
};

function elementSize(call: EstimatedCall, type: Type): Range {
  const { path } = call.target!;
  return sizeOf({ type, path: path && [...path, '@items'], size: undefined }, call);
}

const replacement: Estimate = (call) => {
  const [old, fresh] = call.args;
  if (!call.target || !old || !fresh) return undefined;
  const size = sizeOf(call.target, call);
  const [oldSize, freshSize] = [sizeOf(old, call), sizeOf(fresh, call)];
  const count = { min: 0, max: 0 };
  const kept = { min: 0, max: 0 };
  if (oldSize.min === 0) {
    // Replacing nothing puts the new text around every character.
    count.max = Math.min(size.max + 1, unlimited);
    kept.max = size.max;
  } else if (freshSize.max <= oldSize.min) kept.max = size.max;
  else count.max = Math.ceil(size.max / oldSize.min);
  if (oldSize.max === 0) {
    count.min = Math.min(size.min + 1, unlimited);
    kept.min = size.min;
  } else if (oldSize.max <= freshSize.min) kept.min = size.min;
  else count.min = Math.ceil(size.min / oldSize.max);
  return { cost: scaled(size, 2 * textFactor), size: plus(times(count, freshSize), kept) };
};

const splitting: Estimate = (call) => {
  if (!call.target) return undefined;
  const size = sizeOf(call.target, call);
  const limit = literalInt(call.args[1]);
  return {
    cost: scaled(size, 2 * textFactor),
    size: { min: 0, max: limit === undefined ? size.max : limit < 0 ? unlimited : limit },
  };
};

const joining: Estimate = (call) => {
  const { target, args } = call;
  if (!target) return undefined;
  const count = sizeOf(target, call);
  const element = target.type.parameters[0];
  let size: Range = element ? times(count, elementSize(call, element)) : exactly(0);
  if (args[0]) {
    const separators = { min: Math.max(count.min - 1, 0), max: Math.max(count.max - 1, 0) };
    size = plus(size, times(sizeOf(args[0], call), separators));
  }
  return { cost: scaled(size, textFactor), size };
};

const finding: Estimate = (call) => {
  const [pattern] = call.args;
  if (!call.target || !pattern) return undefined;
  const size = sizeOf(call.target, call);
  const textCost = scaled(plus(size, exactly(1)), textFactor);
  return { cost: times(textCost, scaled(sizeOf(pattern, call), regexFactor)), size: { min: 0, max: size.max } };
};

const selecting: Estimate = (call) => {
  if (call.args.length !== 1) return undefined;
  const size = sizeOf(call.args[0]!, call);
  const requirements = scaled(scaled(size, 0.5), listCost + structCost);
  return { cost: plus(exactly(listCost), scaled(size, textFactor), requirements) };
};

/** Addresses have 4 or 16 bytes. */
const addressSize: Range = { min: 4, max: 16 };
const parsedArgument = (call: EstimatedCall) => scaled(sizeOf(call.args[0]!, call), textFactor);

const containing: Estimate = (call) => {
  if (!call.args[0]) return undefined;
  const comparison = scaled(plus(addressSize, addressSize), textFactor);
  const masking = call.name === 'containsCIDR' ? plus(scaled(addressSize, textFactor), exactly(1)) : exactly(0);
  const parsing = call.overload.endsWith('_string') ? parsedArgument(call) : exactly(0);
  return { cost: plus(comparison, masking, parsing) };
};

/** The longest pattern of a named format, in characters. */
const formatPatternMax = 128;

const validating: Estimate = (call) =>
  call.args[0] && { cost: scaled(parsedArgument(call), formatPatternMax * regexFactor) };

const constantSizeTypes = new Set([
  ...['net.IP', 'net.CIDR', 'kubernetes.Quantity', 'kubernetes.Semver', 'kubernetes.authorization.Authorizer'],
  ...['PathCheck', 'GroupCheck', 'ResourceCheck', 'Decision'].map((name) => `kubernetes.authorization.${name}`),
]);
const formatSizeMax = 64;

/** Of Kubernetes' own types; undefined leaves it to the sizes. */
const equating: Estimate = ({ args: [a, b] }) => {
  if (!a || !b || !a.type.equals(b.type)) return undefined;
  if (constantSizeTypes.has(a.type.name)) return { cost: exactly(1) };
  if (a.type.name === 'kubernetes.NamedFormat') return { cost: scaled({ min: 1, max: formatSizeMax }, textFactor) };
  if (a.type.name === 'kubernetes.URL') return { cost: scaled({ min: 1, max: b.size?.max ?? 1 }, textFactor) };
  return undefined;
};

function each(estimate: Estimate, ...names: string[]): [string, Estimate][] {
  return names.map((name) => [name, estimate]);
}

const kubernetes = new Map<string, Estimate>([
  ['check', () => ({ cost: exactly(authorizationCheckCost) })],
  ...each(one, 'serviceAccount', 'path', 'group', 'resource', 'subresource', 'namespace', 'name'),
  ...each(one, 'allowed', 'reason', 'error', 'errored'),
  ...each(selecting, 'fieldSelector', 'labelSelector'),
  ...each(eachElement, 'isSorted', 'sum', 'max', 'min', 'indexOf', 'lastIndexOf'),
  ...each(rewriting, 'url', 'jsonpatch.escapeKey'),
  ...each(overTarget(1), 'lowerAscii', 'upperAscii', 'substring', 'trim'),
  ['replace', replacement],
  ['split', splitting],
  ['join', joining],
  ...each(finding, 'find', 'findAll'),
  ...each(overArgument, 'cidr', 'isIP', 'isCIDR', 'quantity', 'isQuantity', 'semver', 'isSemver'),
  ['ip', (call) => (call.overload === 'cidr_ip' ? { cost: exactly(1) } : overArgument(call))],
  ['ip.isCanonical', (call) => call.args[0] && { cost: scaled(sizeOf(call.args[0], call), 2 * textFactor) }],
  ...each(one, 'masked', 'prefixLength', 'family', 'isUnspecified', 'isLoopback', 'isLinkLocalMulticast'),
  ...each(one, 'isLinkLocalUnicast', 'isGlobalUnicast', 'format.named'),
  ...each(containing, 'containsIP', 'containsCIDR'),
  ['validate', validating],
  ...each(one, 'sign', 'asInteger', 'isInteger', 'asApproximateFloat', 'isGreaterThan', 'isLessThan', 'compareTo'),
  ...each(one, 'add', 'sub', 'major', 'minor', 'patch'),
  ...each(one, 'getScheme', 'getHostname', 'getHost', 'getPort', 'getEscapedPath', 'getQuery'),
  ['_==_', equating],
]);

function literalInt(part: EstimatedPart | undefined): number | undefined {
  const value = part?.expr?.kind === 'literal' ? part.expr.value : undefined;
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
}

const nonNegative = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : Math.max(value, 0);

/** A call that makes a list of this size. */
function allocating(size: Range, factor = 1): CallEstimate {
  return { cost: plus(scaled(size, factor), exactly(1 + listCost)), size };
}

function squared(part: EstimatedPart, call: EstimatedCall, factor: number): CallEstimate {
  const size = sizeOf(part, call);
  return allocating(times(size, size), factor);
}

/** cel-go's functions on lists and sets. */
function listEstimate(call: EstimatedCall): CallEstimate | undefined {
  const { overload, target, args } = call;
  const [first, second] = args;
  switch (overload) {
    case 'list_slice': {
      const size = sizeOf(target!, call);
      const length = (nonNegative(literalInt(second)) ?? size.max) - (nonNegative(literalInt(first)) ?? 0);
      return allocating(exactly(length < 0 ? unlimited : length));
    }
    case 'lists_range':
      return allocating(exactly(nonNegative(literalInt(first)) ?? unlimited));
    case 'list_reverse':
      return allocating(sizeOf(target!, call));
    case 'list_flatten':
      return allocating(sizeOf(target!, call));
    case 'list_flatten_int':
      return allocating(sizeOf(target!, call), nonNegative(literalInt(first)) ?? unlimited);
    case 'list_distinct':
      return squared(target!, call, 2);
    case 'list_sets_contains_list':
    case 'list_sets_intersects_list':
    case 'list_sets_equivalent_list': {
      const factor = overload === 'list_sets_equivalent_list' ? 2 : 1;
      const pairs = times(sizeOf(first!, call), sizeOf(second!, call));
      return { cost: plus(scaled(pairs, factor), exactly(1)) };
    }
  }
  const sort = /^list_(.*)_sort(ByAssociatedKeys)?$/.exec(overload);
  if (!sort) return undefined;
  const factor = sort[1] === 'string' || sort[1] === 'bytes' ? 2 + textFactor : 2;
  return squared(sort[2] ? first! : target!, call, factor);
}

const comparedTexts = /^(?:less|greater)(?:_equals)?_(?:string|bytes)$/;

function standardEstimate({ overload, target, args }: EstimatedCall): CallEstimate | undefined {
  const [first, second] = args;
  if (comparedTexts.test(overload) || overload === 'equals' || overload === 'not_equals') {
    const max = Math.min(sizeOrUnknown(first!).max, sizeOrUnknown(second!).max);
    return { cost: scaled({ min: max > 0 ? 1 : 0, max }, textFactor) };
  }
  switch (overload) {
    case 'string_format':
      return target && { cost: scaled(sizeOrUnknown(target), textFactor) };
    case 'string_to_bytes': {
      const { min, max } = sizeOrUnknown(first!);
      return { cost: scaled({ min, max }, textFactor), size: { min, max: Math.min(max * 4, unlimited) } };
    }
    case 'bytes_to_string': {
      const { min, max } = sizeOrUnknown(first!);
      return { cost: scaled({ min, max }, textFactor), size: { min: Math.floor(min / 4), max } };
    }
    case 'strings_quote': {
      const { min, max } = sizeOrUnknown(first!);
      return { cost: scaled({ min, max }, textFactor), size: { min: min + 2, max: Math.min(max * 2 + 2, unlimited) } };
    }
    case 'starts_with_string':
    case 'ends_with_string':
      return { cost: scaled(sizeOrUnknown(first!), textFactor) };
    case 'in_list':
      return { cost: sizeOrUnknown(second!) };
    case 'matches_string': {
      if (!target) return undefined;
      const textCost = scaled(plus(sizeOrUnknown(target), exactly(1)), textFactor);
      return { cost: times(textCost, scaled(sizeOrUnknown(first!), regexFactor)) };
    }
    case 'contains_string':
      return (
        target && {
          cost: times(scaled(sizeOrUnknown(target), textFactor), scaled(sizeOrUnknown(first!), textFactor)),
        }
      );
    case 'add_string':
    case 'add_bytes':
    case 'add_list': {
      const size = plus(sizeOrUnknown(first!), sizeOrUnknown(second!));
      return { cost: overload === 'add_list' ? exactly(1) : scaled(size, textFactor), size };
    }
    default:
      return undefined;
  }
}
