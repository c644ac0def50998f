/** Which requests a webhook or policy is about: rules, selectors and conditions, and the parameters of policies. */
import type {
  MatchCondition,
  MatchResources,
  NamedRuleWithOperations,
  ParamKind,
  ParamRef,
  RuleWithOperations,
  Variable,
} from '#api/gen/admissionregistration-v1.js';
import { duplicate, forbiddenField, invalidValue, notSupported, required, tooMany } from '#apimachinery/field-error.js';
import { validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { dns1035LabelProblems, pathSegmentProblems, subdomainProblems } from '#apimachinery/names.js';
import {
  check,
  checkEnum,
  checkOptionalEnum,
  checkQualifiedName,
  checkSubdomain,
  each,
  type FieldErrors,
} from '../meta/check.js';
import { checkExpression, type ExpressionRules } from './expressions.js';

export const group = 'admissionregistration.k8s.io';
export const failurePolicies = ['Fail', 'Ignore'];
export const matchPolicies = ['Equivalent', 'Exact'];

const matchConditionsMax = 64;
const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const mutableOperations = operations.filter((operation) => operation !== 'DELETE');

export function defaultRules(rules: readonly RuleWithOperations[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= '*';
}

export function defaultMatchResources(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  defaultRules(match.resourceRules);
  defaultRules(match.excludeResourceRules);
}

export function* checkRule(path: string, rule: RuleWithOperations): FieldErrors {
  const { operations: wanted = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  yield* checkAlone(`${path}.operations`, wanted, 'operations');
  for (const one of each(`${path}.operations`, wanted)) yield* checkOptionalEnum(one.path, one.value, operations);
  yield* checkAlone(`${path}.apiGroups`, apiGroups, 'API groups');
  yield* checkAlone(`${path}.apiVersions`, apiVersions, 'API versions');
  for (const one of each(`${path}.apiVersions`, apiVersions)) if (one.value === '') yield required(one.path);
  yield* checkResources(`${path}.resources`, resources);
  yield* checkOptionalEnum(`${path}.scope`, scope, ['*', 'Cluster', 'Namespaced']);
}

/** At least one, and `*` alone. */
function* checkAlone(path: string, list: readonly string[], what: string): FieldErrors {
  if (list.length === 0) yield required(path);
  if (list.length > 1 && list.includes('*'))
    yield invalidValue(path, list, `if '*' is present, must not specify other ${what}`);
}

/** `pods`, `pods/status`, `pods/*`, `*` + `/scale`: each said once. */
function* checkResources(path: string, resources: readonly string[]): FieldErrors {
  if (resources.length === 0) yield required(path);
  const [wholes, everywhere] = [new Set<string>(), new Set<string>()];
  let isLastPlain = false;
  for (const { path: at, value } of each(path, resources)) {
    if (value === '') {
      yield required(at);
      continue;
    }
    const slash = value.indexOf('/');
    if (slash < 0) {
      isLastPlain = value !== '*';
      continue;
    }
    const [resource, subresource] = [value.slice(0, slash), value.slice(slash + 1)];
    if (wholes.has(resource)) yield invalidValue(at, value, `if '${resource}/*' is present, must not specify ${value}`);
    if (everywhere.has(subresource))
      yield invalidValue(at, value, `if '*/${subresource}' is present, must not specify ${value}`);
    if (subresource === '*') wholes.add(resource);
    if (resource === '*') everywhere.add(subresource);
  }
  if (resources.length > 1 && resources.includes('*/*'))
    yield invalidValue(path, resources, "if '*/*' is present, must not specify other resources");
  if (resources.includes('*') && isLastPlain)
    yield invalidValue(path, resources, "if '*' is present, must not specify other resources without subresources");
}

export function* checkMatchResources(path: string, match: MatchResources): FieldErrors {
  yield* checkEnum(`${path}.matchPolicy`, match.matchPolicy, matchPolicies);
  for (const field of ['namespaceSelector', 'objectSelector'] as const) {
    if (!match[field]) yield required(`${path}.${field}`);
    else yield* validateLabelSelector(match[field], `${path}.${field}`);
  }
  for (const field of ['resourceRules', 'excludeResourceRules'] as const)
    for (const rule of each(`${path}.${field}`, match[field])) yield* checkNamedRule(rule.path, rule.value);
}

function* checkNamedRule(path: string, rule: NamedRuleWithOperations): FieldErrors {
  const seen = new Set<string>();
  for (const { path: at, value } of each(`${path}.resourceNames`, rule.resourceNames)) {
    yield* check(at, value, pathSegmentProblems);
    if (seen.has(value)) yield duplicate(at, value);
    seen.add(value);
  }
  yield* checkRule(path, rule);
}

/** Of a policy: some resource must be named, for the types of its fields are known by it. */
export function* checkMatchConstraints(path: string, match: MatchResources | undefined): FieldErrors {
  if (!match) {
    yield required(path);
    return;
  }
  yield* checkMatchResources(path, match);
  if (!match.resourceRules?.length) yield required(`${path}.resourceRules`);
}

/** What is deleted cannot be changed. */
export function* checkMutableOperations(path: string, match: MatchResources | undefined): FieldErrors {
  for (const { operations: wanted } of match?.resourceRules ?? [])
    for (const operation of wanted ?? [])
      if (!mutableOperations.includes(operation))
        yield notSupported(`${path}.resourceRules.operations`, operation, mutableOperations);
}

export function* checkMatchConditions(
  path: string,
  conditions: readonly MatchCondition[] | undefined,
  { hasParams }: Pick<ExpressionRules, 'hasParams'>,
): FieldErrors {
  const count = conditions?.length ?? 0;
  if (count > matchConditionsMax) yield tooMany(path, count, matchConditionsMax);
  const names = new Set<string>();
  for (const { path: at, value } of each(path, conditions)) {
    const { name = '', expression = '' } = value;
    const trimmed = expression.trim();
    if (trimmed === '') yield required(`${at}.expression`);
    else {
      const rules = { gives: 'bool', hasParams, hasAuthorizer: true, variables: [] } as const;
      yield* checkExpression(`${at}.expression`, trimmed, rules);
    }
    if (name === '') yield required(`${at}.name`);
    else yield* checkQualifiedName(`${at}.name`, name);
    if (name !== '' && names.has(name)) yield duplicate(`${at}.name`, name);
    names.add(name);
  }
}

const identifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

export function* checkVariables(
  path: string,
  variables: readonly Variable[] | undefined,
  { hasParams }: Pick<ExpressionRules, 'hasParams'>,
): FieldErrors {
  for (const [index, { name = '', expression = '' }] of (variables ?? []).entries()) {
    const at = `${path}[${index}]`;
    if (name.trim() === '') yield required(`${at}.name`, 'name is not specified');
    else if (!identifier.test(name) || reserved.has(name))
      yield invalidValue(`${at}.name`, name, 'must be a valid CEL identifier');
    const rules = {
      gives: 'anything',
      hasParams,
      hasAuthorizer: true,
      variables: variables!,
      variablesBefore: index,
    } as const;
    if (expression.trim() === '') yield required(`${at}.expression`, 'expression is not specified');
    else yield* checkExpression(`${at}.expression`, expression, rules);
  }
}

export function* checkParamKind(path: string, { apiVersion = '', kind = '' }: ParamKind): FieldErrors {
  const at = `${path}.apiVersion`;
  const parts = apiVersion === '/' ? [''] : apiVersion.split('/');
  const [version = '', apiGroup = ''] = [...parts].reverse();
  if (apiVersion === '') yield required(at);
  else if (parts.length > 2) yield invalidValue(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`);
  else {
    const groupProblems = apiGroup ? subdomainProblems(apiGroup) : [];
    if (groupProblems.length > 0) yield invalidValue(at, apiGroup, groupProblems.join(','));
    const problems = version ? dns1035LabelProblems(version) : [];
    if (!version) yield invalidValue(at, apiVersion, 'version must be specified');
    else if (problems.length > 0) yield invalidValue(at, version, problems.join(','));
  }
  const problems = dns1035LabelProblems(kind.toLowerCase());
  if (kind === '') yield required(`${path}.kind`);
  else if (problems.length > 0) {
    const why = `may have mixed case, but should otherwise match: ${problems.join(',')}`;
    yield invalidValue(`${path}.kind`, kind, why);
  }
}

export function* checkPolicyName(path: string, name: string | undefined): FieldErrors {
  if (!name) yield required(path);
  else yield* checkSubdomain(path, name);
}

export function* checkParamRef(path: string, reference: ParamRef | undefined): FieldErrors {
  if (!reference) return;
  const { name = '', selector, parameterNotFoundAction } = reference;
  const exclusive = 'name and selector are mutually exclusive';
  if (name !== '') {
    yield* check(`${path}.name`, name, pathSegmentProblems);
    if (selector) yield forbiddenField(`${path}.name`, exclusive);
  }
  if (selector) {
    yield* validateLabelSelector(selector, `${path}.selector`);
    if (name !== '') yield forbiddenField(`${path}.selector`, exclusive);
  }
  if (name === '' && !selector) yield required(path, 'one of name or selector must be specified');
  yield* checkEnum(`${path}.parameterNotFoundAction`, parameterNotFoundAction, ['Deny', 'Allow']);
}
