/** Who may do what. Each mode is one Authorizer; the first to allow or deny decides, and no opinion at the end denies. */
import type { UserInfo } from '../authentication/authenticator.js';

export interface Attributes {
  user: UserInfo;
  /** get, list, watch, create, update, patch, delete, deletecollection; for paths the lower-case HTTP method. */
  verb: string;
  /** Set for requests on resources; otherwise `path` is. */
  resource?: {
    group: string;
    version: string;
    resource: string;
    /** '' for the resource itself. */
    subresource: string;
    /** '' for all namespaces, or a cluster-scoped resource. */
    namespace: string;
    /** '' where the request names no object. */
    name: string;
    /** Of a list, watch or deletecollection: it narrows what is asked for. A text that cannot be read narrows nothing. */
    fieldSelector?: string;
    labelSelector?: string;
  };
  path?: string;
}

export interface Decision {
  decision: 'allow' | 'deny' | 'no opinion';
  reason: string;
  /** What went wrong on the way; without it the decision might have been another. */
  error?: Error;
}

export interface Authorizer {
  /** What a SelfSubjectRulesReview says of one that cannot list what it allows, where it is no webhook. */
  readonly cannotTell?: string;
  /** Pure in the attributes and the authorizer's own caches, so that answers for a request come without waiting. */
  authorize(attributes: Attributes): Decision | Promise<Decision>;
}
