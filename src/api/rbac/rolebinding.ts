/** RoleBinding: grants a role to subjects within a namespace. */

import type { RoleBinding } from '#api/gen/rbac-v1.js';
import { pathSegmentProblems } from '#apimachinery/names.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';
import { bindingColumns, checkBinding, defaultBinding, rbacGroup, validateBindingUpdate } from './rules.js';

export default defineResource<RoleBinding>({
  group: rbacGroup,
  versions: ['v1'],
  kind: 'RoleBinding',
  namespaced: true,
  metadataRepeats: { update: ['whole', 'change'] },
  allowCreateOnUpdate: true,
  storageVersionHash: 'eGsCzGH6b1g=',
  validateName: pathSegmentProblems,
  default: defaultBinding,
  validate: (binding) => checkBinding(binding, { namespaced: true }),
  validateUpdate: validateBindingUpdate,
  columns: bindingColumns('roleBinding', fieldText('rbac.v1.RoleBinding.roleRef')),
});
