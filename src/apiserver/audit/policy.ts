/**
 * The audit policy: read from its file, checked, and asked how much of a request is to be told. The first rule that
 * matches decides; a request that none matches is not told of.
 * https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
 */
import type { GroupResources, Policy, PolicyRule } from '#api/gen/audit-v1.js';
import { type FieldError, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { subdomainProblems } from '#apimachinery/names.js';
import type { UserInfo } from '../authentication/authenticator.js';
import { urlMatches } from '../authorization/rbac/rules.js';
import { ConfigurationError, readConfiguration, requireValidFile } from '../configuration-file.js';
import type { RequestInfo, ResourceRequest } from '../request-info.js';
import type { Level, Stage } from './audit.js';

export interface Verdict {
  level: Level;
  omitStages: ReadonlySet<Stage>;
  omitManagedFields: boolean;
}

export type Evaluate = (user: UserInfo | undefined, info: RequestInfo) => Verdict | undefined;

const levels: readonly Level[] = ['None', 'Metadata', 'Request', 'RequestResponse'];
const stages: readonly Stage[] = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'];

/** Throws ConfigurationError. `warnings` are of fields that the policy has and we do not know, which upstream skips too. */
export async function readAuditPolicy(path: string): Promise<{ evaluate: Evaluate; warnings: string[] }> {
  const kind = { group: 'audit.k8s.io', kind: 'Policy', versions: ['v1'], fieldValidation: 'Warn' } as const;
  const { value, warnings } = await readConfiguration<Policy>(path, kind);
  requireValidFile(path, validatePolicy(value));
  if (!value.rules?.length) throw new ConfigurationError(`${path}: loaded illegal policy with 0 rules`);
  return { evaluate: evaluatorOf(value), warnings };
}

export function evaluatorOf({ rules = [], omitStages = [], omitManagedFields = false }: Policy): Evaluate {
  const verdicts = rules.map((rule): { rule: PolicyRule; verdict: Verdict | undefined } => {
    const level = rule.level as Level;
    const omitted = new Set([...omitStages, ...(rule.omitStages ?? [])] as Stage[]);
    const verdict = { level, omitStages: omitted, omitManagedFields: rule.omitManagedFields ?? omitManagedFields };
    return { rule, verdict: level === 'None' ? undefined : verdict };
  });
  return (user, info) => verdicts.find(({ rule }) => ruleMatches(rule, user, info))?.verdict;
}

function ruleMatches(rule: PolicyRule, user: UserInfo | undefined, { verb, path, resource }: RequestInfo): boolean {
  const { users, userGroups, verbs, namespaces, resources, nonResourceURLs } = rule;
  if (users?.length && !(user && users.includes(user.name))) return false;
  if (userGroups?.length && !user?.groups.some((group) => userGroups.includes(group))) return false;
  if (verbs?.length && !verbs.includes(verb)) return false;
  if (namespaces?.length || resources?.length) {
    if (!resource || (namespaces?.length && !namespaces.includes(resource.namespace))) return false;
    return !resources?.length || resources.some((one) => resourceMatches(one, resource));
  }
  if (nonResourceURLs?.length) return !resource && nonResourceURLs.some((pattern) => urlMatches(pattern, path));
  return true;
}

/** A rule on `pods` says nothing of `pods/log`; `pods/*` and `*` do. */
function resourceMatches(
  { group = '', resources = [], resourceNames = [] }: GroupResources,
  asked: ResourceRequest,
): boolean {
  if (group !== asked.group && group !== '*') return false;
  if (resources.length === 0) return true;
  if (resourceNames.length > 0 && !resourceNames.includes(asked.name)) return false;
  const { resource, subresource } = asked;
  const combined = subresource ? `${resource}/${subresource}` : resource;
  return resources.some(
    (one) => one === combined || one === '*' || (subresource && one === `*/${subresource}`) || one === `${resource}/*`,
  );
}

export function validatePolicy({ rules = [], omitStages = [] }: Policy): FieldError[] {
  return [
    ...validateStages(omitStages, 'omitStages'),
    ...rules.flatMap((rule, index) => validateRule(rule, `rules[${index}]`)),
  ];
}

function validateRule(rule: PolicyRule, path: string): FieldError[] {
  const { level, nonResourceURLs = [], resources = [], namespaces = [], omitStages = [] } = rule;
  const errors: FieldError[] = [];
  if (!level) errors.push(required(`${path}.level`));
  else if (!levels.includes(level as Level)) errors.push(notSupported(`${path}.level`, level, levels));
  errors.push(...nonResourceURLs.flatMap((url, index) => validateUrl(url, `${path}.nonResourceURLs[${index}]`)));
  errors.push(...resources.flatMap((one) => validateResources(one, `${path}.resources`)));
  errors.push(...validateStages(omitStages, `${path}.omitStages`));
  if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0)) {
    const detail = 'rules cannot apply to both regular resources and non-resource URLs';
    errors.push(invalidValue(`${path}.nonResourceURLs`, nonResourceURLs, detail));
  }
  return errors;
}

function validateUrl(url: string, path: string): FieldError[] {
  if (url === '*') return [];
  const errors: FieldError[] = [];
  if (!url.startsWith('/'))
    errors.push(invalidValue(path, url, "non-resource URL rules must begin with a '/' character"));
  if (url.slice(0, -1).includes('*'))
    errors.push(invalidValue(path, url, "non-resource URL wildcards '*' must be the final character of the rule"));
  return errors;
}

function validateResources({ group = '', resources = [], resourceNames = [] }: GroupResources, path: string) {
  const errors: FieldError[] = [];
  const problems = group === '' || group === '*' ? [] : subdomainProblems(group);
  if (problems.length > 0) errors.push(invalidValue(`${path}.group`, group, problems.join(',')));
  if (resourceNames.length > 0 && resources.length === 0) {
    const detail = 'using resourceNames requires at least one resource';
    errors.push(invalidValue(`${path}.resourceNames`, resourceNames, detail));
  }
  return errors;
}

function validateStages(given: readonly string[], path: string): FieldError[] {
  const detail = `allowed stages are ${stages.join(',')}`;
  return given.flatMap((stage, index) =>
    stages.includes(stage as Stage) ? [] : [invalidValue(`${path}[${index}]`, stage, detail)],
  );
}
