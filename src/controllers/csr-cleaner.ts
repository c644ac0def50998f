/** Deletes CertificateSigningRequests that are done with, or that nobody has answered for a day. */
import { X509Certificate } from 'node:crypto';
import certificateSigningRequests from '#api/certificates/certificatesigningrequest.js';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { TransportError } from '#client/transport.js';
import { type ControllerContext, defineController } from './runtime.js';

const hourMs = 60 * 60 * 1000;
const checkMs = hourMs;
const issuedMs = hourMs;
/** Of denied ones and of those that the signer has refused. */
const refusedMs = hourMs;
const pendingMs = 24 * hourMs;

export default defineController({ name: 'csrcleaner', account: 'certificate-controller', run });

async function run(context: ControllerContext<undefined>, signal: AbortSignal): Promise<void> {
  const { informers, clock } = context;
  const requests = informers.of(certificateSigningRequests);
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([requests.synced, aborted]);
  while (!signal.aborted) {
    const nowMs = clock.now();
    for (const request of requests.list()) if (isDue(request, nowMs)) await remove(request, context);
    await clock.sleep(checkMs, signal).catch(() => {});
  }
}

async function remove({ metadata }: CertificateSigningRequest, { client, log }: ControllerContext<undefined>) {
  const { name = '', uid } = metadata;
  try {
    await client.of(certificateSigningRequests).delete(name, { preconditions: { uid } });
  } catch (error) {
    if (isReason(error, 'NotFound', 'Conflict')) return;
    if (!(error instanceof StatusError) && !(error instanceof TransportError)) throw error;
    log.warn('a certificate signing request could not be cleaned up, trying again later', { key: name, err: error });
  }
}

/** Ages count from when a condition was last updated; without any condition from when the request was made. */
export function isDue({ metadata, status }: CertificateSigningRequest, nowMs: number): boolean {
  const { conditions = [], certificate } = status ?? {};
  const isOlder = (time: string | undefined, ageMs: number) => time !== undefined && nowMs - Date.parse(time) > ageMs;
  if (conditions.length === 0) return isOlder(metadata.creationTimestamp, pendingMs);
  return conditions.some(({ type, lastUpdateTime }) => {
    if (type === 'Denied' || type === 'Failed') return isOlder(lastUpdateTime, refusedMs);
    if (type !== 'Approved' || !certificate) return false;
    return isOlder(lastUpdateTime, issuedMs) || hasExpired(certificate, nowMs);
  });
}

/** `certificate` is the base64 of PEM. What cannot be read, a signer of others may have written, is not expired. */
function hasExpired(certificate: string, nowMs: number): boolean {
  try {
    return nowMs > Date.parse(new X509Certificate(Buffer.from(certificate, 'base64')).validTo);
  } catch {
    return false;
  }
}
