/**
 * The one class of operating errors that have an answer in the API: a Status with a reason.
 * Reasons, codes and texts: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ and
 * k8s.io/apimachinery's `errors` package, whose messages clients match on.
 */
import { quote } from '#base/go-text.js';
import { atOnce, endsStep, type Steps } from '#base/turns.js';
import type { FieldError } from './field-error.js';
import type { GroupResource } from './object.js';

export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { resourceVersion?: string; continue?: string };
  status: 'Success' | 'Failure';
  message?: string;
  reason?: Reason;
  details?: StatusDetails;
  /** Left out of what is no failure. */
  code?: number;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: { reason?: string; message?: string; field?: string }[];
  retryAfterSeconds?: number;
}

const codes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServerTimeout: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
};

export type Reason = keyof typeof codes;

export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: Status;

  constructor(
    status: Pick<Status, 'message' | 'reason' | 'details'> & Partial<Pick<Status, 'code' | 'metadata'>>,
    options?: ErrorOptions,
  ) {
    super(status.message, options);
    const { message, reason, details, code = reason ? codes[reason] : 500, metadata = {} } = status;
    this.status = { kind: 'Status', apiVersion: 'v1', metadata, status: 'Failure', message, reason, details, code };
  }

  get reason(): Reason | undefined {
    return this.status.reason;
  }

  get code(): number {
    return this.status.code ?? 500;
  }
}

/** Whether `error` is a StatusError with one of these reasons. */
export function isReason(error: unknown, ...reasons: Reason[]): error is StatusError {
  return error instanceof StatusError && reasons.includes(error.reason as Reason);
}

/** A resource, and the object of it that an error is about. */
export interface Subject extends GroupResource {
  name?: string;
  uid?: string;
}

export function notFound(subject: Subject): StatusError {
  return failure('NotFound', `${qualified(subject)} not found`, subject);
}

export function alreadyExists(subject: Subject): StatusError {
  return failure('AlreadyExists', `${qualified(subject)} already exists`, subject);
}

export function conflict(subject: Subject, why: string): StatusError {
  return failure('Conflict', `Operation cannot be fulfilled on ${qualified(subject)}: ${why}`, subject);
}

/** The text of a lost compare-and-swap, which client-go's retry helpers do not match on but people do. */
export const optimisticLockMessage =
  'the object has been modified; please apply your changes to the latest version and try again';

export function forbidden(subject: Subject, why: string): StatusError {
  return failure('Forbidden', `${qualified(subject)} is forbidden: ${why}`, subject);
}

interface InvalidSubject {
  group: string;
  /** `Deployment`, not the resource. */
  kind: string;
  name?: string;
}

/** 422, naming each field error. */
export function invalid(subject: InvalidSubject, errors: readonly FieldError[]): StatusError {
  return atOnce(invalidInSteps(subject, errors));
}

/** `invalid` for errors of which there may be many. */
export function* invalidInSteps(subject: InvalidSubject, errors: readonly FieldError[]): Steps<StatusError> {
  const causes: StatusDetails['causes'] = [];
  // What is said twice is one message, though two causes.
  const texts = new Set<string>();
  for (const error of errors) {
    causes.push({ reason: error.type, message: error.body, field: error.path });
    texts.add(error.message);
    if (endsStep()) yield;
  }
  const kind = subject.group ? `${subject.kind}.${subject.group}` : subject.kind;
  return new StatusError({
    reason: 'Invalid',
    message: `${kind} ${quote(subject.name ?? '')} is invalid: ${joined([...texts])}`,
    details: {
      name: subject.name || undefined,
      group: subject.group || undefined,
      kind: subject.kind || undefined,
      causes,
    },
  });
}

/** In one text. */
export function describeAll(errors: readonly FieldError[]): string {
  return joined([...new Set(errors.map((error) => error.message))]);
}

function joined(texts: readonly string[]): string {
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`;
}

export function badRequest(message: string): StatusError {
  return new StatusError({ reason: 'BadRequest', message });
}

export function unauthorized(): StatusError {
  return new StatusError({ reason: 'Unauthorized', message: 'Unauthorized' });
}

export function methodNotSupported(subject: GroupResource, action: string): StatusError {
  const message = `${action} is not supported on resources of kind "${qualifiedResource(subject)}"`;
  return failure('MethodNotAllowed', message, subject);
}

export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new StatusError({ reason: 'UnsupportedMediaType', message });
}

export function notAcceptable(accepted: readonly string[]): StatusError {
  const message = `only the following media types are accepted: ${accepted.join(', ')}`;
  return new StatusError({ reason: 'NotAcceptable', message });
}

export function expired(message: string): StatusError {
  return new StatusError({ reason: 'Expired', message });
}

export function tooManyRequests(message: string, retryAfterSeconds: number): StatusError {
  return new StatusError({ reason: 'TooManyRequests', message, details: { retryAfterSeconds } });
}

/** For what a caller cannot mend. A bug is better thrown as it is, so that its stack is logged. */
export function internalError(why: string, options?: ErrorOptions): StatusError {
  const details = { causes: [{ message: why }] };
  return new StatusError({ reason: 'InternalError', message: `Internal error occurred: ${why}`, details }, options);
}

function failure(reason: Reason, message: string, { name, group, resource, uid }: Subject): StatusError {
  return new StatusError({
    reason,
    message,
    details: { name: name || undefined, group: group || undefined, kind: resource, uid },
  });
}

function qualified(subject: Subject): string {
  const resource = qualifiedResource(subject);
  return subject.name === undefined ? resource : `${resource} ${quote(subject.name)}`;
}

function qualifiedResource({ group, resource }: GroupResource): string {
  return group ? `${resource}.${group}` : resource;
}
