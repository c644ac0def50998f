/**
 * Tokens of service accounts: issuing them, and telling whom one belongs to. The claims are upstream's, since pods and
 * cloud identity services read them. https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
 */
import type { KeyObject } from 'node:crypto';
import type { KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { freeze } from '#base/json.js';
import { JwsError, peekClaims, signToken, type VerificationKey, verificationKey, verifyToken } from '#base/jws.js';
import { type Prng, uuid } from '#base/prng.js';
import { RecentMap } from '#client/recent-map.js';
import { quoteList } from '../authorization/rbac/rules.js';
import type { TokenUse } from '../metrics/token-metrics.js';
import type { Authenticated, Authenticator, Credentials, UserInfo } from './authenticator.js';
import { rejected } from './union.js';

/** Answers remembered, and for how long: a deleted pod's token holds on for at most this. */
export const tokensMax = 4096;
export const tokenTtlMs = 10_000;
/** An object being deleted still vouches for its tokens this long after its deletionTimestamp. */
const deletionLeewayMs = 60_000;

/** Looks up what a token may be bound to; undefined when there is none of that name. */
export interface BoundObjects {
  get(kind: BoundKind, key: { namespace: string; name: string }): Promise<KubeObject | undefined>;
}

export type BoundKind = 'ServiceAccount' | 'Pod' | 'Secret' | 'Node';

export interface TokenOptions {
  /** The `iss` claim. Tokens of further issuers are accepted, but not made. */
  issuer: string;
  acceptedIssuers?: readonly string[];
  /** What the API server itself answers to. Default: the issuer. */
  audiences?: readonly string[];
  key: KeyObject;
  /** Further ones whose tokens hold, beside those of `key`. */
  verificationKeys?: readonly KeyObject[];
  /** Tokens asked for for longer end then. */
  maxExpirationSeconds?: number;
  /** Whether tokens mounted by default live for a year. Default: true. */
  extendsExpiration?: boolean;
  clock: Clock;
  prng: Prng;
  objects: BoundObjects;
  /** Told of every token that was looked into and holds. */
  observe?: TokenUse | undefined;
}

interface Reference {
  name: string;
  uid: string;
}

interface PrivateClaims {
  namespace: string;
  serviceaccount: Reference;
  pod?: Reference;
  secret?: Reference;
  node?: Reference;
  /** Seconds since the epoch: when a client should have fetched a new token. */
  warnafter?: number;
}

export interface TokenContents {
  namespace: string;
  serviceAccount: Reference;
  pod?: Reference;
  secret?: Reference;
  node?: Reference;
  audiences: readonly string[];
  expirationSeconds: number;
  warnAfterSeconds?: number;
}

interface Remembered {
  answer: Authenticated;
  untilMs: number;
}

export function serviceAccountUserName({ namespace, name }: { namespace: string; name: string }): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

export function serviceAccountGroups(namespace: string): string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

/** Both ends of a token's life. */
export class ServiceAccountTokens implements Authenticator {
  readonly name = 'service account token';
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly verificationKeys: readonly VerificationKey[];
  readonly signingKey: KeyObject;
  readonly maxExpirationSeconds: number | undefined;
  readonly extendsExpiration: boolean;
  readonly #options: TokenOptions;
  readonly #issuers: ReadonlySet<string>;
  readonly #remembered = new RecentMap<string, Remembered>(tokensMax);

  constructor(options: TokenOptions) {
    this.#options = options;
    this.issuer = options.issuer;
    this.signingKey = options.key;
    this.maxExpirationSeconds = options.maxExpirationSeconds;
    this.extendsExpiration = options.extendsExpiration ?? true;
    this.audiences = options.audiences ?? [options.issuer];
    const keys = [options.key, ...(options.verificationKeys ?? [])].map(verificationKey);
    this.verificationKeys = keys.filter(({ id }, index) => keys.findIndex((one) => one.id === id) === index);
    this.#issuers = new Set([options.issuer, ...(options.acceptedIssuers ?? [])]);
  }

  /** A signed token and when it ends, in milliseconds since the epoch. */
  issue(contents: TokenContents): { token: string; id: string; expiresMs: number } {
    const { clock, prng, key } = this.#options;
    const { namespace, pod, secret, node, audiences, expirationSeconds, warnAfterSeconds } = contents;
    const nowSeconds = Math.floor(clock.now() / 1000);
    const expires = nowSeconds + expirationSeconds;
    const own: PrivateClaims = { namespace, node, pod, secret, serviceaccount: contents.serviceAccount };
    if (warnAfterSeconds !== undefined) own.warnafter = nowSeconds + warnAfterSeconds;
    const id = uuid(prng);
    const claims = {
      aud: audiences,
      exp: expires,
      iat: nowSeconds,
      iss: this.issuer,
      jti: id,
      'kubernetes.io': own,
      nbf: nowSeconds,
      sub: serviceAccountUserName({ namespace, name: contents.serviceAccount.name }),
    };
    return { token: signToken(claims, key), id, expiresMs: expires * 1000 };
  }

  async authenticate(
    { bearerToken }: Credentials,
    { audiences = [] }: { audiences?: readonly string[] } = {},
  ): Promise<Authenticated | undefined> {
    if (!bearerToken) return undefined;
    const nowMs = this.#options.clock.now();
    const id = `${audiences.join(' ')} ${bearerToken}`;
    const remembered = this.#remembered.get(id);
    if (remembered && nowMs < remembered.untilMs) return remembered.answer;
    if (!this.#issuers.has(String(peekClaims(bearerToken)?.['iss']))) return undefined;
    const { answer, expiresMs } = await this.#verify(bearerToken, audiences.length > 0 ? audiences : this.audiences);
    this.#remembered.set(id, { answer, untilMs: Math.min(nowMs + tokenTtlMs, expiresMs) });
    return answer;
  }

  async #verify(token: string, wanted: readonly string[]): Promise<{ answer: Authenticated; expiresMs: number }> {
    const claims = this.#checkedClaims(token);
    const given = [claims['aud'] ?? []].flat().map(String);
    const audiences = wanted.filter((audience) => given.includes(audience));
    if (audiences.length === 0)
      throw rejected(`token audiences ${quoteList(given)} is invalid for the target audiences ${quoteList(wanted)}`);
    const own = readPrivateClaims(claims);
    if (claims['sub'] !== serviceAccountUserName({ namespace: own.namespace, name: own.serviceaccount.name }))
      throw rejected('the token’s subject is not its service account');
    await this.#requireAll(own);
    const { observe, clock } = this.#options;
    observe?.bound(own.warnafter !== undefined && clock.now() / 1000 > own.warnafter);
    return { answer: { user: userOf(own, claims['jti']), audiences }, expiresMs: Number(claims['exp']) * 1000 };
  }

  #checkedClaims(token: string): Record<string, unknown> {
    let claims: Record<string, unknown>;
    try {
      claims = verifyToken(token, this.verificationKeys);
    } catch (error) {
      if (error instanceof JwsError) throw rejected(error.message, { cause: error });
      throw error;
    }
    const nowSeconds = this.#options.clock.now() / 1000;
    const { exp, nbf } = claims;
    if (typeof exp !== 'number' || nowSeconds > exp) throw rejected('service account token has expired');
    if (typeof nbf === 'number' && nowSeconds < nbf) throw rejected('service account token is not valid yet');
    return claims;
  }

  /** The account, and what the token is bound to, must still be the ones that it was made for. */
  async #requireAll({ namespace, serviceaccount, secret, pod, node }: PrivateClaims): Promise<void> {
    await this.#require('ServiceAccount', { namespace, ...serviceaccount });
    if (secret) await this.#require('Secret', { namespace, ...secret });
    if (pod) await this.#require('Pod', { namespace, ...pod });
    // With a pod, the node is told for information only: the pod going is what ends the token.
    else if (node) await this.#require('Node', { namespace: '', ...node });
  }

  async #require(kind: BoundKind, { namespace, name, uid }: Reference & { namespace: string }): Promise<void> {
    const object = await this.#options.objects.get(kind, { namespace, name });
    const isAccount = kind === 'ServiceAccount';
    if (!object) throw rejected(isAccount ? `serviceaccounts "${name}" not found` : invalidated);
    const { deletionTimestamp, uid: found } = object.metadata;
    if (deletionTimestamp && Date.parse(deletionTimestamp) < this.#options.clock.now() - deletionLeewayMs)
      throw rejected(isAccount ? `ServiceAccount ${namespace}/${name} has been deleted` : invalidated);
    if (found === uid) return;
    if (isAccount) throw rejected(`ServiceAccount UID (${found}) does not match claim (${uid})`);
    const what = kind.toLowerCase();
    throw rejected(`${what} UID (${found}) does not match service account ${what} ref claim (${uid})`);
  }
}

const invalidated = 'service account token has been invalidated';

function readPrivateClaims(claims: Record<string, unknown>): PrivateClaims {
  const own = claims['kubernetes.io'] as Partial<PrivateClaims> | undefined;
  if (typeof own?.namespace !== 'string' || typeof own.serviceaccount?.name !== 'string')
    throw rejected('the token names no service account');
  return own as PrivateClaims;
}

const extraKeys = 'authentication.kubernetes.io';

function userOf({ namespace, serviceaccount, pod, node }: PrivateClaims, tokenId: unknown): UserInfo {
  const extra: Record<string, string[]> = {};
  if (typeof tokenId === 'string' && tokenId) extra[`${extraKeys}/credential-id`] = [`JTI=${tokenId}`];
  if (pod) {
    extra[`${extraKeys}/pod-name`] = [pod.name];
    extra[`${extraKeys}/pod-uid`] = [pod.uid];
  }
  if (node) {
    extra[`${extraKeys}/node-name`] = [node.name];
    if (node.uid) extra[`${extraKeys}/node-uid`] = [node.uid];
  }
  return freeze({
    name: serviceAccountUserName({ namespace, name: serviceaccount.name }),
    uid: serviceaccount.uid,
    groups: serviceAccountGroups(namespace),
    extra,
  });
}
