/** Authenticators in a row, the groups that every user gets, and what becomes of callers without credentials. */
import { StatusError } from '#apimachinery/errors.js';
import { freeze } from '#base/json.js';
import type { Authenticated, Authenticator, Credentials, MaybeAuthenticated, UserInfo } from './authenticator.js';

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

interface AudienceOptions {
  audiences?: readonly string[];
}

interface Asked {
  credentials: Credentials;
  options: AudienceOptions | undefined;
}

/** Who is asked next, and the first refusal of those before. */
interface Heard {
  from: number;
  refusal: StatusError | undefined;
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
  readonly #users = new WeakMap<UserInfo, UserInfo>();

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

  authenticate(credentials: Credentials, options?: AudienceOptions): MaybeAuthenticated | Promise<MaybeAuthenticated> {
    const orNobody = (found: MaybeAuthenticated) =>
      found ?? (this.#letsIn(credentials) ? { user: anonymous } : undefined);
    const found = this.identify(credentials, options);
    return found instanceof Promise ? found.then(orNobody) : orNobody(found);
  }

  #letsIn({ target = '' }: Credentials): boolean {
    const { enabled, paths } = this.#anonymous;
    return enabled && (!paths?.length || paths.includes(target.split('?')[0]!));
  }

  /** As `authenticate`, but nobody is nobody: what a TokenReview asks. */
  identify(credentials: Credentials, options?: AudienceOptions): MaybeAuthenticated | Promise<MaybeAuthenticated> {
    return this.#ask({ credentials, options }, { from: 0, refusal: undefined });
  }

  /** Stays synchronous as long as the authenticators do. */
  #ask(asked: Asked, { from, refusal }: Heard): MaybeAuthenticated | Promise<MaybeAuthenticated> {
    let refused = refusal;
    for (let index = from; index < this.#authenticators.length; index++) {
      try {
        const answer = this.#authenticators[index]!.authenticate(asked.credentials, asked.options);
        if (answer instanceof Promise) {
          const goOn = (heard: StatusError | undefined) => this.#ask(asked, { from: index + 1, refusal: heard });
          return answer.then(
            (found) => (found ? this.#grouped(found) : goOn(refused)),
            (error) => goOn(firstOf(refused, error)),
          );
        }
        if (answer) return this.#grouped(answer);
      } catch (error) {
        refused = firstOf(refused, error);
      }
    }
    if (refused) throw refused;
    if (asked.credentials.bearerToken) throw rejected('invalid bearer token');
    return undefined;
  }

  #grouped(found: Authenticated): Authenticated {
    return { ...found, user: this.#withGroup(found.user) };
  }

  #withGroup(user: UserInfo): UserInfo {
    if (user.groups.includes(authenticatedGroup) || user.groups.includes(unauthenticatedGroup)) return user;
    let grouped = this.#users.get(user);
    if (!grouped) {
      grouped = freeze({ ...user, groups: [...user.groups, authenticatedGroup] });
      this.#users.set(user, grouped);
    }
    return grouped;
  }
}

/** Throws what is no refusal. */
function firstOf(refusal: StatusError | undefined, error: unknown): StatusError {
  if (!(error instanceof StatusError) || error.reason !== 'Unauthorized') throw error;
  return refusal ?? error;
}
