/** CertificateSigningRequest: asks a signer for a client or serving certificate. */

import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import { humanDuration } from '#apimachinery/duration.js';
import { pathSegmentProblems } from '#apimachinery/names.js';
import { formatTime } from '#apimachinery/object.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';
import { keepDecisions, stampConditions, validateSigningRequest, validateSigningStatus } from './rules.js';

/** What each way to the status leaves alone of it. */
const fixedStatus: Readonly<Record<string, readonly string[]>> = {
  status: ['status', 'conditions'],
  approval: ['status', 'certificate'],
};

export default defineResource<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  versions: ['v1'],
  kind: 'CertificateSigningRequest',
  shortNames: ['csr'],
  namespaced: false,
  metadataRepeats: { update: ['whole', 'change'], status: ['whole', 'change'] },
  subresources: { status: true, others: [{ name: 'approval', verbs: ['get', 'patch', 'update'] }] },
  storageVersionHash: '95fRKMXA+00=',
  selectableFields: { 'spec.signerName': (request) => request.spec?.signerName ?? '' },
  validateName: pathSegmentProblems,
  prepareForUpdate(request, old) {
    // Whoever approved it approved this request and no other.
    request.spec = old.spec;
  },
  prepareForStatusUpdate(request, old, { nowMs }) {
    const kept = keepDecisions(request.status?.conditions ?? [], old.status?.conditions ?? []);
    const conditions = stampConditions(kept, { old, now: formatTime(nowMs) });
    if (conditions.length > 0) request.status = { ...request.status, conditions };
  },
  fixedFields: (subresource) => [['spec'], fixedStatus[subresource] ?? ['status']],
  validate: validateSigningRequest,
  validateStatusUpdate: validateSigningStatus,
  columns: [
    nameColumn,
    ageColumn,
    {
      name: 'SignerName',
      type: 'string',
      description: fieldText('certificates.v1.CertificateSigningRequestSpec.signerName'),
      cell: ({ spec }) => spec.signerName || '<none>',
    },
    {
      name: 'Requestor',
      type: 'string',
      description: fieldText('certificates.v1.CertificateSigningRequestSpec.request'),
      cell: ({ spec }) => spec.username ?? '',
    },
    {
      name: 'RequestedDuration',
      type: 'string',
      description: fieldText('certificates.v1.CertificateSigningRequestSpec.expirationSeconds'),
      cell: durationCell,
    },
    {
      name: 'Condition',
      type: 'string',
      description: fieldText('certificates.v1.CertificateSigningRequestStatus.conditions'),
      cell: conditionCell,
    },
  ],
});

function durationCell({ spec }: CertificateSigningRequest): string {
  return spec.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000);
}

function conditionCell({ status }: CertificateSigningRequest): string {
  const has = (type: string) => status?.conditions?.some((condition) => condition.type === type) ?? false;
  const words = [has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'];
  if (has('Failed')) words.push('Failed');
  if (status?.certificate) words.push('Issued');
  return words.join(',');
}
