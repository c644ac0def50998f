/**
 * The documents by which others verify our service accounts' tokens (OpenID Connect Discovery 1.0).
 * https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
 */
import { jsonWebKey, type VerificationKey } from '#base/jws.js';

export interface DiscoveryDocument {
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** `keysUrl` is where clients reach `/openid/v1/jwks`. */
export function issuerDiscovery({
  issuer,
  keysUrl,
  keys,
}: {
  issuer: string;
  keysUrl: string;
  keys: readonly VerificationKey[];
}): DiscoveryDocument[] {
  const configuration = {
    issuer,
    jwks_uri: keysUrl,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(keys.map(({ algorithm }) => algorithm))],
  };
  const cached = { 'cache-control': 'public, max-age=3600' };
  return [
    {
      path: '/.well-known/openid-configuration',
      headers: { ...cached, 'content-type': 'application/json' },
      body: JSON.stringify(configuration),
    },
    {
      path: '/openid/v1/jwks',
      headers: { ...cached, 'content-type': 'application/jwk-set+json' },
      body: JSON.stringify({ keys: keys.map(jsonWebKey) }),
    },
  ];
}
