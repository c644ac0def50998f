/** SelfSubjectReview: asks whom the server takes the caller for. */
import type { SelfSubjectReview } from '#api/gen/authentication-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  versions: ['v1'],
  kind: 'SelfSubjectReview',
  namespaced: false,
  verbs: ['create'],
});
