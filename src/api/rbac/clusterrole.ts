/** ClusterRole: rules of what may be done anywhere. */
import type { ClusterRole } from '#api/gen/rbac-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<ClusterRole>({
  group: 'rbac.authorization.k8s.io',
  versions: ['v1'],
  kind: 'ClusterRole',
  namespaced: false,
  allowCreateOnUpdate: true,
  storageVersionHash: 'bYE5ZWDrJ44=',
});
