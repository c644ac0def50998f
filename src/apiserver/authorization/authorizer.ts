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
  };
  path?: string;
}

export type Decision = { decision: 'allow' | 'deny' | 'no opinion'; reason: string };

export interface Authorizer {
  /** Pure in the attributes and the authorizer's own caches, so that answers for a request come without waiting. */
  authorize(attributes: Attributes): Decision | Promise<Decision>;
}
