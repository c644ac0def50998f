/**
 * The words of auditing, the record of what was asked, by whom, and what came of it. Which requests are told of is a
 * policy's to say, and where to, the backends'; both are loaded only where a policy is set.
 * https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
 */
import type { Event } from '#api/gen/audit-v1.js';

export type Level = 'None' | 'Metadata' | 'Request' | 'RequestResponse';
export type Stage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic';

/**
 * Adds an annotation to the audit event of a request. The first value of a key stays. `level` is the least at which the
 * event must be for the annotation to be told: what shows objects is for `Request`.
 */
export type Annotate = (key: string, value: string, options?: { level: 'Metadata' | 'Request' }) => void;

/** What became of events and of requests, since the start. */
export interface AuditCounts {
  events: number;
  /** Requests that were refused since their reception could not be stored. */
  rejected: number;
  /** Requests by level. */
  readonly levels: Map<string, number>;
  /** Events that were not stored, by backend. */
  readonly errors: Map<string, number>;
}

/** Takes events, of which it may keep the object. False, or a promise of it: the event could not be stored. */
export interface AuditSink {
  process(event: Event): boolean | Promise<boolean>;
  /** Resolves when all that was taken has been passed on, as far as that is possible. */
  close(): Promise<void>;
}
