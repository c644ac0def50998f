/** SubjectAccessReview: asks whether somebody may do something. */
import type { SubjectAccessReview } from '#api/gen/authorization-v1.js';
import { defineResource } from '../resource.js';
import { checkAttributes, checkEmptyMetadata, checkSubject } from './rules.js';

export default defineResource<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  versions: ['v1'],
  kind: 'SubjectAccessReview',
  namespaced: false,
  verbs: ['create'],
  validate: ({ spec, metadata }) => [...checkAttributes(spec), ...checkSubject(spec), ...checkEmptyMetadata(metadata)],
});
