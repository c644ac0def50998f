/**
 * Tokens of which another server knows whose they are: it is asked by a TokenReview.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication
 */
import type { TokenReview } from '#api/gen/authentication-v1.js';
import type { Clock } from '#base/clock.js';
import { freeze } from '#base/json.js';
import { askRemote, openRemote } from '../remote.js';
import type { Authenticator } from './authenticator.js';
import { remembering } from './tokens.js';
import { rejected } from './union.js';

export interface TokenWebhookOptions {
  /** Of a kubeconfig. */
  path: string;
  version: 'v1' | 'v1beta1';
  cacheMs: number;
  /** The API server's own audiences. */
  audiences: readonly string[];
}

export async function openTokenWebhook(
  { path, version, cacheMs, audiences: own }: TokenWebhookOptions,
  clock: Clock,
): Promise<Authenticator> {
  const remote = await openRemote(path, { clock });
  const webhook: Authenticator = {
    name: 'webhook',
    async authenticate({ bearerToken: token }, options = {}) {
      if (!token) return undefined;
      const wanted = options.audiences?.length ? options.audiences : own;
      const review = {
        kind: 'TokenReview',
        apiVersion: `authentication.k8s.io/${version}`,
        metadata: { creationTimestamp: null },
        spec: { token, audiences: wanted },
        status: { user: {} },
      };
      const { status } = await askRemote<TokenReview>(remote, review, clock).catch((error: unknown) => {
        throw rejected(error instanceof Error ? error.message : String(error), { cause: error });
      });
      const audiences = status?.audiences?.length
        ? status.audiences.filter((audience) => wanted.includes(audience))
        : // One that does not know of audiences can only speak for the API server's own.
          wanted.filter((audience) => own.includes(audience));
      if (!status?.authenticated) {
        if (status?.error) throw rejected(status.error);
        return undefined;
      }
      if (audiences.length === 0) return undefined;
      const { username: name = '', uid, groups = [], extra } = status.user ?? {};
      return { user: freeze({ name, uid, groups, extra }), audiences };
    },
  };
  return remembering(webhook, { clock, successMs: cacheMs, failureMs: cacheMs });
}
