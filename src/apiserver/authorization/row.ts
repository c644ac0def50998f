/** The authorizers in their order, of which the configuration may become another while requests are decided. */
import { nodeOfUser } from '../admission/node-restriction.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Authorizer, Decision } from './authorizer.js';
import { privilegedGroupAuthorizer, UnionAuthorizer } from './union.js';

export type BuiltinMode = 'Node' | 'RBAC' | 'AlwaysAllow' | 'AlwaysDeny';
/** An authorizer of our own by its mode, or one that has been made. */
export type Place = BuiltinMode | Authorizer;
/** Gives the row at once, and again when it has changed. */
export type RowSource = (changed: (row: readonly Place[]) => void) => void;

const everythingAllowed: Authorizer = { authorize: () => ({ decision: 'allow', reason: '' }) };
const everythingDenied: Authorizer = {
  authorize: () => ({ decision: 'no opinion', reason: 'Everything is forbidden.' }),
};

const byDefault: RowSource = (changed) => changed(['Node', 'RBAC']);

export class AuthorizerRow {
  readonly authorizer: Authorizer;
  #places: readonly Place[] = [];
  #union = new UnionAuthorizer([privilegedGroupAuthorizer]);

  constructor(own: { Node: Authorizer; RBAC: Authorizer }, source: RowSource = byDefault) {
    const modes: Record<BuiltinMode, Authorizer> = {
      ...own,
      AlwaysAllow: everythingAllowed,
      AlwaysDeny: everythingDenied,
    };
    source((places) => {
      this.#places = places;
      const row = places.map((place) => (typeof place === 'string' ? modes[place] : place));
      this.#union = new UnionAuthorizer([privilegedGroupAuthorizer, ...row]);
    });
    this.authorizer = { authorize: (attributes): Decision | Promise<Decision> => this.#union.authorize(attributes) };
  }

  /** What a SelfSubjectRulesReview says of those that cannot list what they allow. */
  whoCannotTell(user: UserInfo): string[] {
    return this.#places.flatMap((place) => {
      if (typeof place !== 'string')
        return [place.cannotTell ?? 'webhook authorizer does not support user rule resolution'];
      const isNode = place === 'Node' && nodeOfUser(user) !== undefined;
      return isNode ? ['node authorizer does not support user rule resolution'] : [];
    });
  }
}
