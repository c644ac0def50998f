/** SubjectAccessReview: asks whether somebody may do something. */
import type { SubjectAccessReview } from '#api/gen/authorization-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  versions: ['v1'],
  kind: 'SubjectAccessReview',
  namespaced: false,
  verbs: ['create'],
});
