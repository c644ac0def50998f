/**
 * Signs the ConfigMap cluster-info with every bootstrap token that may, so that a machine that knows nothing but a token
 * can tell whether the cluster is the one it is to join.
 * https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#configmap-signing
 */
import { createHmac } from 'node:crypto';
import configMaps from '#api/core/configmap.js';
import secrets from '#api/core/secret.js';
import type { ConfigMap, Secret } from '#api/gen/core-v1.js';
import { expiresInMs, isBootstrapToken, tokenValue } from './bootstrap-tokens.js';
import { defineController, watch } from './runtime.js';

const clusterInfo = 'kube-public/cluster-info';
const signaturePrefix = 'jws-kubeconfig-';

export default defineController<ConfigMap, undefined>({
  name: 'bootstrap-signer',
  workers: 1,
  for: configMaps,
  concerns: ({ metadata }) => `${metadata.namespace}/${metadata.name}` === clusterInfo,
  watches: () => [watch(secrets, (secret) => (isBootstrapToken(secret) ? [clusterInfo] : []))],
  async reconcile({ key }, { client, informers, clock }) {
    const info = informers.of(configMaps).get(key);
    const content = info?.data?.['kubeconfig'];
    if (!info || content === undefined) return;
    const signatures: Record<string, string> = {};
    for (const secret of informers.of(secrets).list()) {
      const token = signingToken(secret, clock.now());
      if (token) signatures[`${signaturePrefix}${token.id}`] ??= signatureOf(content, token);
    }
    const old = Object.entries(info.data ?? {}).filter(([name]) => name.startsWith(signaturePrefix));
    const wanted = Object.keys(signatures);
    if (old.length === wanted.length && old.every(([name, value]) => signatures[name] === value)) return;
    const kept = Object.entries(info.data ?? {}).filter(([name]) => !name.startsWith(signaturePrefix));
    await client.of(configMaps).update({ ...info, data: { ...Object.fromEntries(kept), ...signatures } });
  },
});

interface Token {
  id: string;
  secret: string;
}

/** The token of a secret that is one, is in force, and may be used for signing. */
export function signingToken(object: Secret, nowMs: number): Token | undefined {
  if (!isBootstrapToken(object)) return undefined;
  const [id, secret] = [tokenValue(object, 'token-id'), tokenValue(object, 'token-secret')];
  const isNamedSo = /^[a-z0-9]{6}$/.test(id) && object.metadata.name === `bootstrap-token-${id}`;
  const maySign = tokenValue(object, 'usage-bootstrap-signing') === 'true';
  return isNamedSo && secret && maySign && expiresInMs(object, nowMs) !== 0 ? { id, secret } : undefined;
}

/** A JSON web signature (RFC 7515) whose middle, the content, is left out: it stands in the ConfigMap. */
export function signatureOf(content: string, { id, secret }: Token): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: id })).toString('base64url');
  const input = `${header}.${Buffer.from(content).toString('base64url')}`;
  return `${header}..${createHmac('sha256', secret).update(input).digest('base64url')}`;
}
