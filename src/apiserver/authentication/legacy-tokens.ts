/**
 * Tokens of service accounts that stand in secrets, without an end: they hold as long as secret and account are there.
 * https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#manual-secret-management-for-serviceaccounts
 */
import type { Secret, ServiceAccount } from '#api/gen/core-v1.js';
import { invalidSinceLabel, lastUsedLabel, legacyClaimPrefix, legacyIssuer } from '#apimachinery/legacy-token.js';
import type { Clock } from '#base/clock.js';
import { freeze } from '#base/json.js';
import { JwsError, peekClaims, type VerificationKey, verifyToken } from '#base/jws.js';
import type { TokenUse } from '../metrics/token-metrics.js';
import type { Authenticator } from './authenticator.js';
import { type BoundObjects, serviceAccountGroups, serviceAccountUserName } from './service-account-tokens.js';
import { rejected } from './union.js';

export interface LegacyTokenOptions {
  keys: readonly VerificationKey[];
  objects: BoundObjects;
  clock: Clock;
  /** Notes on the secret that its token was used on this day; failing to is no reason to refuse it. */
  noteUse(secret: Secret, day: string): Promise<void>;
  /** Told of every token that is the server's own. */
  observe?: TokenUse | undefined;
}

export function legacyTokens({ keys, objects, clock, noteUse, observe }: LegacyTokenOptions): Authenticator {
  return {
    name: 'legacy service account token',
    async authenticate({ bearerToken: token }) {
      if (!token || peekClaims(token)?.['iss'] !== legacyIssuer) return undefined;
      const { namespace, secretName, name, uid } = claimsOf(token, keys);
      const secret = (await objects.get('Secret', { namespace, name: secretName })) as Secret | undefined;
      if (!secret || secret.metadata.deletionTimestamp) throw rejected('token has been invalidated');
      if (Buffer.from(secret.data?.['token'] ?? '', 'base64').toString() !== token)
        throw rejected("token doesn't match server's copy");
      const isInvalid = Boolean(secret.metadata.labels?.[invalidSinceLabel]);
      const account = await requireAccount(objects, { namespace, name, uid });
      observe?.legacy({ isAutomatic: (account.secrets ?? []).some((one) => one.name === secretName), isInvalid });
      const day = new Date(clock.now()).toISOString().slice(0, 10);
      if (secret.metadata.labels?.[lastUsedLabel] !== day) await noteUse(secret, day);
      if (isInvalid) throw rejected(`the token in secret ${namespace}/${secretName} has been marked invalid`);
      const user = { name: serviceAccountUserName({ namespace, name }), uid, groups: serviceAccountGroups(namespace) };
      return { user: freeze(user) };
    },
  };
}

function claimsOf(token: string, keys: readonly VerificationKey[]) {
  let claims: Record<string, unknown>;
  try {
    claims = verifyToken(token, keys);
  } catch (error) {
    if (error instanceof JwsError) throw rejected(error.message, { cause: error });
    throw error;
  }
  const text = (key: string) => String(claims[`${legacyClaimPrefix}/${key}`] ?? '');
  const found = {
    namespace: text('namespace'),
    secretName: text('secret.name'),
    name: text('service-account.name'),
    uid: text('service-account.uid'),
  };
  if (Object.values(found).includes('')) throw rejected('could not get required claims');
  if (claims['sub'] !== serviceAccountUserName(found)) throw rejected('sub claim is invalid');
  return found;
}

async function requireAccount(
  objects: BoundObjects,
  { namespace, name, uid }: { namespace: string; name: string; uid: string },
): Promise<ServiceAccount> {
  const account = (await objects.get('ServiceAccount', { namespace, name })) as ServiceAccount | undefined;
  if (!account) throw rejected(`serviceaccounts "${name}" not found`);
  if (account.metadata.deletionTimestamp) throw rejected(`ServiceAccount ${namespace}/${name} has been deleted`);
  if (account.metadata.uid !== uid)
    throw rejected(`ServiceAccount UID (${account.metadata.uid}) does not match claim (${uid})`);
  return account;
}
