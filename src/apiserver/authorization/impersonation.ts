/**
 * Whether a user may act as another. Four constrained modes are asked first, each with a verb of its own and a say in
 * which requests it covers, then the verb `impersonate`, which covers all.
 * https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/ and KEP-5284, on by default in 1.36.
 */
import { domainPrefixedPathErrors } from '#apimachinery/domain-path.js';
import type { StatusError } from '#apimachinery/errors.js';
import { labelProblems, subdomainProblems } from '#apimachinery/names.js';
import { freeze } from '#base/json.js';
import { RecentMap } from '#client/recent-map.js';
import type { UserInfo } from '../authentication/authenticator.js';
import { serviceAccountGroups } from '../authentication/service-account-tokens.js';
import { anonymous, authenticatedGroup, unauthenticatedGroup } from '../authentication/union.js';
import type { Attributes, Authorizer } from './authorizer.js';
import type { WantedUser } from './impersonation-request.js';
import { forbiddenError, privilegedGroup } from './union.js';

type ModeName = 'associated-node' | 'arbitrary-node' | 'serviceaccount' | 'user-info' | 'legacy';

interface Mode {
  name: ModeName;
  /** Whether this mode is for such a user at all. */
  covers(wanted: WantedUser, requester: UserInfo): boolean;
}

/** In the order of asking. */
const modes: readonly Mode[] = [
  { name: 'associated-node', covers: (wanted, requester) => isNameOnly(wanted) && isOnNode(requester, wanted.name) },
  { name: 'arbitrary-node', covers: (wanted) => isNameOnly(wanted) && nodeOf(wanted.name) !== undefined },
  { name: 'serviceaccount', covers: (wanted) => isNameOnly(wanted) && serviceAccountOf(wanted.name) !== undefined },
  { name: 'user-info', covers: ({ name }) => nodeOf(name) === undefined && serviceAccountOf(name) === undefined },
  { name: 'legacy', covers: () => true },
];

/** With so many groups or extra values, leave to impersonate any is asked for first. */
const manyMin = 4;
const authenticationGroup = 'authentication.k8s.io';
const nodeNameKey = 'authentication.kubernetes.io/node-name';
const associatedKeysKey = 'authentication.kubernetes.io/associated-node-keys';
/** Users of whom it is remembered which mode let them last: that is asked first, and its refusal is the one told. */
const usersMax = 1024;

type Resource = NonNullable<Attributes['resource']>;
type Target = Pick<Resource, 'resource' | 'name'> & Partial<Resource>;

export interface Impersonated {
  user: UserInfo;
  /** The verb of the mode that allowed it; '' for `impersonate` itself. */
  constraint: string;
}

function verbOf(mode: ModeName): string {
  return mode === 'legacy' ? 'impersonate' : `impersonate:${mode}`;
}

export class Impersonation {
  readonly #authorizer: Authorizer;
  readonly #modes: readonly Mode[];
  readonly #lastModes = new RecentMap<string, Mode>(usersMax);

  constructor(authorizer: Authorizer, { constrained = true }: { constrained?: boolean } = {}) {
    this.#authorizer = authorizer;
    this.#modes = constrained ? modes : modes.filter(({ name }) => name === 'legacy');
  }

  /** The user that the request is of from here on. `attributes` are the request's own. Throws StatusError (403). */
  async impersonate(wanted: WantedUser, attributes: Attributes): Promise<Impersonated> {
    const { user } = attributes;
    const last = this.#lastModes.get(user.name);
    const order = last ? [last, ...this.#modes.filter((mode) => mode !== last)] : this.#modes;
    let refusal: StatusError | undefined;
    for (const mode of order) {
      if (!mode.covers(wanted, user)) continue;
      const check = new ModeCheck({ mode: mode.name, authorizer: this.#authorizer, requester: user });
      const problem = await check.run(wanted, attributes);
      refusal ??= problem;
      if (problem) continue;
      this.#lastModes.set(user.name, mode);
      return { user: actingUser(wanted, mode.name), constraint: mode.name === 'legacy' ? '' : verbOf(mode.name) };
    }
    throw refusal ?? new TypeError('no mode of impersonation covers the request');
  }
}

/** One mode's questions to the authorizer about one request; each gives the refusal, undefined when it is allowed. */
class ModeCheck {
  readonly #mode: ModeName;
  readonly #authorizer: Authorizer;
  readonly #requester: UserInfo;

  constructor({ mode, authorizer, requester }: { mode: ModeName; authorizer: Authorizer; requester: UserInfo }) {
    this.#mode = mode;
    this.#authorizer = authorizer;
    this.#requester = mode === 'associated-node' ? withoutExtra(requester) : requester;
  }

  async run(wanted: WantedUser, { verb, resource, path }: Attributes): Promise<StatusError | undefined> {
    const { name, uid, groups, extra } = wanted;
    if (this.#isConstrained) {
      const on = { user: this.#requester, verb: `impersonate-on:${this.#mode}:${verb}`, resource, path };
      const refusal = await this.#ask(on);
      if (refusal) return refusal;
    }
    return (
      (await this.#askFor(this.#nameTarget(name))) ??
      (uid ? await this.#askFor({ resource: 'uids', name: uid, group: authenticationGroup }) : undefined) ??
      (await this.#groups(groups)) ??
      (await this.#extra(extra))
    );
  }

  get #isConstrained(): boolean {
    return this.#mode !== 'legacy';
  }

  /** Users, groups and the like are of the core group for the verb `impersonate`, which is older than the other. */
  get #group(): string {
    return this.#isConstrained ? authenticationGroup : '';
  }

  #nameTarget(name: string): Target {
    const node = this.#isConstrained ? nodeOf(name) : undefined;
    // One check holds for every node that an account may stand on.
    if (node) return { resource: 'nodes', name: this.#mode === 'associated-node' ? '*' : node };
    const account = serviceAccountOf(name);
    return account ? { resource: 'serviceaccounts', ...account } : { resource: 'users', name };
  }

  async #groups(groups: readonly string[]): Promise<StatusError | undefined> {
    const target = (name: string): Target => ({ resource: 'groups', name });
    if (this.#isConstrained) {
      if (groups.includes('')) return this.#refuse(target(''), 'impersonating the empty string group is not allowed');
      if (groups.includes(privilegedGroup))
        return this.#refuse(target(privilegedGroup), 'impersonating the system:masters group is not allowed');
      if (groups.length >= manyMin && !(await this.#askFor(target('*')))) return undefined;
    }
    return this.#askForAll(groups.map(target));
  }

  async #extra(extra: WantedUser['extra']): Promise<StatusError | undefined> {
    const target = (subresource: string, name: string): Target => ({
      resource: 'userextras',
      subresource,
      name,
      group: authenticationGroup,
    });
    const targets = [...extra].flatMap(([key, values]) => values.map((value) => target(key, value)));
    if (this.#isConstrained) {
      const problem = extraProblem(extra);
      if (problem) return this.#refuse(target('', ''), problem);
      if (targets.length >= manyMin && !(await this.#askFor(target('*', '*')))) return undefined;
    }
    return this.#askForAll(targets);
  }

  async #askForAll(targets: readonly Target[]): Promise<StatusError | undefined> {
    for (const target of targets) {
      const refusal = await this.#askFor(target);
      if (refusal) return refusal;
    }
    return undefined;
  }

  #askFor(target: Target): Promise<StatusError | undefined> {
    return this.#ask(this.#attributesOf(target));
  }

  #attributesOf(target: Target): Attributes {
    const group = target.group ?? this.#group;
    const resource = { version: 'v1', subresource: '', namespace: '', ...target, group };
    return { user: this.#requester, verb: verbOf(this.#mode), resource };
  }

  async #ask(attributes: Attributes): Promise<StatusError | undefined> {
    const { decision, reason } = await this.#authorizer.authorize(attributes);
    return decision === 'allow' ? undefined : forbiddenError(attributes, reason);
  }

  #refuse(target: Target, reason: string): StatusError {
    return forbiddenError(this.#attributesOf(target), reason);
  }
}

/** What the user is given beside what was asked: a node's or service account's groups, and that of who is known. */
function actingUser({ name, uid, groups, extra }: WantedUser, mode: ModeName): UserInfo {
  const all = [...groups];
  const account = serviceAccountOf(name);
  if (mode !== 'legacy' && nodeOf(name) !== undefined) all.push('system:nodes');
  else if (account && groups.length === 0) all.push(...serviceAccountGroups(account.namespace));
  if (name === anonymous.name) {
    if (!all.includes(unauthenticatedGroup)) all.push(unauthenticatedGroup);
  } else if (!all.includes(unauthenticatedGroup) && !all.includes(authenticatedGroup)) all.push(authenticatedGroup);
  return freeze({
    name,
    ...(uid ? { uid } : {}),
    groups: all,
    ...(extra.size > 0 ? { extra: Object.fromEntries(extra) } : {}),
  });
}

function isNameOnly({ uid, groups, extra }: WantedUser): boolean {
  return !uid && groups.length === 0 && extra.size === 0;
}

function nodeOf(name: string): string | undefined {
  const prefix = 'system:node:';
  if (!name.startsWith(prefix)) return undefined;
  const node = name.slice(prefix.length);
  return subdomainProblems(node).length === 0 ? node : undefined;
}

function serviceAccountOf(user: string): { namespace: string; name: string } | undefined {
  const [system, kind, namespace = '', name = '', ...rest] = user.split(':');
  if (system !== 'system' || kind !== 'serviceaccount' || rest.length > 0) return undefined;
  const isValid = labelProblems(namespace).length === 0 && subdomainProblems(name).length === 0;
  return isValid ? { namespace, name } : undefined;
}

/** A service account whose token is bound to a pod on this node. */
function isOnNode(requester: UserInfo, wantedName: string): boolean {
  const node = nodeOf(wantedName);
  const on = requester.extra?.[nodeNameKey] ?? [];
  return node !== undefined && serviceAccountOf(requester.name) !== undefined && on.length === 1 && on[0] === node;
}

/** That the account is on the node is known; which pod and token it speaks by must not matter. */
function withoutExtra(requester: UserInfo): UserInfo {
  return { ...requester, extra: { [associatedKeysKey]: Object.keys(requester.extra ?? {}).sort() } };
}

function extraProblem(extra: WantedUser['extra']): string | undefined {
  for (const [key, values] of extra) {
    if (key === '') return 'impersonating the empty string key in extra is not allowed';
    const [problem] = domainPrefixedPathErrors('extra.key', key);
    if (problem) return `impersonating an invalid key in extra is not allowed: ${problem.message}`;
    if (key !== key.toLowerCase())
      return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`;
    if (values.includes('')) return 'impersonating the empty string value in extra is not allowed';
  }
  return undefined;
}
