/** Rules of what counts as failure and success of a Job, and of when a pod is replaced. */
import type {
  JobSpec,
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicy,
  SuccessPolicyRule,
} from '#api/gen/batch-v1.js';
import {
  duplicate,
  invalidField,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '#apimachinery/field-error.js';
import { checkNonNegative, checkQualifiedName, each, type FieldErrors } from '../../meta/check.js';
import { countIndexes, IndexesError, parseIndexes } from './indexes.js';

const rulesMax = 20;
const exitCodesMax = 255;
const conditionPatternsMax = 20;
const indexesBytesMax = 64 * 1024;

export function* checkPodFailurePolicy(path: string, { rules = [] }: PodFailurePolicy, spec: JobSpec): FieldErrors {
  if (rules.length > rulesMax) yield tooMany(`${path}.rules`, rules.length, rulesMax);
  for (const rule of each(`${path}.rules`, rules)) yield* checkFailureRule(rule.path, rule.value, spec);
}

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];

function* checkFailureRule(path: string, rule: PodFailurePolicyRule, spec: JobSpec): FieldErrors {
  const { action, onExitCodes, onPodConditions = [] } = rule;
  if (action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined)
      yield invalidValue(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set');
  } else yield* checkChoice(`${path}.action`, action, actions);
  if (onExitCodes) yield* checkExitCodes(`${path}.onExitCodes`, onExitCodes, spec);
  if (onPodConditions.length > 0) yield* checkConditionPatterns(`${path}.onPodConditions`, onPodConditions);
  if (onExitCodes && onPodConditions.length > 0)
    yield invalidField(path, 'specifying both OnExitCodes and OnPodConditions is not supported');
  if (!onExitCodes && onPodConditions.length === 0)
    yield invalidField(path, 'specifying one of OnExitCodes and OnPodConditions is required');
}

/** Unlike elsewhere, what is missing is told with what there is to choose from. */
function* checkChoice(path: string, value: string | undefined, choices: readonly string[]): FieldErrors {
  if (!value) yield required(path, `valid values: [${choices.map((one) => JSON.stringify(one)).join(' ')}]`);
  else if (!choices.includes(value)) yield notSupported(path, value, choices);
}

function* checkConditionPatterns(path: string, list: PodFailurePolicyOnPodConditionsPattern[]): FieldErrors {
  if (list.length > conditionPatternsMax) yield tooMany(path, list.length, conditionPatternsMax);
  for (const { path: at, value: pattern } of each(path, list)) {
    yield* checkQualifiedName(`${at}.type`, pattern.type ?? '');
    yield* checkChoice(`${at}.status`, pattern.status, ['False', 'True', 'Unknown']);
  }
}

function* checkExitCodes(path: string, rule: PodFailurePolicyOnExitCodesRequirement, spec: JobSpec): FieldErrors {
  const { operator, containerName, values = [] } = rule;
  yield* checkChoice(`${path}.operator`, operator, ['In', 'NotIn']);
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {};
  const isKnown = [...containers, ...initContainers].some(({ name }) => name === containerName);
  if (containerName !== undefined && !isKnown) {
    const why = 'must be one of the container or initContainer names in the pod template';
    yield invalidValue(`${path}.containerName`, containerName, why);
  }
  if (values.length === 0) yield invalidValue(`${path}.values`, rule.values ?? null, 'at least one value is required');
  if (values.length > exitCodesMax) yield tooMany(`${path}.values`, values.length, exitCodesMax);
  const seen = new Set<number>();
  for (const { path: at, value } of each(`${path}.values`, values)) {
    if (operator === 'In' && value === 0) yield invalidValue(at, value, 'must not be 0 for the In operator');
    if (seen.has(value)) yield duplicate(at, value);
    seen.add(value);
  }
  if (values.some((value, index) => index > 0 && values[index - 1]! > value))
    yield invalidValue(`${path}.values`, values, 'must be ordered');
}

export function* checkSuccessPolicy(path: string, policy: SuccessPolicy, spec: JobSpec): FieldErrors {
  const { rules = [] } = policy;
  if (spec.completionMode !== 'Indexed') {
    yield invalidValue(path, goSuccessPolicy(policy), 'requires indexed completion mode');
    return;
  }
  if (rules.length === 0)
    yield required(`${path}.rules`, 'at least one rules must be specified when the successPolicy is specified');
  if (rules.length > rulesMax) yield tooMany(`${path}.rules`, rules.length, rulesMax);
  for (const rule of each(`${path}.rules`, rules))
    yield* checkSuccessRule(rule.path, rule.value, { completions: spec.completions ?? 0 });
}

/** As upstream's own type shows itself, whose fields have Go's names. */
function goSuccessPolicy({ rules = [] }: SuccessPolicy) {
  return {
    Rules: rules.map(({ succeededIndexes: indexes, succeededCount: count }) => ({
      SucceededIndexes: indexes ?? null,
      SucceededCount: count ?? null,
    })),
  };
}

function* checkSuccessRule(
  path: string,
  { succeededIndexes: indexes, succeededCount: count }: SuccessPolicyRule,
  { completions }: { completions: number },
): FieldErrors {
  if (count === undefined && indexes === undefined)
    yield required(path, 'at least one of succeededCount or succeededIndexes must be specified');
  let total = 0;
  if (indexes !== undefined) {
    const at = `${path}.succeededIndexes`;
    if (Buffer.byteLength(indexes) > indexesBytesMax) yield tooLong(at, indexesBytesMax);
    const result = readIndexes(indexes, completions);
    if ('problem' in result) yield invalidValue(at, indexes, `error parsing succeededIndexes: ${result.problem}`);
    else total = result.total;
  }
  if (count === undefined) return;
  const at = `${path}.succeededCount`;
  yield* checkNonNegative(at, count);
  const atMost = (max: number, what: string) =>
    invalidValue(at, count, `must be less than or equal to ${max} (the number of ${what})`);
  if (count > completions) yield atMost(completions, 'specified completions');
  if (indexes !== undefined && count > total) yield atMost(total, 'indexes in the specified succeededIndexes field');
}

/** How many there are, or why they cannot be read. */
export function readIndexes(text: string, completions: number): { total: number } | { problem: string } {
  try {
    return { total: countIndexes(parseIndexes(text, completions)) };
  } catch (error) {
    if (error instanceof IndexesError) return { problem: error.message };
    throw error;
  }
}

export function* checkPodReplacementPolicy(
  path: string,
  { podReplacementPolicy: policy, podFailurePolicy }: JobSpec,
): FieldErrors {
  // Whether a failure counts is known when the pod has ended.
  const supported = podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  if (policy !== undefined && !supported.includes(policy)) yield notSupported(path, policy, supported);
}
