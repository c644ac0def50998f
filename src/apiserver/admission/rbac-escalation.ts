/**
 * Nobody grants more than they hold: checked wherever a role or binding is written, unless the verbs `escalate` and
 * `bind` allow it. https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
 */
import type { ClusterRole, PolicyRule, Role, RoleBinding } from '#api/gen/rbac-v1.js';
import clusterRoleResource from '#api/rbac/clusterrole.js';
import clusterRoleBindingResource from '#api/rbac/clusterrolebinding.js';
import roleResource from '#api/rbac/role.js';
import roleBindingResource from '#api/rbac/rolebinding.js';
import type { KubeObject } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import type { Authorizer } from '../authorization/authorizer.js';
import type { RbacAuthorizer } from '../authorization/rbac/rbac.js';
import { describeRule, missingRules, quoteList } from '../authorization/rbac/rules.js';
import { privilegedGroup } from '../authorization/union.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { isOn, refuse } from './refuse.js';

const group = 'rbac.authorization.k8s.io';
/** What an aggregated role may come to hold cannot be known, so writing the rule takes the power to grant everything. */
const everything: PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

interface Dependencies {
  registry: () => Registry;
  authorizer: Authorizer;
  rbac: RbacAuthorizer;
}

/** Upstream does this in the storage of the four kinds; here it is a plugin like the others. */
export function rbacEscalation(dependencies: Dependencies): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    handles: ({ operation, resource, user, subresource }) =>
      (operation === 'CREATE' || operation === 'UPDATE') &&
      resource.group === group &&
      subresource === '' &&
      !user.groups.includes(privilegedGroup),
    async validate(request) {
      if (isOn(request, roleResource) || isOn(request, clusterRoleResource)) await judgeRole(request, dependencies);
      if (isOn(request, roleBindingResource) || isOn(request, clusterRoleBindingResource))
        await judgeBinding(request, dependencies);
    },
  };
}

async function judgeRole(request: AdmissionRequest, { authorizer, rbac }: Dependencies): Promise<void> {
  const role = request.object as Role & ClusterRole;
  const old = request.old as (Role & ClusterRole) | undefined;
  if (old && changesOnlyForCollection(role, old)) return;
  if (await mayDo(request, { authorizer, verb: 'escalate', resource: request.resource.plural, name: nameOf(request) }))
    return;
  confirmHeld(request, rbac, role.rules ?? []);
  const aggregates = [role, old].some((one) => one?.aggregationRule?.clusterRoleSelectors?.length);
  if (aggregates && missingRules(rbac.rulesFor(request.user, '').rules, everything).length > 0)
    throw refuse(request, 'must have cluster-admin privileges to use the aggregationRule');
}

/** What the garbage collector and finalizers need to change, so that the object can go. */
function changesOnlyForCollection(object: KubeObject, old: KubeObject): boolean {
  const without = ({ metadata, ...rest }: KubeObject) => {
    const { ownerReferences: _, finalizers: __, managedFields: ___, resourceVersion: ____, ...kept } = metadata;
    return { ...rest, metadata: kept };
  };
  return equal(without(object), without(old));
}

async function judgeBinding(request: AdmissionRequest, { registry, authorizer, rbac }: Dependencies): Promise<void> {
  const binding = request.object as RoleBinding;
  const old = request.old as RoleBinding | undefined;
  if (old && changesOnlyForCollection(binding, old)) return;
  const { kind, name } = binding.roleRef;
  const clusterWide = kind === 'ClusterRole';
  const resource = clusterWide ? clusterRoleResource : roleResource;
  if (await mayDo(request, { authorizer, verb: 'bind', resource: resource.plural, name })) return;
  const key = { namespace: clusterWide ? '' : request.namespace, name };
  const role = await registry()
    .of<Role>(resource as typeof roleResource)
    .get(key);
  confirmHeld(request, rbac, role.rules ?? []);
}

async function mayDo(
  { user, namespace }: AdmissionRequest,
  { authorizer, verb, resource, name }: { authorizer: Authorizer; verb: string; resource: string; name: string },
): Promise<boolean> {
  const asked = { group, version: 'v1', resource, subresource: '', namespace, name };
  return (await authorizer.authorize({ user, verb, resource: asked })).decision === 'allow';
}

function confirmHeld(request: AdmissionRequest, rbac: RbacAuthorizer, wanted: readonly PolicyRule[]): void {
  const { user, namespace } = request;
  const held = rbac.rulesFor(user, namespace);
  const missing = missingRules(held.rules, wanted);
  if (missing.length === 0) return;
  const who = `user ${JSON.stringify(user.name)} (groups=${quoteList(user.groups)})`;
  const lines = missing.map(describeRule).sort().join('\n');
  const errors = held.errors.length > 0 ? `; resolution errors: [${held.errors.join(', ')}]` : '';
  throw refuse(request, `${who} is attempting to grant RBAC permissions not currently held:\n${lines}${errors}`);
}

function nameOf({ name, object }: AdmissionRequest): string {
  return name || (object?.metadata.name ?? '');
}
