/** Groups of the Kubernetes project, whose definitions must say who approved them. (KEP-2337) */

export const approvalAnnotation = 'api-approved.kubernetes.io';

export type Approval = 'invalid' | 'missing' | 'approved' | 'bypassed';

export function isProtectedGroup(group = ''): boolean {
  return /^(?:.*\.)?(?:k8s|kubernetes)\.io$/.test(group);
}

const start = `protected groups must have approval annotation "${approvalAnnotation}"`;
const see = 'see https://github.com/kubernetes/enhancements/pull/1111';

export function approvalOf(annotations: Record<string, string> | undefined): { state: Approval; reason: string } {
  const value = annotations?.[approvalAnnotation] ?? '';
  if (value === '') return { state: 'missing', reason: `${start}, ${see}` };
  if (value.startsWith('unapproved')) return { state: 'bypassed', reason: `not approved: ${JSON.stringify(value)}` };
  if (/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/]+/.test(value)) return { state: 'approved', reason: `approved in ${value}` };
  const either = 'with either a URL or a reason starting with "unapproved"';
  return { state: 'invalid', reason: `${start} ${either}, ${see}` };
}
