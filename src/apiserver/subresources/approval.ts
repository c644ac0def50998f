/**
 * Approval of a CertificateSigningRequest: the conditions Approved and Denied, which nothing else may write.
 * https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
 */
import certificateSigningRequestResource from '#api/certificates/certificatesigningrequest.js';
import { approvalRules } from '#api/certificates/rules.js';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Change } from '../registry/registry.js';
import type { SubresourceHandler } from './subresource.js';

export function approvalHandler({ clock }: { clock: Clock }): SubresourceHandler {
  return {
    resource: certificateSigningRequestResource,
    name: 'approval',
    get: ({ registry, key }) => registry.of<CertificateSigningRequest>(certificateSigningRequestResource).get(key),
    update: ({ registry, key, write }, change) =>
      registry
        .of<CertificateSigningRequest>(certificateSigningRequestResource)
        .update(key, change as unknown as Change<CertificateSigningRequest>, {
          ...write,
          rules: approvalRules(formatTime(clock.now())),
        }),
  };
}
