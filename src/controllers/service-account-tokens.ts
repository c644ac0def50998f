/**
 * Fills secrets of type kubernetes.io/service-account-token, which people make to have a token without an end, and
 * deletes them when their account has gone.
 * https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#token-controller
 */
import secrets from '#api/core/secret.js';
import serviceAccounts from '#api/core/serviceaccount.js';
import type { Secret } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { legacyTokenClaims, tokenAnnotations, tokenType } from '#apimachinery/legacy-token.js';
import { signToken } from '#base/jws.js';
import { defineController, watch } from './runtime.js';

const { name: nameAnnotation, uid: uidAnnotation } = tokenAnnotations;
const byAccount = 'serviceAccount';

export default defineController<Secret, undefined>({
  name: 'service-account-token-controller',
  account: 'kube-controller-manager',
  for: secrets,
  watches: ({ informers }) => {
    informers.of(secrets).addIndex(byAccount, (secret) => {
      const account = accountOf(secret);
      return account ? [account] : [];
    });
    return [
      watch(serviceAccounts, ({ metadata: { namespace, name } }) =>
        informers
          .of(secrets)
          .byIndex(byAccount, `${namespace}/${name}`)
          .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
      ),
    ];
  },
  async reconcile({ key, namespace, name }, { client, informers, rootCa, serviceAccountKey }) {
    const secret = informers.of(secrets).get(key);
    const accountKey = secret && accountOf(secret);
    if (!secret || !accountKey || !serviceAccountKey) return undefined;
    const wantedUid = secret.metadata.annotations?.[uidAnnotation];
    const account = informers.of(serviceAccounts).get(accountKey);
    const { uid } = secret.metadata;
    if (!account || (wantedUid && wantedUid !== account.metadata.uid)) {
      // The informer may lag behind: an account that has only just been made must not cost its secret.
      if (await isThere(accountKey, wantedUid)) return { afterMs: 1000 };
      await client.of(secrets).delete(name, { namespace, preconditions: { uid } });
      return undefined;
    }
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const token = () => base64(signToken(legacyTokenClaims(secret, account), serviceAccountKey));
    const data = {
      ...secret.data,
      'ca.crt': base64(rootCa),
      namespace: base64(namespace),
      token: secret.data?.['token'] || token(),
    };
    const isWhole =
      wantedUid && (['ca.crt', 'namespace', 'token'] as const).every((field) => secret.data?.[field] === data[field]);
    if (isWhole) return undefined;
    const annotations = { ...secret.metadata.annotations, [uidAnnotation]: account.metadata.uid! };
    await client.of(secrets).update({ ...secret, metadata: { ...secret.metadata, annotations }, data });
    return undefined;

    async function isThere(of: string, accountUid: string | undefined): Promise<boolean> {
      try {
        const found = await client.of(serviceAccounts).get(of.split('/')[1]!, { namespace });
        return !accountUid || found.metadata.uid === accountUid;
      } catch (error) {
        if (isReason(error, 'NotFound')) return false;
        throw error;
      }
    }
  },
});

/** `namespace/name` of the account that a secret is for; undefined for a secret that is no token. */
function accountOf(secret: Secret): string | undefined {
  const name = secret.metadata.annotations?.[nameAnnotation];
  return secret.type === tokenType && name ? `${secret.metadata.namespace}/${name}` : undefined;
}
