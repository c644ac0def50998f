/** Authenticators in a row, the groups that every user gets, and what becomes of callers without credentials. */
import { StatusError } from '#apimachinery/errors.js';
import { freeze } from '#base/json.js';
import type { Authenticated, Authenticator, Credentials, UserInfo } from './authenticator.js';

export const authenticatedGroup = 'system:authenticated';
export const unauthenticatedGroup = 'system:unauthenticated';

export const anonymous: UserInfo = freeze({ name: 'system:anonymous', groups: [unauthenticatedGroup] });

/** The 401. `why` is for logs and TokenReview: a caller who cannot prove who it is is told nothing. */
export function rejected(why: string, options?: ErrorOptions): StatusError {
  return new StatusError(
    { reason: 'Unauthorized', message: 'Unauthorized' },
    { cause: options ? new Error(why, options) : new Error(why) },
  );
}

/** What `rejected` was told, or the error's own words. */
export function rejectionReason(error: StatusError): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/** Whether callers without credentials are let in; with `paths`, on these only. */
export interface Anonymous {
  enabled: boolean;
  paths?: readonly string[];
}

/**
 * The first authenticator to know the user wins, even where one before it refused its own sort of credentials. Was one
 * refused and none accepted, the request is refused too; without any credentials it is the anonymous user's.
 */
export class UnionAuthenticator implements Authenticator {
  readonly name = 'union';
  readonly #authenticators: readonly Authenticator[];
  readonly #anonymous: Anonymous;
  /** Users with the group added, one for each the authenticators remember: authorizers remember by identity. */
  readonly #grouped = new WeakMap<UserInfo, UserInfo>();

  constructor({
    authenticators,
    anonymous: allowed = { enabled: true },
  }: {
    authenticators: readonly Authenticator[];
    anonymous?: Anonymous;
  }) {
    this.#authenticators = authenticators;
    this.#anonymous = allowed;
  }

  async authenticate(
    credentials: Credentials,
    options?: { audiences?: readonly string[] },
  ): Promise<Authenticated | undefined> {
    const found = await this.identify(credentials, options);
    return found ?? (this.#letsIn(credentials) ? { user: anonymous } : undefined);
  }

  #letsIn({ target = '' }: Credentials): boolean {
    const { enabled, paths } = this.#anonymous;
    return enabled && (!paths?.length || paths.includes(target.split('?')[0]!));
  }

  /** As `authenticate`, but nobody is nobody: what a TokenReview asks. */
  async identify(
    credentials: Credentials,
    options?: { audiences?: readonly string[] },
  ): Promise<Authenticated | undefined> {
    let refusal: StatusError | undefined;
    for (const authenticator of this.#authenticators) {
      try {
        const found = await authenticator.authenticate(credentials, options);
        if (found) return { ...found, user: this.#withGroup(found.user) };
      } catch (error) {
        if (!(error instanceof StatusError) || error.reason !== 'Unauthorized') throw error;
        refusal ??= error;
      }
    }
    if (refusal) throw refusal;
    if (credentials.bearerToken) throw rejected('invalid bearer token');
    return undefined;
  }

  #withGroup(user: UserInfo): UserInfo {
    if (user.groups.includes(authenticatedGroup) || user.groups.includes(unauthenticatedGroup)) return user;
    let grouped = this.#grouped.get(user);
    if (!grouped) {
      grouped = freeze({ ...user, groups: [...user.groups, authenticatedGroup] });
      this.#grouped.set(user, grouped);
    }
    return grouped;
  }
}
