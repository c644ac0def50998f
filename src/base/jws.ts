/**
 * Signed JSON tokens in compact form (RFC 7515, 7519), and their public keys as JSON (RFC 7517), for EC P-256 and RSA.
 * The key decides the algorithm; what the token's header says is only compared with it.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** Longer tokens are refused unread. */
export const tokenBytesMax = 16 * 1024;

export interface VerificationKey {
  id: string;
  algorithm: 'ES256' | 'RS256';
  key: KeyObject;
}

export class JwsError extends Error {
  override readonly name = 'JwsError';
}

/** The id is the SHA-256 of the key's DER, as Kubernetes names the keys of service accounts. */
export function verificationKey(key: KeyObject): VerificationKey {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = publicKey.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256';
  return { id: createHash('sha256').update(der).digest('base64url'), algorithm, key: publicKey };
}

export function signToken(claims: object, privateKey: KeyObject): string {
  const { id, algorithm } = verificationKey(privateKey);
  const input = `${encodePart({ alg: algorithm, kid: id })}.${encodePart(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** The claims without looking at the signature: to see whose token it is. Undefined for what is no signed JSON token. */
export function peekClaims(token: string): Record<string, unknown> | undefined {
  const parts = token.split('.');
  if (token.length > tokenBytesMax || parts.length !== 3) return undefined;
  return decodePart(parts[0]!) && decodePart(parts[1]!);
}

/** The claims of a token that one of the keys has signed. Throws JwsError. Times and names are the caller's to check. */
export function verifyToken(token: string, keys: readonly VerificationKey[]): Record<string, unknown> {
  if (token.length > tokenBytesMax) throw new JwsError('the token is too long');
  const [head = '', body = '', signature = '', ...more] = token.split('.');
  const header = decodePart(head);
  const claims = decodePart(body);
  if (!header || !claims || more.length > 0) throw new JwsError('not a signed JSON token');
  if (header['crit'] !== undefined) throw new JwsError('the token has critical headers that are not known');
  const input = Buffer.from(`${head}.${body}`);
  const bytes = Buffer.from(signature, 'base64url');
  const { kid, alg } = header;
  const holds = keys.some(
    ({ id, algorithm, key }) =>
      algorithm === alg &&
      (kid === undefined || kid === '' || kid === id) &&
      verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, bytes),
  );
  if (!holds) throw new JwsError('no key verifies the signature');
  return claims;
}

/** A JSON Web Key for signatures. */
export function jsonWebKey({ id, algorithm, key }: VerificationKey): Record<string, unknown> {
  return { use: 'sig', ...key.export({ format: 'jwk' }), kid: id, alg: algorithm };
}

function encodePart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decodePart(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
