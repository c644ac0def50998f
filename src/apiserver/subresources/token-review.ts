/**
 * TokenReview and SelfSubjectReview: whom a token, or the request itself, belongs to.
 * https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
 */
import selfSubjectReviewResource from '#api/authentication/selfsubjectreview.js';
import tokenReviewResource from '#api/authentication/tokenreview.js';
import type { SelfSubjectReview, TokenReview } from '#api/gen/authentication-v1.js';
import { badRequest, isReason } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { describeUser } from '../authentication/authenticator.js';
import { rejectionReason, type UnionAuthenticator } from '../authentication/union.js';
import type { SubresourceHandler } from './subresource.js';

/** `audiences` are the API server's own, for a review that names none. */
export function tokenReviewHandler({
  authenticator,
  audiences: own,
}: {
  authenticator: Pick<UnionAuthenticator, 'identify'>;
  audiences: readonly string[];
}): SubresourceHandler {
  return {
    resource: tokenReviewResource,
    name: '',
    answersBody: true,
    async create(_call, body) {
      const review = body as TokenReview;
      const { token, audiences = [] } = review.spec;
      if (!token) throw badRequest('token is required for TokenReview in authentication');
      const wanted = audiences.length > 0 ? audiences : [...own];
      try {
        const found = await authenticator.identify({ bearerToken: token }, { audiences: wanted });
        review.status = found
          ? { authenticated: true, user: describeUser(found.user), audiences: [...(found.audiences ?? wanted)] }
          : { user: {} };
      } catch (error) {
        if (!isReason(error, 'Unauthorized')) throw error;
        review.status = { user: {}, error: rejectionReason(error) };
      }
      return review;
    },
  };
}

export function selfSubjectReviewHandler({ clock }: { clock: Clock }): SubresourceHandler {
  return {
    resource: selfSubjectReviewResource,
    name: '',
    async create({ user }, body) {
      const review = body as SelfSubjectReview;
      const metadata = { creationTimestamp: formatTime(clock.now()) };
      // The answer repeats nothing of what was sent.
      return { ...review, metadata, status: { userInfo: describeUser(user) } };
    },
  };
}
