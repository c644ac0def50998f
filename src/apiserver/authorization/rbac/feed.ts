/** Keeps an RbacAuthorizer's indexes equal to the roles and bindings that are stored, through informers. */
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '#api/gen/rbac-v1.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { EventHandlers } from '#client/informer.js';
import type { RbacAuthorizer } from './rbac.js';

/** What of an informer is needed here. */
interface Source<T> {
  onEvent(handlers: EventHandlers<T>): () => void;
}

export interface RbacSources {
  clusterRoles: Source<ClusterRole>;
  clusterRoleBindings: Source<ClusterRoleBinding>;
  roles: Source<Role>;
  roleBindings: Source<RoleBinding>;
}

export function feedRbac(authorizer: RbacAuthorizer, sources: RbacSources): void {
  const roles: EventHandlers<Role | ClusterRole> = {
    added: (role) => authorizer.setRole(keyOf(role), role),
    updated: (role) => authorizer.setRole(keyOf(role), role),
    deleted: (role) => authorizer.setRole(keyOf(role), undefined),
  };
  const bindings: EventHandlers<RoleBinding | ClusterRoleBinding> = {
    added: (binding) => authorizer.setBinding(keyOf(binding), binding),
    updated: (binding) => authorizer.setBinding(keyOf(binding), binding),
    deleted: (binding) => authorizer.setBinding(keyOf(binding), undefined),
  };
  sources.clusterRoles.onEvent(roles);
  sources.roles.onEvent(roles);
  sources.clusterRoleBindings.onEvent(bindings);
  sources.roleBindings.onEvent(bindings);
}

function keyOf({ metadata: { namespace = '', name = '' } }: KubeObject): { namespace: string; name: string } {
  return { namespace, name };
}
