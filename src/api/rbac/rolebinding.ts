/** RoleBinding: grants a role to subjects within a namespace. */
import type { RoleBinding } from '#api/gen/rbac-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<RoleBinding>({
  group: 'rbac.authorization.k8s.io',
  versions: ['v1'],
  kind: 'RoleBinding',
  namespaced: true,
  allowCreateOnUpdate: true,
  storageVersionHash: 'eGsCzGH6b1g=',
});
