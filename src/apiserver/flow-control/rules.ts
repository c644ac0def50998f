/** Whether a request is of a flow schema: who asks, and for what. */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '#api/gen/flowcontrol-v1.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { RequestInfo, ResourceRequest } from '../request-info.js';

/** The rules of a schema that are about this user; which requests they are about is asked for each. */
export function rulesFor({ spec }: FlowSchema, user: UserInfo): readonly PolicyRulesWithSubjects[] {
  return (spec?.rules ?? []).filter(({ subjects }) => subjects.some((subject) => matchesSubject(subject, user)));
}

export function matchesRequest(rules: readonly PolicyRulesWithSubjects[], info: RequestInfo): boolean {
  for (const rule of rules) if (matchesRule(rule, info)) return true;
  return false;
}

/** What tells the flows of one schema apart: with one another they are treated as equals. */
export function distinguisherOf({ spec }: FlowSchema, info: RequestInfo, user: UserInfo): string {
  const type = spec?.distinguisherMethod?.type;
  if (type === 'ByUser') return user.name;
  return type === 'ByNamespace' ? (info.resource?.namespace ?? '') : '';
}

function matchesRule({ resourceRules, nonResourceRules }: PolicyRulesWithSubjects, info: RequestInfo): boolean {
  const { verb, path, resource } = info;
  if (resource) {
    for (const rule of resourceRules ?? []) if (matchesResource(rule, verb, resource)) return true;
    return false;
  }
  return (nonResourceRules ?? []).some((one) => matchesPath(one, verb, path));
}

const accountPrefix = 'system:serviceaccount:';

function matchesSubject({ kind, user, group, serviceAccount }: Subject, { name, groups }: UserInfo): boolean {
  if (kind === 'User') return user !== undefined && (user.name === '*' || user.name === name);
  if (kind === 'Group') return group !== undefined && (group.name === '*' || groups.includes(group.name));
  if (kind !== 'ServiceAccount' || !serviceAccount) return false;
  const prefix = `${accountPrefix}${serviceAccount.namespace}:`;
  return serviceAccount.name === '*' ? name.startsWith(prefix) : name === prefix + serviceAccount.name;
}

function matchesResource(rule: ResourcePolicyRule, verb: string, request: ResourceRequest): boolean {
  const { resource, subresource, group, namespace } = request;
  return (
    has(rule.verbs, verb) &&
    has(rule.resources, subresource ? `${resource}/${subresource}` : resource) &&
    has(rule.apiGroups, group) &&
    (namespace ? has(rule.namespaces ?? [], namespace) : rule.clusterScope === true)
  );
}

function matchesPath({ verbs, nonResourceURLs }: NonResourcePolicyRule, verb: string, path: string): boolean {
  if (!has(verbs, verb)) return false;
  return nonResourceURLs.some((url) => {
    if (url === '*' || url === path) return true;
    const prefix = url.replace(/\*$/, '');
    return path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
  });
}

/** `*` stands for all where it is the only member, which validation sees to. */
function has(list: readonly string[], wanted: string): boolean {
  return (list.length === 1 && list[0] === '*') || list.includes(wanted);
}
