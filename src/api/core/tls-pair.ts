/** Whether a certificate and a key belong together, and if not why, in the words of Go's crypto/tls. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** Both are PEM. Undefined when all is well. */
export function keyPairProblem({ certificates, key }: { certificates: string; key: string }): string | undefined {
  const found = pemBlocks(certificates);
  const leaf = found.find(({ type }) => type === 'CERTIFICATE');
  if (!leaf) return missingCertificate(found.map(({ type }) => type));
  const keys = pemBlocks(key);
  const own = keys.find(({ type }) => isKey(type));
  if (!own) return missingKey(keys.map(({ type }) => type));
  const certificate = parsed(() => new X509Certificate(leaf.text));
  if (!certificate) return 'x509: malformed certificate';
  const privateKey = parsed(() => createPrivateKey(own.text));
  return privateKey ? mismatch(certificate, privateKey) : 'tls: failed to parse private key';
}

function mismatch(certificate: X509Certificate, key: KeyObject): string | undefined {
  if (certificate.publicKey.asymmetricKeyType !== key.asymmetricKeyType)
    return 'tls: private key type does not match public key type';
  return certificate.checkPrivateKey(key) ? undefined : 'tls: private key does not match public key';
}

/** Whether a PEM block is a certificate. */
export function isCertificate(pem: string): boolean {
  return parsed(() => new X509Certificate(pem)) !== undefined;
}

/** Undefined for what cannot be parsed: the writer's mistake, whatever the parser makes of it. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

export interface PemBlock {
  type: string;
  text: string;
}

export function pemBlocks(pem: string): PemBlock[] {
  const pattern = /-----BEGIN ([A-Z0-9 ]{1,64})-----[^-]*-----END \1-----/g;
  return [...pem.matchAll(pattern)].map(([text, type = '']) => ({ type, text }));
}

function isKey(type: string): boolean {
  return type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY');
}

function missingCertificate(types: readonly string[]): string {
  if (types.length === 0) return 'tls: failed to find any PEM data in certificate input';
  if (types.length === 1 && isKey(types[0]!))
    return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched';
  const list = types.join(' ');
  return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${list}]`;
}

function missingKey(types: readonly string[]): string {
  if (types.length === 0) return 'tls: failed to find any PEM data in key input';
  if (types.length === 1 && types[0] === 'CERTIFICATE')
    return 'tls: found a certificate rather than a key in the PEM for the private key';
  const list = types.join(' ');
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${list}]`;
}
