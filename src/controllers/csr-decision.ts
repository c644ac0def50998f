/** What has been decided about a CertificateSigningRequest, as its conditions say it. */
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';

/** Denied wins over Approved; a condition of these types counts whatever its status says. */
export function decisionOf({ status }: CertificateSigningRequest): 'Approved' | 'Denied' | undefined {
  const has = (type: string) => status?.conditions?.some((condition) => condition.type === type);
  if (has('Denied')) return 'Denied';
  return has('Approved') ? 'Approved' : undefined;
}

export function hasFailed({ status }: CertificateSigningRequest): boolean {
  return status?.conditions?.some((condition) => condition.type === 'Failed' && condition.status === 'True') ?? false;
}
