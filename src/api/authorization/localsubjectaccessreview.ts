/** LocalSubjectAccessReview: asks whether somebody may do something in one namespace. */
import type { LocalSubjectAccessReview } from '#api/gen/authorization-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  versions: ['v1'],
  kind: 'LocalSubjectAccessReview',
  namespaced: true,
  verbs: ['create'],
});
