/** ClusterRoleBinding: grants a cluster role to subjects everywhere. */
import type { ClusterRoleBinding } from '#api/gen/rbac-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<ClusterRoleBinding>({
  group: 'rbac.authorization.k8s.io',
  versions: ['v1'],
  kind: 'ClusterRoleBinding',
  namespaced: false,
  allowCreateOnUpdate: true,
  storageVersionHash: '48tpQ8gZHFc=',
});
