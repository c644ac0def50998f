/**
 * Signs approved CertificateSigningRequests of the signers that Kubernetes itself has, with the cluster's authority.
 * https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers
 */
import { X509Certificate } from 'node:crypto';
import certificateSigningRequests from '#api/certificates/certificatesigningrequest.js';
import { type Signing, signers, signRequest } from '#api/certificates/signers.js';
import type { CertificateSigningRequest, CertificateSigningRequestStatus } from '#api/gen/certificates-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { Prng } from '#base/prng.js';
import { decisionOf, hasFailed } from './csr-decision.js';
import { defineController } from './runtime.js';

const ours: readonly string[] = Object.values(signers);

/** Upstream's --cluster-signing-duration. */
const validityMs = 365 * 24 * 60 * 60 * 1000;
const serialBytes = 16;
/** How often to look whether an authority that has run out was renewed. */
const expiredMs = 60 * 60 * 1000;

export default defineController<CertificateSigningRequest, undefined>({
  name: 'csrsigning',
  account: 'certificate-controller',
  for: certificateSigningRequests,
  async reconcile({ name }, { client, informers, clock, prng, log, issuer, rootCa }) {
    const request = informers.of(certificateSigningRequests).get(name);
    // A cluster whose authority is elsewhere leaves signing to that.
    if (!request || !issuer || !isToSign(request)) return undefined;
    const nowMs = clock.now();
    const issuerNotAfterMs = Date.parse(new X509Certificate(rootCa).validTo);
    if (nowMs >= issuerNotAfterMs) {
      log.warn('the authority has run out, nothing can be signed', { key: name });
      return { afterMs: expiredMs };
    }
    const signing = signRequest(request, { issuer, issuerNotAfterMs, serial: newSerial(prng), nowMs, validityMs });
    const status = statusAfter(request, signing, nowMs);
    await client.of(certificateSigningRequests).updateStatus({ ...request, status });
    return undefined;
  },
});

export function isToSign(request: CertificateSigningRequest): boolean {
  const { spec, status } = request;
  return (
    !status?.certificate && decisionOf(request) === 'Approved' && !hasFailed(request) && ours.includes(spec.signerName)
  );
}

function statusAfter(
  { status }: CertificateSigningRequest,
  signing: Signing,
  nowMs: number,
): CertificateSigningRequestStatus {
  if ('certificate' in signing) return { ...status, certificate: Buffer.from(signing.certificate).toString('base64') };
  const now = formatTime(nowMs);
  const failed = {
    type: 'Failed',
    status: 'True',
    reason: 'SignerValidationFailure',
    message: signing.failure,
    lastUpdateTime: now,
    lastTransitionTime: now,
  };
  return { ...status, conditions: [...(status?.conditions ?? []), failed] };
}

function newSerial(prng: Prng): Buffer {
  const serial = Buffer.alloc(serialBytes);
  for (let offset = 0; offset < serialBytes; offset += 4) serial.writeUInt32BE(prng.uint32(), offset);
  return serial;
}
