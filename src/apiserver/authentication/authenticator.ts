/** Who is asking. Each way of telling is one Authenticator; the pipeline asks them in order. */
import type { UserInfo as DescribedUser } from '#api/gen/authentication-v1.js';
import { copy } from '#base/json.js';

export interface UserInfo {
  name: string;
  uid?: string;
  groups: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

/** What a connection and its headers offer as proof. */
export interface Credentials {
  /** The DER bytes of the client's certificate, when TLS has seen one (whether or not our CA signed it). */
  certificate?: Uint8Array;
  /** The token of an `Authorization: Bearer` header, or of the WebSocket protocol base64url.bearer.authorization.k8s.io. */
  bearerToken?: string;
  /** By these a proxy in front tells its caller; names in lower case. */
  headers?: Readonly<Record<string, string | undefined>>;
  /** The same, names and values in turn, as sent. */
  rawHeaders?: readonly string[];
  /** Path and query, for anonymous callers, who may be let in on some paths only. */
  target?: string;
}

export interface Authenticator {
  readonly name: string;
  /**
   * The user; undefined when these credentials are not of this authenticator's sort. Throws StatusError Unauthorized
   * when they are but do not hold. `audiences` are those the answer must cover (empty: the API server's own). A promise
   * only where something must be waited for.
   */
  authenticate(
    credentials: Credentials,
    options?: { audiences?: readonly string[] },
  ): MaybeAuthenticated | Promise<MaybeAuthenticated>;
}

export type MaybeAuthenticated = Authenticated | undefined;

export interface Authenticated {
  user: UserInfo;
  audiences?: readonly string[];
}

/** As reviews and audit events show a user. */
export function describeUser({ name, uid, groups, extra }: UserInfo): DescribedUser {
  const described: DescribedUser = { username: name };
  if (uid) described.uid = uid;
  if (groups.length > 0) described.groups = [...groups];
  if (extra && Object.keys(extra).length > 0) described.extra = copy(extra) as Record<string, string[]>;
  return described;
}
