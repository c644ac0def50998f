/** What the secrets of bootstrap tokens say. https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/ */
import type { Secret } from '#api/gen/core-v1.js';

export const tokenNamespace = 'kube-system';

export function isBootstrapToken({ type, metadata }: Secret): boolean {
  return type === 'bootstrap.kubernetes.io/token' && metadata.namespace === tokenNamespace;
}

/** '' for what it does not say. */
export function tokenValue({ data }: Secret, key: string): string {
  return Buffer.from(data?.[key] ?? '', 'base64').toString();
}

/** Milliseconds until the token may no longer be used; undefined: it always may. A time that is none has passed. */
export function expiresInMs(secret: Secret, nowMs: number): number | undefined {
  const text = tokenValue(secret, 'expiration');
  if (!text) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? 0 : Math.max(atMs - nowMs, 0);
}
