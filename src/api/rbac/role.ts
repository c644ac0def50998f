/** Role: rules of what may be done within a namespace. */
import type { Role } from '#api/gen/rbac-v1.js';
import { pathSegmentProblems } from '#apimachinery/names.js';
import { createdColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { checkPolicyRules, rbacGroup } from './rules.js';

export default defineResource<Role>({
  group: rbacGroup,
  versions: ['v1'],
  kind: 'Role',
  namespaced: true,
  metadataRepeats: { update: ['whole', 'change'] },
  allowCreateOnUpdate: true,
  storageVersionHash: '7FuwZcIIItM=',
  validateName: pathSegmentProblems,
  validate: ({ rules }) => checkPolicyRules(rules, { namespaced: true }),
  columns: [nameColumn, createdColumn],
});
