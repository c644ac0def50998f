/**
 * Whom each of our components is to the API server when it speaks in process; over HTTPS its certificate says the same.
 * Each passes RBAC by upstream's default roles, named beside it, and by nothing else.
 */
import { freeze } from '#base/json.js';
import type { UserInfo } from './authenticator.js';
import { serviceAccountGroups, serviceAccountUserName } from './service-account-tokens.js';
import { authenticatedGroup } from './union.js';

const user = (name: string, ...groups: string[]): UserInfo => freeze({ name, groups: [...groups, authenticatedGroup] });

function systemAccount(name: string): UserInfo {
  const namespace = 'kube-system';
  return user(serviceAccountUserName({ namespace, name }), ...serviceAccountGroups(namespace));
}

/** The name of upstream's program that does the work of this user; it stands in metadata.managedFields. */
export function programOf({ name }: UserInfo): string {
  if (name === 'system:apiserver') return 'kube-apiserver';
  if (name.startsWith('system:node:')) return 'kubelet';
  if (name === componentUsers.dns.name) return 'coredns';
  if (name.startsWith('system:serviceaccount:')) return 'kube-controller-manager';
  return name.replace(/^system:/, '');
}

export const componentUsers = {
  /** The API server itself: informers of policy, and the objects made at start. */
  apiServer: user('system:apiserver', 'system:masters'),
  /** The informers that controllers share, and leader election: ClusterRole system:kube-controller-manager. */
  controllerManager: user('system:kube-controller-manager'),
  /** The writes of one controller (`deployment-controller`): ClusterRole system:controller:<name>. */
  controller: systemAccount,
  /** ClusterRoles system:kube-scheduler and system:volume-scheduler. */
  scheduler: user('system:kube-scheduler'),
  /** ClusterRole system:node-proxier. */
  proxy: user('system:kube-proxy'),
  /** ClusterRole system:coredns. */
  dns: systemAccount('coredns'),
  /** The node authorizer. */
  kubelet: (nodeName: string): UserInfo => user(`system:node:${nodeName}`, 'system:nodes'),
} as const;
