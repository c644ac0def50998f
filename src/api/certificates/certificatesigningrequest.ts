/** CertificateSigningRequest: asks a signer for a client or serving certificate. */
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  versions: ['v1'],
  kind: 'CertificateSigningRequest',
  shortNames: ['csr'],
  namespaced: false,
  subresources: { status: true, others: [{ name: 'approval', verbs: ['get', 'patch', 'update'] }] },
  storageVersionHash: '95fRKMXA+00=',
  selectableFields: { 'spec.signerName': (request) => request.spec?.signerName ?? '' },
});
