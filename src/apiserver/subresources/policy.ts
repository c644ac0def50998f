/** The handlers of subresources and reviews that need only the registry, identity and policy, as one table. */
import type { Clock } from '#base/clock.js';
import type { ServiceAccountTokens } from '../authentication/service-account-tokens.js';
import type { UnionAuthenticator } from '../authentication/union.js';
import type { Authorizer } from '../authorization/authorizer.js';
import type { RbacAuthorizer } from '../authorization/rbac/rbac.js';
import { type AccessReviewDependencies, accessReviewHandlers } from './access-review.js';
import { approvalHandler } from './approval.js';
import { bindingHandlers } from './binding.js';
import { type ComponentHealth, componentStatusHandler } from './component-status.js';
import { evictionHandler } from './eviction.js';
import { podSpecHandlers } from './pod-spec.js';
import { scaleHandler } from './scale.js';
import type { SubresourceHandler } from './subresource.js';
import { tokenHandler } from './token.js';
import { selfSubjectReviewHandler, tokenReviewHandler } from './token-review.js';

export interface PolicyHandlerDependencies {
  clock: Clock;
  tokens: ServiceAccountTokens;
  authenticator: UnionAuthenticator;
  authorizer: Authorizer;
  rbac: RbacAuthorizer;
  whoCannotTell: AccessReviewDependencies['whoCannotTell'];
  components: readonly ComponentHealth[];
}

export function policyHandlers(dependencies: PolicyHandlerDependencies): SubresourceHandler[] {
  const { tokens, components } = dependencies;
  return [
    tokenHandler(tokens),
    tokenReviewHandler({ ...dependencies, audiences: tokens.audiences }),
    selfSubjectReviewHandler(dependencies),
    ...accessReviewHandlers(dependencies),
    ...bindingHandlers(dependencies),
    evictionHandler(dependencies),
    scaleHandler,
    ...podSpecHandlers,
    approvalHandler(dependencies),
    componentStatusHandler(components),
  ];
}
