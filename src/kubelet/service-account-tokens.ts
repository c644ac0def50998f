/** Tokens of service accounts, bound to a pod, asked for through TokenRequest and renewed before they end. */

import serviceAccounts from '#api/core/serviceaccount.js';
import type { TokenRequest } from '#api/gen/authentication-v1.js';
import type { Pod, ServiceAccount } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import type { Client } from '#client/client.js';

export interface TokenSource {
  get(request: TokenInput): Promise<{ token: string; renewInMs: number }>;
  forget(podUid: string): void;
}

export interface TokenInput {
  pod: Pod;
  /** Default: the API server. */
  audience?: string;
  expirationSeconds: number;
}

interface CachedToken {
  token: string;
  renewAtMs: number;
}

/** A token is renewed when 80 % of its life is over, or after a day. */
const renewAfterFraction = 0.8;
const renewAfterMsMax = 24 * 3_600_000;

export class ServiceAccountTokens implements TokenSource {
  readonly #client: Client;
  readonly #clock: Clock;
  /** By pod uid, and there by audience and lifetime: bounded by the pods on the node. */
  readonly #tokens = new Map<string, Map<string, CachedToken>>();

  constructor({ client, clock }: { client: Client; clock: Clock }) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Throws StatusError. When a renewal fails, the old token serves as long as it is valid. */
  async get({ pod, audience, expirationSeconds }: TokenInput): Promise<{ token: string; renewInMs: number }> {
    const { uid = '' } = pod.metadata;
    let ofPod = this.#tokens.get(uid);
    if (!ofPod) this.#tokens.set(uid, (ofPod = new Map()));
    const key = `${pod.spec.serviceAccountName}|${audience ?? ''}|${expirationSeconds}`;
    const cached = ofPod.get(key);
    if (cached && cached.renewAtMs > this.#clock.now()) {
      return { token: cached.token, renewInMs: cached.renewAtMs - this.#clock.now() };
    }
    const fresh = await this.#request({ pod, audience, expirationSeconds });
    ofPod.set(key, fresh);
    return { token: fresh.token, renewInMs: fresh.renewAtMs - this.#clock.now() };
  }

  forget(podUid: string): void {
    this.#tokens.delete(podUid);
  }

  async #request({ pod, audience, expirationSeconds }: TokenInput): Promise<CachedToken> {
    const { name, namespace, uid } = pod.metadata;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience ? [audience] : [],
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const askedAtMs = this.#clock.now();
    const { status } = await this.#client.of<ServiceAccount>(serviceAccounts).subresource<TokenRequest>({
      method: 'POST',
      name: pod.spec.serviceAccountName || 'default',
      namespace,
      subresource: 'token',
      body,
    });
    const lifeMs = Date.parse(status?.expirationTimestamp ?? '') - askedAtMs;
    const usableMs = Number.isFinite(lifeMs) && lifeMs > 0 ? lifeMs : expirationSeconds * 1000;
    return {
      token: status?.token ?? '',
      renewAtMs: askedAtMs + Math.min(usableMs * renewAfterFraction, renewAfterMsMax),
    };
  }
}
