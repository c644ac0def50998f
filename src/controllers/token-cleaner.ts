/** Deletes bootstrap tokens that have expired. https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/ */
import secrets from '#api/core/secret.js';
import type { Secret } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { expiresInMs, isBootstrapToken } from './bootstrap-tokens.js';
import { defineController } from './runtime.js';

/** No timer of ours is set for longer. */
const waitMsMax = 24 * 60 * 60_000;

export default defineController<Secret, undefined>({
  name: 'token-cleaner',
  for: secrets,
  concerns: isBootstrapToken,
  async reconcile({ key, name, namespace }, { client, informers, clock }) {
    const secret = informers.of(secrets).get(key);
    if (!secret || !isBootstrapToken(secret)) return undefined;
    const leftMs = expiresInMs(secret, clock.now());
    if (leftMs === undefined) return undefined;
    if (leftMs > 0) return { afterMs: Math.min(leftMs, waitMsMax) };
    try {
      await client.of(secrets).delete(name, { namespace, preconditions: { uid: secret.metadata.uid } });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    return undefined;
  },
});
