/**
 * What the endless tokens of service accounts say, which stand in secrets: written by a controller, read by the API server.
 * https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#manual-secret-management-for-serviceaccounts
 */
import type { KubeObject } from './object.js';

export const legacyIssuer = 'kubernetes/serviceaccount';
/** The type of such secrets. */
export const tokenType = 'kubernetes.io/service-account-token';
export const tokenAnnotations = {
  name: 'kubernetes.io/service-account.name',
  uid: 'kubernetes.io/service-account.uid',
};
export const lastUsedLabel = 'kubernetes.io/legacy-token-last-used';
export const invalidSinceLabel = 'kubernetes.io/legacy-token-invalid-since';
export const legacyClaimPrefix = 'kubernetes.io/serviceaccount';

export function legacyTokenClaims(secret: KubeObject, account: KubeObject): object {
  const { namespace = '', name = '', uid } = account.metadata;
  return {
    iss: legacyIssuer,
    [`${legacyClaimPrefix}/namespace`]: namespace,
    [`${legacyClaimPrefix}/secret.name`]: secret.metadata.name,
    [`${legacyClaimPrefix}/service-account.name`]: name,
    [`${legacyClaimPrefix}/service-account.uid`]: uid,
    sub: `system:serviceaccount:${namespace}:${name}`,
  };
}
