/** What is told of each request when it is done. Policies, levels and back-ends of audit.k8s.io are built on this hook. */
import type { UserInfo } from './authentication/authenticator.js';
import type { RequestInfo } from './request-info.js';

export interface AuditEvent {
  auditId: string;
  /** Undefined when the caller was not known. */
  user: UserInfo | undefined;
  /** As whom the user acted, where that was somebody else. */
  impersonated: UserInfo | undefined;
  /** Undefined when the target could not be read. */
  info: RequestInfo | undefined;
  method: string;
  target: string;
  source: string;
  userAgent: string | undefined;
  code: number;
  receivedMs: number;
  durationMs: number;
  annotations: Readonly<Record<string, string>>;
}

/**
 * Adds an annotation to the audit event of a request. The first value of a key stays. `level` is the least at which the
 * event must be for the annotation to be told: what shows objects is for `Request`.
 */
export type Annotate = (key: string, value: string, options?: { level: 'Metadata' | 'Request' }) => void;

export type Audit = (event: AuditEvent) => void;
