/**
 * Signed JSON tokens in compact form (RFC 7515, 7518, 7519), and their public keys as JSON (RFC 7517), for RSA and the
 * NIST curves. The key decides the algorithm; what the token's header says is only compared with it.
 */
import { constants, createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** Longer tokens are refused unread. */
export const tokenBytesMax = 16 * 1024;

interface Algorithm {
  hash: string;
  keyType: 'rsa' | 'ec';
  /** Of a curve, which is fixed for each algorithm. */
  curve?: string;
  pss?: boolean;
}

const known = {
  RS256: { hash: 'sha256', keyType: 'rsa' },
  RS384: { hash: 'sha384', keyType: 'rsa' },
  RS512: { hash: 'sha512', keyType: 'rsa' },
  PS256: { hash: 'sha256', keyType: 'rsa', pss: true },
  PS384: { hash: 'sha384', keyType: 'rsa', pss: true },
  PS512: { hash: 'sha512', keyType: 'rsa', pss: true },
  ES256: { hash: 'sha256', keyType: 'ec', curve: 'prime256v1' },
  ES384: { hash: 'sha384', keyType: 'ec', curve: 'secp384r1' },
  ES512: { hash: 'sha512', keyType: 'ec', curve: 'secp521r1' },
} as const satisfies Record<string, Algorithm>;

export type AlgorithmName = keyof typeof known;
export const algorithmNames = Object.keys(known) as AlgorithmName[];

export interface VerificationKey {
  /** '' when it is not known. */
  id: string;
  /** Left out: any that a key of this sort can be used with. */
  algorithm?: AlgorithmName;
  key: KeyObject;
}

export class JwsError extends Error {
  override readonly name = 'JwsError';
}

/** The id is the SHA-256 of the key's DER, as Kubernetes names the keys of service accounts. */
export function verificationKey(key: KeyObject): VerificationKey & { algorithm: AlgorithmName } {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = algorithmNames.find((name) => fits(known[name], publicKey));
  if (!algorithm) throw new JwsError(`no algorithm for a key of type ${publicKey.asymmetricKeyType}`);
  return { id: createHash('sha256').update(der).digest('base64url'), algorithm, key: publicKey };
}

export function signToken(claims: object, privateKey: KeyObject): string {
  const { id, algorithm } = verificationKey(privateKey);
  const input = `${encodePart({ alg: algorithm, kid: id })}.${encodePart(claims)}`;
  const signature = sign(known[algorithm].hash, Buffer.from(input), withForm(known[algorithm], privateKey));
  return `${input}.${signature.toString('base64url')}`;
}

/** The claims without looking at the signature: to see whose token it is. Undefined for what is no signed JSON token. */
export function peekClaims(token: string): Record<string, unknown> | undefined {
  const parts = token.split('.');
  if (token.length > tokenBytesMax || parts.length !== 3) return undefined;
  return decodePart(parts[0]!) && decodePart(parts[1]!);
}

/** The claims of a token that one of the keys has signed. Throws JwsError. Times and names are the caller's to check. */
export function verifyToken(
  token: string,
  keys: readonly VerificationKey[],
  { algorithms = algorithmNames }: { algorithms?: readonly AlgorithmName[] } = {},
): Record<string, unknown> {
  if (token.length > tokenBytesMax) throw new JwsError('the token is too long');
  const [head = '', body = '', signature = '', ...more] = token.split('.');
  const header = decodePart(head);
  const claims = decodePart(body);
  if (!header || !claims || more.length > 0) throw new JwsError('not a signed JSON token');
  if (header['crit'] !== undefined) throw new JwsError('the token has critical headers that are not known');
  const { kid, alg } = header;
  const named = algorithms.find((name) => name === alg);
  if (!named) throw new JwsError(`the token is signed by ${JSON.stringify(alg)}, which is not accepted`);
  const algorithm: Algorithm = known[named];
  const input = Buffer.from(`${head}.${body}`);
  const bytes = Buffer.from(signature, 'base64url');
  const holds = keys.some(
    ({ id, algorithm: own = named, key }) =>
      own === named &&
      fits(algorithm, key) &&
      (kid === undefined || kid === '' || id === '' || kid === id) &&
      verify(algorithm.hash, input, withForm(algorithm, key), bytes),
  );
  if (!holds) throw new JwsError('no key verifies the signature');
  return claims;
}

function fits({ keyType, curve }: Algorithm, key: KeyObject): boolean {
  return key.asymmetricKeyType === keyType && (!curve || key.asymmetricKeyDetails?.namedCurve === curve);
}

function withForm({ pss }: Algorithm, key: KeyObject) {
  if (!pss) return { key, dsaEncoding: 'ieee-p1363' as const };
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
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
