/** ClusterRoleBinding: grants a cluster role to subjects everywhere. */

import type { ClusterRoleBinding } from '#api/gen/rbac-v1.js';
import { pathSegmentProblems } from '#apimachinery/names.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';
import { bindingColumns, checkBinding, defaultBinding, rbacGroup, validateBindingUpdate } from './rules.js';

export default defineResource<ClusterRoleBinding>({
  group: rbacGroup,
  versions: ['v1'],
  kind: 'ClusterRoleBinding',
  namespaced: false,
  metadataRepeats: { update: ['whole', 'change'] },
  allowCreateOnUpdate: true,
  storageVersionHash: '48tpQ8gZHFc=',
  validateName: pathSegmentProblems,
  default: defaultBinding,
  validate: (binding) => checkBinding(binding, { namespaced: false }),
  validateUpdate: validateBindingUpdate,
  columns: bindingColumns('clusterRoleBinding', fieldText('rbac.v1.ClusterRoleBinding.roleRef')),
});
