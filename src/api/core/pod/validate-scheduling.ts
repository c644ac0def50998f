/** Rules of what a pod asks of its node: affinity, tolerations, spreading, gates. */
import type {
  Affinity,
  NodeAffinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  PodSchedulingGate,
  Toleration,
  TopologySpreadConstraint,
} from '#api/gen/core-v1.js';
import type { LabelSelector } from '#api/gen/meta-v1.js';
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { labelProblems, labelValueProblems, subdomainProblems } from '#apimachinery/names.js';
import {
  check,
  checkAboveZero,
  checkOptionalEnum,
  checkQualifiedName,
  each,
  type FieldErrors,
} from '../../meta/check.js';

const requiredTerms = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferredTerms = 'preferredDuringSchedulingIgnoredDuringExecution';

export function* checkAffinity(path: string, affinity: Affinity | undefined): FieldErrors {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {};
  if (nodeAffinity) yield* checkNodeAffinity(`${path}.nodeAffinity`, nodeAffinity);
  if (podAffinity) yield* checkPodAffinity(`${path}.podAffinity`, podAffinity);
  if (podAntiAffinity) yield* checkPodAffinity(`${path}.podAntiAffinity`, podAntiAffinity);
}

export function* checkNodeAffinity(path: string, affinity: NodeAffinity): FieldErrors {
  if (affinity[requiredTerms]) yield* checkNodeSelector(`${path}.${requiredTerms}`, affinity[requiredTerms]);
  for (const { path: at, value: term } of each(`${path}.${preferredTerms}`, affinity[preferredTerms])) {
    yield* checkWeight(at, term.weight);
    // Values that are no label values match nothing, which for a preference is no harm.
    yield* checkNodeSelectorTerm(`${at}.preference`, term.preference, { isPreference: true });
  }
}

function* checkWeight(path: string, weight: number): FieldErrors {
  if (!(weight >= 1 && weight <= 100)) yield invalidValue(`${path}.weight`, weight ?? 0, 'must be in the range 1-100');
}

export function* checkNodeSelector(path: string, { nodeSelectorTerms }: NodeSelector): FieldErrors {
  const at = `${path}.nodeSelectorTerms`;
  if (!nodeSelectorTerms?.length) yield required(at, 'must have at least one node selector term');
  for (const term of each(at, nodeSelectorTerms)) yield* checkNodeSelectorTerm(term.path, term.value);
}

function* checkNodeSelectorTerm(
  path: string,
  term: NodeSelectorTerm,
  { isPreference = false }: { isPreference?: boolean } = {},
): FieldErrors {
  for (const { path: at, value } of each(`${path}.matchExpressions`, term?.matchExpressions)) {
    yield* checkNodeRequirement(at, value);
    if (isPreference) continue;
    for (const one of each(`${at}.values`, value.values)) yield* check(one.path, one.value, labelValueProblems);
  }
  for (const { path: at, value } of each(`${path}.matchFields`, term?.matchFields))
    yield* checkNodeFieldRequirement(at, value);
}

function* checkNodeRequirement(path: string, { key, operator, values = [] }: NodeSelectorRequirement): FieldErrors {
  const at = `${path}.values`;
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) yield required(at, "must be specified when `operator` is 'In' or 'NotIn'");
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0)
      yield forbiddenField(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
  } else if (operator === 'Gt' || operator === 'Lt') {
    if (values.length !== 1) yield required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'");
  } else yield invalidValue(`${path}.operator`, operator ?? '', 'not a valid selector operator');
  yield* checkQualifiedName(`${path}.key`, key ?? '');
}

function* checkNodeFieldRequirement(
  path: string,
  { key, operator, values = [] }: NodeSelectorRequirement,
): FieldErrors {
  if (operator !== 'In' && operator !== 'NotIn')
    yield invalidValue(`${path}.operator`, operator ?? '', 'not a valid selector operator');
  else if (values.length !== 1) {
    const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    yield required(`${path}.values`, why);
  }
  if (key !== 'metadata.name') yield invalidValue(`${path}.key`, key ?? '', 'not a valid field selector key');
  else for (const one of each(`${path}.values`, values)) yield* check(one.path, one.value, subdomainProblems);
}

function* checkPodAffinity(path: string, affinity: PodAffinity): FieldErrors {
  for (const term of each(`${path}.${requiredTerms}`, affinity[requiredTerms]))
    yield* checkPodTerm(term.path, term.value);
  for (const { path: at, value: term } of each(`${path}.${preferredTerms}`, affinity[preferredTerms])) {
    yield* checkWeight(at, term.weight);
    yield* checkPodTerm(`${at}.podAffinityTerm`, term.podAffinityTerm);
  }
}

function* checkPodTerm(path: string, term: PodAffinityTerm): FieldErrors {
  yield* validateLabelSelector(term.labelSelector, `${path}.labelSelector`);
  yield* validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`);
  for (const name of term.namespaces ?? []) yield* check(`${path}.namespace`, name, labelProblems);
  yield* checkLabelKeys(`${path}.matchLabelKeys`, term.matchLabelKeys, term.labelSelector);
  yield* checkLabelKeys(`${path}.mismatchLabelKeys`, term.mismatchLabelKeys, term.labelSelector);
  yield* checkMergedKeys(path, term);
  const mismatched = new Set(term.mismatchLabelKeys);
  for (const { path: at, value: key } of each(`${path}.matchLabelKeys`, term.matchLabelKeys))
    if (mismatched.has(key)) yield invalidValue(at, key, 'exists in both matchLabelKeys and mismatchLabelKeys');
  if (!term.topologyKey) yield required(`${path}.topologyKey`, 'can not be empty');
  yield* checkQualifiedName(`${path}.topologyKey`, term.topologyKey ?? '');
}

function* checkLabelKeys(
  path: string,
  keys: readonly string[] | undefined,
  selector: LabelSelector | undefined,
): FieldErrors {
  if (!keys?.length) return;
  if (!selector) yield forbiddenField(path, 'must not be specified when labelSelector is not set');
  else for (const key of each(path, keys)) yield* checkQualifiedName(key.path, key.value);
}

/** Creation has merged each key into the selector once; a key that is there twice was its author's as well. */
function* checkMergedKeys(
  path: string,
  { matchLabelKeys = [], labelSelector }: Pick<PodAffinityTerm, 'matchLabelKeys' | 'labelSelector'>,
): FieldErrors {
  if (matchLabelKeys.length === 0) return;
  const seen = new Set(Object.keys(labelSelector?.matchLabels ?? {}));
  const indexes = new Map(matchLabelKeys.map((key, index) => [key, index]));
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    const index = indexes.get(key);
    if (index !== undefined && seen.has(key))
      yield invalidValue(`${path}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector');
    seen.add(key);
  }
}

export const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function* checkTolerations(path: string, tolerations: readonly Toleration[] | undefined): FieldErrors {
  for (const { path: at, value } of each(path, tolerations)) {
    const { key, operator, value: text = '', effect, tolerationSeconds } = value;
    if (key) yield* checkQualifiedName(`${at}.key`, key);
    else if (operator !== 'Exists') {
      const why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      yield invalidValue(`${at}.operator`, operator ?? '', why);
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute')
      yield invalidValue(`${at}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set");
    if (!operator || operator === 'Equal') {
      const problems = labelValueProblems(text);
      if (problems.length > 0) yield invalidValue(`${at}.operator`, text, problems.join(';'));
    } else if (operator === 'Exists') {
      if (text) yield invalidValue(`${at}.operator`, text, "value must be empty when `operator` is 'Exists'");
    } else if (operator === 'Lt' || operator === 'Gt') {
      // They are known, and not served: TaintTolerationComparisonOperators is off.
      yield notSupported(`${at}.operator`, operator, ['Equal', 'Exists', 'Lt', 'Gt']);
    } else yield notSupported(`${at}.operator`, operator, ['Equal', 'Exists']);
    if (effect) yield* checkOptionalEnum(`${at}.effect`, effect, taintEffects);
  }
}

const spreadActions = ['DoNotSchedule', 'ScheduleAnyway'];
const inclusionPolicies = ['Honor', 'Ignore'];

export function* checkSpread(path: string, constraints: readonly TopologySpreadConstraint[] = []): FieldErrors {
  const keyOf = ({ topologyKey, whenUnsatisfiable }: TopologySpreadConstraint) =>
    JSON.stringify([topologyKey, whenUnsatisfiable]);
  const lasts = new Map(constraints.map((one, index) => [keyOf(one), index]));
  for (const [index, constraint] of constraints.entries()) {
    const at = `${path}[${index}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, labelSelector } = constraint;
    yield* checkAboveZero(`${at}.maxSkew`, maxSkew ?? 0);
    if (!topologyKey) yield required(`${at}.topologyKey`, 'can not be empty');
    yield* checkOptionalEnum(`${at}.whenUnsatisfiable`, whenUnsatisfiable ?? '', spreadActions);
    if (lasts.get(keyOf(constraint)) !== index)
      yield duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`);
    yield* checkAboveZero(`${at}.minDomains`, minDomains);
    if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') {
      const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
      yield invalidValue(`${at}.minDomains`, minDomains, why);
    }
    yield* checkOptionalEnum(`${at}.nodeAffinityPolicy`, constraint.nodeAffinityPolicy, inclusionPolicies);
    yield* checkOptionalEnum(`${at}.nodeTaintsPolicy`, constraint.nodeTaintsPolicy, inclusionPolicies);
    yield* checkLabelKeys(`${at}.matchLabelKeys`, constraint.matchLabelKeys, labelSelector);
    yield* checkMergedKeys(at, constraint);
    yield* validateLabelSelector(labelSelector, `${at}.labelSelector`);
  }
}

export function* checkSchedulingGates(path: string, gates: readonly PodSchedulingGate[] | undefined): FieldErrors {
  const seen = new Set<string>();
  for (const { path: at, value } of each(path, gates)) {
    yield* checkQualifiedName(at, value.name ?? '');
    if (seen.has(value.name)) yield duplicate(at, value.name);
    seen.add(value.name);
  }
}
