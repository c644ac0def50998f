/** ClusterRole: rules of what may be done anywhere. */
import type { ClusterRole } from '#api/gen/rbac-v1.js';
import { collectInSteps, invalidValue, required } from '#apimachinery/field-error.js';
import { validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { pathSegmentProblems } from '#apimachinery/names.js';
import { each, type FieldErrors } from '../meta/check.js';
import { createdColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { checkPolicyRules, rbacGroup } from './rules.js';

export default defineResource<ClusterRole>({
  group: rbacGroup,
  versions: ['v1'],
  kind: 'ClusterRole',
  namespaced: false,
  metadataRepeats: { update: ['whole', 'change'] },
  allowCreateOnUpdate: true,
  storageVersionHash: 'bYE5ZWDrJ44=',
  validateName: pathSegmentProblems,
  *validate(role) {
    yield* checkPolicyRules(role.rules, { namespaced: false });
    yield* checkAggregation(role);
  },
  columns: [nameColumn, createdColumn],
});

function* checkAggregation({ aggregationRule }: ClusterRole): FieldErrors {
  if (!aggregationRule) return;
  const path = 'aggregationRule.clusterRoleSelectors';
  const { clusterRoleSelectors: selectors } = aggregationRule;
  if (!selectors?.length)
    yield required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil');
  for (const { path: at, value } of each(path, selectors)) {
    const errors = yield* collectInSteps(validateLabelSelector(value, at));
    yield* errors;
    // Upstream reads it once more, and shows what it could not make of it.
    if (errors.length > 0) yield invalidValue(at, null, 'invalid label selector.');
  }
}
