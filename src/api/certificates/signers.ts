/**
 * What the built-in signers ask of a CertificateSigningRequest, and the certificate that they make of it, as functions
 * of the request. https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers
 */
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import { DerError } from '#base/der.js';
import {
  type CertificateRequest,
  type ExtendedKeyUsage,
  fromPem,
  type Issuer,
  issueCertificate,
  type KeyUsage,
  type ParsedRequest,
  parseCertificationRequest,
  toPem,
} from '#base/x509.js';

export const signers = {
  client: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacyUnknown: 'kubernetes.io/legacy-unknown',
} as const;

const secondsMin = 600;
const backdateMs = 5 * 60 * 1000;
/** Of a certificate that lasts less, the backdating is not taken off its end. */
const shortMs = 8 * 60 * 60 * 1000;

const keyUsages: Record<string, KeyUsage> = {
  signing: 'digitalSignature',
  'digital signature': 'digitalSignature',
  'content commitment': 'contentCommitment',
  'key encipherment': 'keyEncipherment',
  'key agreement': 'keyAgreement',
  'data encipherment': 'dataEncipherment',
  'cert sign': 'keyCertSign',
  'crl sign': 'crlSign',
  'encipher only': 'encipherOnly',
  'decipher only': 'decipherOnly',
};

const extendedUsages: Record<string, ExtendedKeyUsage> = {
  any: 'any',
  'server auth': 'serverAuth',
  'client auth': 'clientAuth',
  'code signing': 'codeSigning',
  'email protection': 'emailProtection',
  's/mime': 'emailProtection',
  timestamping: 'timeStamping',
  'ocsp signing': 'ocspSigning',
};

export interface SigningOptions {
  issuer: Issuer;
  /** When the issuer's own certificate ends: nothing outlives it. */
  issuerNotAfterMs: number;
  serial: Uint8Array;
  nowMs: number;
  /** Of a certificate whose request names no time, and the longest that one may ask for. */
  validityMs: number;
}

/** The outcome of an approved request: a certificate (PEM), or why its signer will not sign it (condition Failed). */
export type Signing = { certificate: string } | { failure: string };

/** What is asked for. Throws DerError for what is no request, or is not signed by its own key. */
function parse({ spec }: CertificateSigningRequest): ParsedRequest {
  return parseCertificationRequest(
    fromPem('CERTIFICATE REQUEST', Buffer.from(spec.request, 'base64').toString('latin1')),
  );
}

/** What is asked for; undefined where that cannot be read. */
export function parseRequest(request: CertificateSigningRequest): ParsedRequest | undefined {
  try {
    return parse(request);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

/** Throws a TypeError for a signer that is none of ours. */
export function signRequest(request: CertificateSigningRequest, options: SigningOptions): Signing {
  const { signerName, usages = [], expirationSeconds } = request.spec;
  let parsed: ParsedRequest;
  try {
    parsed = parse(request);
  } catch (error) {
    if (error instanceof DerError) return { failure: `unable to parse csr: ${error.message}` };
    throw error;
  }
  const failure = whyNot(signerName, parsed, usages);
  if (failure) return { failure };
  const { nowMs, validityMs, issuer, issuerNotAfterMs, serial } = options;
  const askedMs = expirationSeconds === undefined ? validityMs : Math.max(expirationSeconds, secondsMin) * 1000;
  const lifeMs = Math.min(askedMs, validityMs);
  const lastMs = nowMs + (lifeMs < shortMs ? lifeMs : lifeMs - backdateMs);
  const wanted: CertificateRequest = {
    subject: parsed.subject,
    publicKey: parsed.publicKey,
    issuer,
    serial,
    notBeforeMs: nowMs - backdateMs,
    notAfterMs: Math.min(lastMs, issuerNotAfterMs),
    keyUsages: usages.flatMap((usage) => keyUsages[usage] ?? []),
    extendedKeyUsages: usages.flatMap((usage) => extendedUsages[usage] ?? []),
    names: parsed,
  };
  return { certificate: toPem('CERTIFICATE', issueCertificate(wanted)) };
}

/** Why the signer refuses, in upstream's words; undefined when it does not. */
export function whyNot(signerName: string, parsed: ParsedRequest, usages: readonly string[]): string | undefined {
  switch (signerName) {
    case signers.client:
      return whyNotClient(usages);
    case signers.kubeletClient:
      return whyNotKubeletClient(parsed, usages);
    case signers.kubeletServing:
      return whyNotKubeletServing(parsed, usages);
    case signers.legacyUnknown:
      return undefined;
    default:
      throw new TypeError(`unrecognized signerName: ${JSON.stringify(signerName)}`);
  }
}

function whyNotClient(usages: readonly string[]): string | undefined {
  const optional = ['digital signature', 'key encipherment'];
  const other = usages.find((usage) => usage !== 'client auth' && !optional.includes(usage));
  if (other !== undefined) return `invalid usage for client certificate: ${other}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
}

export function whyNotKubeletClient(parsed: ParsedRequest, usages: readonly string[]): string | undefined {
  if (!isNodesOrganization(parsed)) return 'subject organization is not system:nodes';
  if (parsed.dns.length > 0) return 'DNS subjectAltNames are not allowed';
  if (parsed.emails.length > 0) return 'Email subjectAltNames are not allowed';
  if (parsed.addresses.length > 0) return 'IP subjectAltNames are not allowed';
  if (parsed.uris.length > 0) return 'URI subjectAltNames are not allowed';
  if (!parsed.commonName.startsWith('system:node:')) return 'subject common name does not begin with system:node:';
  return areUsages(usages, { required: 'client auth' }) ? undefined : usageProblem('client auth');
}

export function whyNotKubeletServing(parsed: ParsedRequest, usages: readonly string[]): string | undefined {
  if (!isNodesOrganization(parsed)) return 'subject organization is not system:nodes';
  if (parsed.dns.length + parsed.addresses.length === 0) return 'DNS or IP subjectAltName is required';
  if (parsed.emails.length > 0) return 'Email subjectAltNames are not allowed';
  if (parsed.uris.length > 0) return 'URI subjectAltNames are not allowed';
  if (!areUsages(usages, { required: 'server auth' })) return usageProblem('server auth');
  return parsed.commonName.startsWith('system:node:')
    ? undefined
    : 'subject common name does not begin with system:node:';
}

function isNodesOrganization({ organizations }: ParsedRequest): boolean {
  return organizations.length === 1 && organizations[0] === 'system:nodes';
}

/** The digital signature and the required one; beside them only what keys of RSA need. */
function areUsages(usages: readonly string[], { required }: { required: string }): boolean {
  const needed = ['digital signature', required];
  return (
    needed.every((usage) => usages.includes(usage)) &&
    usages.every((usage) => needed.includes(usage) || usage === 'key encipherment')
  );
}

/** Names the usages as upstream does, sorted. */
function usageProblem(required: string): string {
  return `usages did not match [${[required, 'digital signature', 'key encipherment'].sort().join(' ')}]`;
}
