/**
 * One issuer of tokens: where its keys are, found by OpenID Connect Discovery, and the keys, kept and fetched again when
 * a token is signed by one that is new. https://openid.net/specs/openid-connect-discovery-1_0.html
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { Clock } from '#base/clock.js';
import { type AlgorithmName, algorithmNames, JwsError, type VerificationKey, verifyToken } from '#base/jws.js';
import { Remote } from '#base/remote.js';
import { rejected } from '../union.js';

export interface IssuerOptions {
  url: string;
  /** Where the configuration is, when not below `url`. */
  discoveryUrl?: string;
  /** PEM. Left out: the system's certificate authorities. */
  certificateAuthority?: string;
  algorithms: readonly AlgorithmName[];
  clock: Clock;
}

const timeoutMs = 30_000;
/** Between two looks at an issuer that could not be reached, or whose keys did not fit. */
const retryMs = 10_000;
const keysMax = 1000;

interface Document {
  issuer?: unknown;
  jwks_uri?: unknown;
}

export class Issuer {
  readonly #options: IssuerOptions;
  #keysUrl: string | undefined;
  #keys: readonly VerificationKey[] = [];
  #fetching: Promise<void> | undefined;
  #fetchedMs = Number.NEGATIVE_INFINITY;
  #failure: Error | undefined;

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  /** Why tokens of this issuer cannot be verified now; undefined when they can. */
  get problem(): string | undefined {
    return this.#failure?.message ?? (this.#keysUrl ? undefined : 'not initialized');
  }

  /** The claims of a token that this issuer has signed. Throws StatusError (401). */
  async verify(token: string): Promise<Record<string, unknown>> {
    const { algorithms } = this.#options;
    let failure: unknown;
    for (const fresh of [false, true]) {
      if (fresh || this.#keys.length === 0) await this.refresh();
      try {
        return verifyToken(token, this.#keys, { algorithms });
      } catch (error) {
        if (!(error instanceof JwsError)) throw error;
        failure = error;
      }
    }
    throw rejected(`oidc: verify token: ${(failure as Error).message}`, { cause: failure });
  }

  /** Reads configuration and keys, unless that was tried a short while ago. Throws StatusError (401). */
  async refresh(): Promise<void> {
    const { clock } = this.#options;
    if (!this.#fetching && clock.monotonic() - this.#fetchedMs < retryMs) {
      if (this.#failure) throw rejected('oidc: authenticator not initialized', { cause: this.#failure });
      return;
    }
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
    if (this.#failure) throw rejected('oidc: authenticator not initialized', { cause: this.#failure });
  }

  async #fetch(): Promise<void> {
    this.#fetchedMs = this.#options.clock.monotonic();
    try {
      this.#keysUrl ??= await this.#discover();
      const { keys } = (await this.#read(this.#keysUrl)) as { keys?: JsonWebKey[] };
      this.#keys = (Array.isArray(keys) ? keys : []).slice(0, keysMax).flatMap(keyOf);
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }

  async #discover(): Promise<string> {
    const { url, discoveryUrl } = this.#options;
    const wellKnown = `${url.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const { issuer, jwks_uri: keysUrl } = (await this.#read(discoveryUrl ?? wellKnown)) as Document;
    if (issuer !== url) {
      const found = JSON.stringify(issuer ?? '');
      throw new Error(`oidc: issuer did not match the issuer returned by provider, expected "${url}" got ${found}`);
    }
    if (typeof keysUrl !== 'string' || !keysUrl) throw new Error('provider did not return JWKS URL');
    return keysUrl;
  }

  async #read(url: string): Promise<unknown> {
    const { clock, certificateAuthority: ca } = this.#options;
    const remote = new Remote({ url, clock, ca });
    try {
      const { status, text } = await remote.request({ method: 'GET', timeoutMs });
      if (status !== 200) throw new Error(`${url}: HTTP status ${status}: ${text.slice(0, 200)}`);
      return JSON.parse(text);
    } finally {
      remote.close();
    }
  }
}

/** None for a key of a sort that we do not know, or for another use: the others still hold. */
function keyOf(jwk: JsonWebKey): VerificationKey[] {
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return [];
  const algorithm = algorithmNames.find((name) => name === jwk['alg']);
  if (jwk['alg'] !== undefined && !algorithm) return [];
  try {
    return [{ id: String(jwk['kid'] ?? ''), algorithm, key: createPublicKey({ key: jwk, format: 'jwk' }) }];
  } catch {
    return [];
  }
}
