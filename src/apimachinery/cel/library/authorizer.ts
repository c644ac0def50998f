/**
 * Asking whether a user may do something, with the authorizers that the caller supplies.
 * https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-authorizer-library
 */
import { labelProblems, subdomainProblems } from '../../names.js';
import { type FunctionDeclaration, type Library, member } from '../declarations.js';
import { boolType, stringType, structType, type Type } from '../types.js';
import { CelError, Opaque, type Result, type Value } from '../values.js';

export interface AuthorizationUser {
  username: string;
  uid?: string;
  groups?: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

/** What is asked. A selector is as the expression wrote it, and may be none. */
export type AuthorizationQuery = { user: AuthorizationUser; verb: string } & (
  | { path: string }
  | {
      group: string;
      resource: string;
      subresource: string;
      namespace: string;
      name: string;
      fieldSelector: string;
      labelSelector: string;
    }
);

export interface AuthorizationDecision {
  isAllowed: boolean;
  reason: string;
  error?: string;
}

/** Answers at once, or later: `Program.evaluateAsync` waits for it and begins again. */
export type Authorize = (query: AuthorizationQuery) => AuthorizationDecision | Promise<AuthorizationDecision>;

/** Thrown in an evaluation that needs a decision which is not there yet. */
export class PendingDecision extends Error {
  readonly decision: Promise<unknown>;

  constructor(decision: Promise<unknown>) {
    super('an authorization decision is not there yet');
    this.decision = decision;
  }
}

const type = (name: string): Type => structType(`kubernetes.authorization.${name}`);
export const authorizerType = type('Authorizer');
export const resourceCheckType = type('ResourceCheck');
const pathCheckType = type('PathCheck');
const groupCheckType = type('GroupCheck');
const decisionType = type('Decision');

/** Remembers what was decided, since an expression may ask twice, or be evaluated again. */
class Decisions {
  readonly #authorize: Authorize;
  readonly #known = new Map<string, Decision>();

  constructor(authorize: Authorize) {
    this.#authorize = authorize;
  }

  decide(query: AuthorizationQuery): Decision {
    const key = JSON.stringify(query);
    const known = this.#known.get(key);
    if (known) return known;
    const remember = (decision: AuthorizationDecision): Decision => {
      const made = new Decision(decision);
      this.#known.set(key, made);
      return made;
    };
    const decision = this.#authorize(query);
    if (decision instanceof Promise) throw new PendingDecision(decision.then(remember));
    return remember(decision);
  }
}

abstract class Identical extends Opaque {
  override equals(other: Value): boolean {
    return this === other;
  }
}

class Authorizer extends Identical {
  override readonly type = authorizerType;
  readonly decisions: Decisions;
  readonly user: AuthorizationUser;

  constructor(decisions: Decisions, user: AuthorizationUser) {
    super();
    this.decisions = decisions;
    this.user = user;
  }
}

class PathCheck extends Identical {
  override readonly type = pathCheckType;
  readonly authorizer: Authorizer;
  readonly path: string;

  constructor(authorizer: Authorizer, path: string) {
    super();
    this.authorizer = authorizer;
    this.path = path;
  }
}

class GroupCheck extends Identical {
  override readonly type = groupCheckType;
  readonly authorizer: Authorizer;
  readonly group: string;

  constructor(authorizer: Authorizer, group: string) {
    super();
    this.authorizer = authorizer;
    this.group = group;
  }
}

export interface ResourceToCheck {
  group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
}

interface ResourceFields extends ResourceToCheck {
  fieldSelector: string;
  labelSelector: string;
}

class ResourceCheck extends Identical {
  override readonly type = resourceCheckType;
  readonly authorizer: Authorizer;
  readonly fields: ResourceFields;

  constructor(authorizer: Authorizer, fields: ResourceFields) {
    super();
    this.authorizer = authorizer;
    this.fields = fields;
  }
}

class Decision extends Identical {
  override readonly type = decisionType;
  readonly decision: AuthorizationDecision;

  constructor(decision: AuthorizationDecision) {
    super();
    this.decision = decision;
  }
}

/** The variables `authorizer` and `authorizer.requestResource` of one request. */
export function authorizerValues(options: {
  authorize: Authorize;
  user: AuthorizationUser;
  resource: ResourceToCheck;
}): {
  authorizer: Value;
  requestResource: Value;
} {
  const authorizer = new Authorizer(new Decisions(options.authorize), options.user);
  const fields = { ...options.resource, fieldSelector: '', labelSelector: '' };
  return { authorizer, requestResource: new ResourceCheck(authorizer, fields) };
}

function pathOf(authorizer: Value, path: Value): Result {
  if ((path as string).trim() === '') return new CelError('path must not be empty');
  return new PathCheck(authorizer as Authorizer, path as string);
}

function resourceOf(check: Value, resource: Value): Result {
  if ((resource as string).trim() === '') return new CelError('resource must not be empty');
  const { authorizer, group } = check as GroupCheck;
  const unset = { subresource: '', namespace: '', name: '', fieldSelector: '', labelSelector: '' };
  return new ResourceCheck(authorizer, { group, resource: resource as string, ...unset });
}

function serviceAccount(authorizer: Value, namespace: Value, name: Value): Result {
  if (subdomainProblems(name as string).length > 0) return new CelError('Invalid service account name');
  if (labelProblems(namespace as string).length > 0) return new CelError('Invalid service account namespace');
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  const user = { username: `system:serviceaccount:${namespace}:${name}`, groups };
  return new Authorizer((authorizer as Authorizer).decisions, user);
}

function check(of: Value, verb: Value): Result {
  const { authorizer } = of as PathCheck | ResourceCheck;
  const asked = of instanceof PathCheck ? { path: of.path } : (of as ResourceCheck).fields;
  return authorizer.decisions.decide({ user: authorizer.user, verb: verb as string, ...asked });
}

/** Sets a field of what is asked. */
function setter(name: keyof ResourceFields, id: string): FunctionDeclaration {
  const set = (of: Value, value: Value) => {
    const { authorizer, fields } = of as ResourceCheck;
    return new ResourceCheck(authorizer, { ...fields, [name]: value });
  };
  return { name, overloads: [member(id, [resourceCheckType, stringType], resourceCheckType, set)] };
}

function accessor(name: string, result: Type, read: (decision: AuthorizationDecision) => Value): FunctionDeclaration {
  const call = (of: Value) => read((of as Decision).decision);
  return { name, overloads: [member(`decision_${name}`, [decisionType], result, call)] };
}

export const authorizerLibrary: Library = {
  functions: [
    { name: 'path', overloads: [member('authorizer_path', [authorizerType, stringType], pathCheckType, pathOf)] },
    {
      name: 'group',
      overloads: [
        member('authorizer_group', [authorizerType, stringType], groupCheckType, (authorizer, group) => {
          return new GroupCheck(authorizer as Authorizer, group as string);
        }),
      ],
    },
    {
      name: 'serviceAccount',
      overloads: [
        member('authorizer_serviceaccount', [authorizerType, stringType, stringType], authorizerType, serviceAccount),
      ],
    },
    {
      name: 'resource',
      overloads: [member('groupcheck_resource', [groupCheckType, stringType], resourceCheckType, resourceOf)],
    },
    setter('subresource', 'resourcecheck_subresource'),
    setter('namespace', 'resourcecheck_namespace'),
    setter('name', 'resourcecheck_name'),
    setter('fieldSelector', 'authorizer_fieldselector'),
    setter('labelSelector', 'authorizer_labelselector'),
    {
      name: 'check',
      overloads: [
        member('pathcheck_check', [pathCheckType, stringType], decisionType, check),
        member('resourcecheck_check', [resourceCheckType, stringType], decisionType, check),
      ],
    },
    accessor('errored', boolType, ({ error }) => error !== undefined),
    accessor('error', stringType, ({ error }) => error ?? ''),
    accessor('allowed', boolType, ({ isAllowed }) => isAllowed),
    accessor('reason', stringType, ({ reason }) => reason),
  ],
};
