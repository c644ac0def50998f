/** The short text form in which the default roles are written, and the objects made from it. */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '#api/gen/rbac-v1.js';

/**
 * A rule reads `get list: pods pods/log @core apps #name`: verbs, resources, groups (`core`, the default, is ''), names.
 * Resources that start with a slash are paths (`/*` alone stands for `*`). A subject reads `Group x`, `User x` or
 * `ServiceAccount namespace/name`.
 */
export interface RoleText {
  rules?: readonly string[];
  /** Is made of the roles labelled aggregate-to-this. */
  aggregates?: string;
  /** Carries the label aggregate-to-this. */
  aggregateTo?: string;
  /** Whom a binding of the same name gives it to; undefined: there is no binding. */
  subjects?: readonly string[];
}

export const rbacGroup = 'rbac.authorization.k8s.io';
const apiVersion = `${rbacGroup}/v1`;
export const autoUpdateAnnotation = 'rbac.authorization.kubernetes.io/autoupdate';
const aggregateLabel = (target: string) => `rbac.authorization.k8s.io/aggregate-to-${target}`;

/** Throws a TypeError for a text that is no rule. */
export function parseRule(text: string): PolicyRule {
  const [head = '', body = ''] = text.split(': ');
  const resources: string[] = [];
  const groups: string[] = [];
  const names: string[] = [];
  let list = resources;
  for (const word of body.split(' ')) {
    if (word.startsWith('@')) list = groups;
    else if (word.startsWith('#')) list = names;
    list.push(word.replace(/^[@#]/, ''));
  }
  const verbs = head.split(' ');
  if (!verbs[0] || !resources[0]) throw new TypeError(`not a rule: ${text}`);
  if (resources[0].startsWith('/'))
    return { verbs, nonResourceURLs: resources.map((url) => (url === '/*' ? '*' : url)) };
  const apiGroups = groups.length > 0 ? groups.map((group) => (group === 'core' ? '' : group)) : [''];
  return { verbs, apiGroups, resources, ...(names.length > 0 ? { resourceNames: names } : {}) };
}

function parseSubject(text: string): Subject {
  const [kind = '', name = ''] = text.split(' ');
  if (kind !== 'ServiceAccount') return { kind, name, apiGroup: rbacGroup };
  const [namespace = '', account = ''] = name.split('/');
  return { kind, name: account, namespace };
}

function metadata(name: string, namespace?: string) {
  return {
    name,
    ...(namespace ? { namespace } : {}),
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } as Record<string, string>,
    annotations: { [autoUpdateAnnotation]: 'true' },
  };
}

export function makeClusterRole(name: string, { rules = [], aggregates, aggregateTo }: RoleText): ClusterRole {
  const role: ClusterRole = { apiVersion, kind: 'ClusterRole', metadata: metadata(name), rules: rules.map(parseRule) };
  if (aggregateTo) role.metadata.labels![aggregateLabel(aggregateTo)] = 'true';
  if (aggregates)
    role.aggregationRule = { clusterRoleSelectors: [{ matchLabels: { [aggregateLabel(aggregates)]: 'true' } }] };
  return role;
}

export function makeRole(key: { namespace: string; name: string }, { rules = [] }: RoleText): Role {
  return { apiVersion, kind: 'Role', metadata: metadata(key.name, key.namespace), rules: rules.map(parseRule) };
}

/** `role` names the role when the binding has a name of its own. */
export function makeBinding(
  kind: 'Role' | 'ClusterRole',
  {
    namespace,
    name,
    role = name,
    subjects,
  }: { namespace?: string; name: string; role?: string; subjects: readonly string[] },
): ClusterRoleBinding & RoleBinding {
  return {
    apiVersion,
    kind: `${kind}Binding`,
    metadata: metadata(name, namespace),
    subjects: subjects.map(parseSubject),
    roleRef: { apiGroup: rbacGroup, kind, name: role },
  };
}
