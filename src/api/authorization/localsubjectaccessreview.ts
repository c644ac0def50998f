/** LocalSubjectAccessReview: asks whether somebody may do something in one namespace. */
import type { LocalSubjectAccessReview } from '#api/gen/authorization-v1.js';
import { invalidValue } from '#apimachinery/field-error.js';
import type { FieldErrors } from '../meta/check.js';
import { defineResource } from '../resource.js';
import { checkAttributes, checkEmptyMetadata, checkSubject } from './rules.js';

export default defineResource<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  versions: ['v1'],
  kind: 'LocalSubjectAccessReview',
  namespaced: true,
  verbs: ['create'],
  validate: (review) => checkReview(review),
});

function* checkReview({ metadata, spec = {} }: LocalSubjectAccessReview): FieldErrors {
  yield* checkAttributes(spec);
  yield* checkSubject(spec);
  yield* checkEmptyMetadata(metadata, { mayHaveNamespace: true });
  const { resourceAttributes, nonResourceAttributes } = spec;
  const namespace = resourceAttributes?.namespace ?? '';
  if (resourceAttributes && namespace !== (metadata.namespace ?? ''))
    yield invalidValue('spec.resourceAttributes.namespace', namespace, 'must match metadata.namespace');
  if (nonResourceAttributes)
    yield invalidValue('spec.nonResourceAttributes', nonResourceAttributes, 'disallowed on this kind of request');
}
