/** SelfSubjectRulesReview: asks for all that the caller may do in a namespace. */
import type { SelfSubjectRulesReview } from '#api/gen/authorization-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<SelfSubjectRulesReview>({
  group: 'authorization.k8s.io',
  versions: ['v1'],
  kind: 'SelfSubjectRulesReview',
  namespaced: false,
  verbs: ['create'],
});
