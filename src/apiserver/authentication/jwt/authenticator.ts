/**
 * Tokens of an OpenID Connect provider, or of any issuer of signed JSON tokens: verified, judged by the configuration's
 * rules, and mapped to a user.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens
 */
import type { JWTAuthenticator } from '#api/gen/apiserver-v1.js';
import type { Clock } from '#base/clock.js';
import { freeze } from '#base/json.js';
import { peekClaims } from '#base/jws.js';
import { quoteList } from '../../authorization/rbac/rules.js';
import type { Authenticated, Authenticator, Credentials, UserInfo } from '../authenticator.js';
import { rejected } from '../union.js';
import type { ClaimRules } from './claims.js';
import { expandDistributed } from './distributed.js';
import type { Issuer } from './issuer.js';

export type Claims = Record<string, unknown>;

/** How far a token's `nbf` may lie ahead of our clock. */
const notBeforeLeewaySeconds = 300;
const googleShort = 'accounts.google.com';

export interface JwtOptions {
  configuration: JWTAuthenticator;
  rules: ClaimRules;
  issuer: Issuer;
  /** Makes an issuer that a distributed claim is signed by. */
  issuerOf: (url: string) => Issuer;
  clock: Clock;
}

export class JwtAuthenticator implements Authenticator {
  readonly name: string;
  readonly #options: JwtOptions;

  constructor(options: JwtOptions) {
    this.#options = options;
    this.name = `jwt ${options.issuer.url}`;
  }

  async authenticate({ bearerToken }: Credentials): Promise<Authenticated | undefined> {
    const { configuration, rules, issuer, issuerOf, clock } = this.#options;
    if (!bearerToken || issuerNamed(bearerToken) !== issuer.url) return undefined;
    const claims = await issuer.verify(bearerToken);
    const audiences = configuration.issuer?.audiences ?? [];
    requireTime(claims, clock.now() / 1000);
    requireAudience(claims, audiences);
    const groupsClaim = configuration.claimMappings?.groups?.claim;
    if (groupsClaim) {
      const verify = async (token: string) => {
        const source = issuerOf(issuerNamed(token) ?? '');
        const distributed = await source.verify(token);
        requireTime(distributed, clock.now() / 1000);
        requireAudience(distributed, audiences);
        return distributed;
      };
      await expandDistributed(claims, { claim: groupsClaim, verify, clock });
    }
    const user = this.#userOf(claims);
    rules.validate(claims, user);
    return { user: freeze(user) };
  }

  #userOf(claims: Claims): UserInfo {
    const { rules } = this.#options;
    const extra = rules.extra(claims);
    if (typeof claims['jti'] === 'string' && claims['jti'])
      extra['authentication.kubernetes.io/credential-id'] ??= [`JTI=${claims['jti']}`];
    const uid = rules.uid(claims);
    return {
      name: rules.username(claims),
      ...(uid && { uid }),
      groups: rules.groups(claims),
      ...(Object.keys(extra).length > 0 && { extra }),
    };
  }
}

function issuerNamed(token: string): string | undefined {
  const issuer = peekClaims(token)?.['iss'];
  if (issuer === googleShort) return `https://${googleShort}`;
  return typeof issuer === 'string' ? issuer : undefined;
}

function requireTime({ exp, nbf }: Claims, nowSeconds: number): void {
  if (typeof exp !== 'number' || exp < nowSeconds) throw rejected('oidc: verify token: oidc: token is expired');
  if (typeof nbf === 'number' && nowSeconds + notBeforeLeewaySeconds < nbf)
    throw rejected('oidc: verify token: oidc: current time is before the nbf (not before) time');
}

function requireAudience({ aud }: Claims, wanted: readonly string[]): void {
  const given = [aud ?? []].flat().map(String);
  if (wanted.some((audience) => given.includes(audience))) return;
  throw rejected(`oidc: verify token: oidc: expected audience in ${quoteList(wanted)} got ${quoteList(given)}`);
}
