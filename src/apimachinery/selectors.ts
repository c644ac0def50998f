/**
 * Label selectors: their text, their object form, and what they match.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
 */
import {
  checkedRequirement,
  formatRequirement,
  type LabelOperator,
  type LabelRequirement,
  type Labels,
  matchesRequirement,
} from './label-requirement.js';
import { ParseError } from './parse-error.js';
import { parseRequirements } from './selector-parser.js';

/** The API's object form (meta/v1 LabelSelector). */
export interface LabelSelectorObject {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export interface LabelSelector {
  readonly requirements: readonly LabelRequirement[];
  /** Whether it matches all objects. */
  readonly isEverything: boolean;
  readonly isNothing: boolean;
  matches(labels: Labels | undefined): boolean;
  /** The text that parses to the same selector. */
  toString(): string;
  /** The one value that `key` must have, where the selector says so. */
  exactValue(key: string): string | undefined;
}

export const everything: LabelSelector = selectorOf([]);

export const nothing: LabelSelector = {
  requirements: [],
  isEverything: false,
  isNothing: true,
  matches: () => false,
  toString: () => '',
  exactValue: () => undefined,
};

/** Throws a ParseError with upstream's texts, for a 400. Requirements come out sorted by key. */
export function parseLabelSelector(text: string): LabelSelector {
  if (text === '') return everything;
  return selectorOf(parseRequirements(text));
}

/** No selector matches nothing; an empty one matches everything. Throws a ParseError for one that is not valid. */
export function labelSelectorFrom(object: LabelSelectorObject | null | undefined): LabelSelector {
  if (!object) return nothing;
  const requirements: LabelRequirement[] = [];
  for (const [key, value] of Object.entries(object.matchLabels ?? {}))
    requirements.push(checkedRequirement({ key, operator: '=', values: [value] }));
  for (const { key, operator, values } of object.matchExpressions ?? [])
    requirements.push(checkedRequirement({ key, operator: operatorOf(operator), values: values ?? [] }));
  return requirements.length === 0 ? everything : selectorOf(requirements);
}

/** All of these labels. Not checked: the labels come from an object that was. */
export function labelSelectorFromMap(labels: Labels | undefined): LabelSelector {
  const entries = Object.entries(labels ?? {});
  if (entries.length === 0) return everything;
  return selectorOf(entries.map(([key, value]) => ({ key, operator: '=', values: [value] })));
}

/** As printer columns show it: `<none>` when empty, `<error>` when not valid. */
export function formatLabelSelector(object: LabelSelectorObject | null | undefined): string {
  try {
    return labelSelectorFrom(object).toString() || '<none>';
  } catch (error) {
    if (error instanceof ParseError) return '<error>';
    throw error;
  }
}

/** `a=1,b=2` in order of keys; `<none>` when there are none. */
export function formatLabels(labels: Labels | undefined): string {
  const keys = Object.keys(labels ?? {}).sort();
  return keys.length === 0 ? '<none>' : keys.map((key) => `${key}=${labels?.[key]}`).join(',');
}

const expressionOperators: Record<string, LabelOperator> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

function operatorOf(operator: string): LabelOperator {
  const known = Object.hasOwn(expressionOperators, operator) ? expressionOperators[operator] : undefined;
  if (!known)
    throw new ParseError('LabelSelector', `${JSON.stringify(operator)} is not a valid label selector operator`);
  return known;
}

function selectorOf(unsorted: readonly LabelRequirement[]): LabelSelector {
  const requirements = [...unsorted].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    requirements,
    isEverything: requirements.length === 0,
    isNothing: false,
    matches: (labels) => requirements.every((requirement) => matchesRequirement(requirement, labels)),
    toString: () => requirements.map(formatRequirement).join(','),
    exactValue: (key) => {
      const found = requirements.find((requirement) => requirement.key === key);
      const isExact = found && (found.operator === '=' || found.operator === '==' || found.operator === 'in');
      return isExact && found.values.length === 1 ? found.values[0] : undefined;
    },
  };
}
