/** Role: rules of what may be done within a namespace. */
import type { Role } from '#api/gen/rbac-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<Role>({
  group: 'rbac.authorization.k8s.io',
  versions: ['v1'],
  kind: 'Role',
  namespaced: true,
  allowCreateOnUpdate: true,
  storageVersionHash: '7FuwZcIIItM=',
});
