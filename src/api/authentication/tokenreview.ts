/** TokenReview: asks whom a bearer token belongs to. */
import type { TokenReview } from '#api/gen/authentication-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<TokenReview>({
  group: 'authentication.k8s.io',
  versions: ['v1'],
  kind: 'TokenReview',
  namespaced: false,
  verbs: ['create'],
});
