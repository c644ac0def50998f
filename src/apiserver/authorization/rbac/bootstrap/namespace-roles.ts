/** The default Roles of Kubernetes 1.36 in kube-system and kube-public, and whom they are bound to, as data. */
import type { RoleText } from './text.js';

export interface NamespaceRoleText extends RoleText {
  namespace: string;
  name: string;
  /** When it is not the role's. */
  bindingName?: string;
}

const events = 'create patch update: events @core events.k8s.io';
const leaderLocking = [
  'create get list update watch: leases @coordination.k8s.io',
  'create get list update watch: leasecandidates @coordination.k8s.io',
];

export const namespaceRoles: readonly NamespaceRoleText[] = [
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    rules: ['get list watch: configmaps', 'update: configmaps #cluster-info', events],
    subjects: ['ServiceAccount kube-system/bootstrap-signer'],
  },
  {
    namespace: 'kube-system',
    name: 'extension-apiserver-authentication-reader',
    bindingName: 'system::extension-apiserver-authentication-reader',
    rules: ['get list watch: configmaps #extension-apiserver-authentication'],
    subjects: ['User system:kube-controller-manager', 'User system:kube-scheduler'],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-controller-manager',
    rules: leaderLocking,
    subjects: [
      'User system:kube-controller-manager',
      'ServiceAccount kube-system/kube-controller-manager',
      'ServiceAccount kube-system/leader-election-controller',
    ],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-scheduler',
    rules: leaderLocking,
    subjects: ['User system:kube-scheduler', 'ServiceAccount kube-system/kube-scheduler'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:bootstrap-signer',
    rules: ['get list watch: secrets'],
    subjects: ['ServiceAccount kube-system/bootstrap-signer'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:cloud-provider',
    rules: ['create get list watch: configmaps'],
    subjects: ['ServiceAccount kube-system/cloud-provider'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:token-cleaner',
    rules: ['delete get list watch: secrets', events],
    subjects: ['ServiceAccount kube-system/token-cleaner'],
  },
];
