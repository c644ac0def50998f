/** SelfSubjectAccessReview: asks whether the caller may do something. */
import type { SelfSubjectAccessReview } from '#api/gen/authorization-v1.js';
import { defineResource } from '../resource.js';
import { checkAttributes, checkEmptyMetadata } from './rules.js';

export default defineResource<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  versions: ['v1'],
  kind: 'SelfSubjectAccessReview',
  namespaced: false,
  verbs: ['create'],
  validate: ({ spec, metadata }) => [...checkAttributes(spec), ...checkEmptyMetadata(metadata)],
});
