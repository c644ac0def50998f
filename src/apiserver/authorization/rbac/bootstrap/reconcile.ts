/**
 * Brings the default roles and bindings of the cluster up to date at start: creates what is missing, adds rules and
 * subjects that a newer version grants, and leaves alone what is annotated autoupdate=false. Nothing is taken away.
 * https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation
 */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '#api/gen/rbac-v1.js';
import clusterRoleResource from '#api/rbac/clusterrole.js';
import clusterRoleBindingResource from '#api/rbac/clusterrolebinding.js';
import roleResource from '#api/rbac/role.js';
import roleBindingResource from '#api/rbac/rolebinding.js';
import type { KubeObject } from '#apimachinery/object.js';
import { copy, equal } from '#base/json.js';
import type { Client } from '#client/client.js';
import { planObjects, runTogether } from '../../../start-objects.js';
import { missingRules } from '../rules.js';
import { clusterRoles } from './cluster-roles.js';
import { controllerRoles } from './controller-roles.js';
import { namespaceRoles } from './namespace-roles.js';
import { autoUpdateAnnotation, makeBinding, makeClusterRole, makeRole } from './text.js';

type AnyRole = Role & ClusterRole;
type AnyBinding = RoleBinding & ClusterRoleBinding;

export interface BootstrapPolicy {
  clusterRoles: ClusterRole[];
  clusterRoleBindings: ClusterRoleBinding[];
  roles: Role[];
  roleBindings: RoleBinding[];
}

/** The defaults as objects. Aggregated roles carry their rules from the start, rather than after a controller ran. */
export function bootstrapPolicy(): BootstrapPolicy {
  const policy: BootstrapPolicy = { clusterRoles: [], clusterRoleBindings: [], roles: [], roleBindings: [] };
  for (const [name, text] of Object.entries(clusterRoles)) {
    policy.clusterRoles.push(makeClusterRole(name, text));
    if (text.subjects) policy.clusterRoleBindings.push(makeBinding('ClusterRole', { name, subjects: text.subjects }));
  }
  for (const [controller, rules] of Object.entries(controllerRoles)) {
    const name = `system:controller:${controller}`;
    const subjects = [`ServiceAccount kube-system/${controller}`];
    policy.clusterRoles.push(makeClusterRole(name, { rules }));
    policy.clusterRoleBindings.push(makeBinding('ClusterRole', { name, subjects }));
  }
  for (const { namespace, name, bindingName = name, ...text } of namespaceRoles) {
    policy.roles.push(makeRole({ namespace, name }, text));
    const { subjects = [] } = text;
    policy.roleBindings.push(makeBinding('Role', { namespace, name: bindingName, role: name, subjects }));
  }
  // In the order of names, as the aggregation controller does it, which then finds nothing to do.
  const ordered = [...policy.clusterRoles].sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1));
  for (const role of ordered) aggregate(role, ordered);
  return policy;
}

/** Roles may aggregate roles that aggregate: view into edit into admin. */
function aggregate(role: ClusterRole, all: readonly ClusterRole[]): void {
  const selectors = role.aggregationRule?.clusterRoleSelectors;
  if (!selectors || role.rules?.length) return;
  role.rules = [];
  for (const other of all) {
    const labels = other.metadata.labels ?? {};
    const chosen = selectors.some(({ matchLabels = {} }) =>
      Object.entries(matchLabels).every(([key, value]) => labels[key] === value),
    );
    if (!chosen || other === role) continue;
    aggregate(other, all);
    for (const rule of other.rules ?? []) if (!role.rules.some((known) => equal(known, rule))) role.rules.push(rule);
  }
}

/**
 * Runs as a member of system:masters, after the namespaces kube-system and kube-public exist. Gives how many objects
 * were written. Safe to run twice, and beside another API server doing the same.
 */
export async function reconcileBootstrapPolicy(client: Client, signal?: AbortSignal): Promise<number> {
  const policy = bootstrapPolicy();
  const tasks = [
    ...(await planObjects(client, { ref: clusterRoleResource, wanted: policy.clusterRoles, merge: mergeRole, signal })),
    ...(await planObjects(client, { ref: roleResource, wanted: policy.roles, merge: mergeRole, signal })),
    ...(await planObjects(client, {
      ref: clusterRoleBindingResource,
      wanted: policy.clusterRoleBindings,
      merge: mergeBinding,
      signal,
    })),
    ...(await planObjects(client, {
      ref: roleBindingResource,
      wanted: policy.roleBindings,
      merge: mergeBinding,
      signal,
    })),
  ];
  await runTogether(tasks);
  return tasks.length;
}

/** Rules of an aggregated role are its controller's to keep. */
export function mergeRole(existing: AnyRole, wanted: AnyRole): AnyRole | undefined {
  if (isProtected(existing)) return undefined;
  const merged = withMetadata(existing, wanted);
  if (wanted.aggregationRule) {
    const selectors = existing.aggregationRule?.clusterRoleSelectors ?? [];
    const missing = (wanted.aggregationRule.clusterRoleSelectors ?? []).filter(
      (selector) => !selectors.some((known) => equal(known, selector)),
    );
    if (missing.length > 0) merged.aggregationRule = { clusterRoleSelectors: [...copy(selectors), ...missing] };
  } else {
    const missing: PolicyRule[] = missingRules(existing.rules ?? [], wanted.rules ?? []);
    if (missing.length > 0) merged.rules = [...copy(existing.rules ?? []), ...missing];
  }
  return equal(merged, existing) ? undefined : merged;
}

/** A roleRef cannot be changed, so a binding to another role is made anew. */
export function mergeBinding(existing: AnyBinding, wanted: AnyBinding): AnyBinding | 'replace' | undefined {
  if (isProtected(existing)) return undefined;
  if (!equal(existing.roleRef, wanted.roleRef)) return 'replace';
  const merged = withMetadata(existing, wanted);
  const subjects = existing.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((subject) => !subjects.some((known) => sameSubject(known, subject)));
  if (missing.length > 0) merged.subjects = [...copy(subjects), ...missing];
  return equal(merged, existing) ? undefined : merged;
}

function sameSubject(a: Subject, b: Subject): boolean {
  return a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');
}

function isProtected({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[autoUpdateAnnotation] === 'false';
}

/** Labels and annotations that are there win over those wanted. */
function withMetadata<T extends KubeObject>(existing: T, wanted: T): T {
  const merged = copy(existing);
  const { labels, annotations } = wanted.metadata;
  if (labels) merged.metadata.labels = { ...labels, ...existing.metadata.labels };
  if (annotations) merged.metadata.annotations = { ...annotations, ...existing.metadata.annotations };
  return merged;
}
