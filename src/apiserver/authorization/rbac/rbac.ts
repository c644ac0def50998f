/**
 * The RBAC authorizer: indexes of roles and bindings, fed by informers or by hand, and the decisions drawn from them.
 * A decision reads memory only, and is remembered until a role or binding changes.
 */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '#api/gen/rbac-v1.js';
import type { UserInfo } from '../../authentication/authenticator.js';
import type { Attributes, Authorizer, Decision } from '../authorizer.js';
import { ruleAllows } from './rules.js';

/** Decisions remembered for one user; beyond it they are forgotten and drawn afresh. */
export const decisionsPerUserMax = 1024;

/** One binding as seen from one of its subjects. */
interface Grant {
  /** `ClusterRoleBinding "x" of ClusterRole "y" to Group "z"` */
  description: string;
  /** Of the binding; '' for a ClusterRoleBinding. */
  namespace: string;
  role: { kind: string; name: string };
}

interface Remembered {
  generation: number;
  decisions: Map<string, Decision>;
}

type Binding = ClusterRoleBinding | RoleBinding;

/** Rules found on the way, and what was wrong with the bindings that led nowhere. */
export interface ResolvedRules {
  rules: PolicyRule[];
  errors: string[];
}

export class RbacAuthorizer implements Authorizer {
  readonly #clusterRoles = new Map<string, readonly PolicyRule[]>();
  readonly #roles = new Map<string, readonly PolicyRule[]>();
  readonly #bindings = new Map<string, Binding>();
  /** Namespace ('' for cluster-wide) -> subject -> grants. */
  readonly #grants = new Map<string, Map<string, Grant[]>>();
  /** Raised by every change, which makes what is remembered void. */
  #generation = 0;
  #remembered = new WeakMap<UserInfo, Remembered>();

  /** Puts, or takes away (undefined), the role of this name. `namespace` is '' for a ClusterRole. */
  setRole(key: { namespace: string; name: string }, role: Role | ClusterRole | undefined): void {
    const roles = key.namespace ? this.#roles : this.#clusterRoles;
    const id = key.namespace ? roleId(key) : key.name;
    if (role) roles.set(id, role.rules ?? []);
    else roles.delete(id);
    this.#generation++;
  }

  /** Puts, or takes away (undefined), the binding of this name. `namespace` is '' for a ClusterRoleBinding. */
  setBinding(key: { namespace: string; name: string }, binding: Binding | undefined): void {
    const id = roleId(key);
    const before = this.#bindings.get(id);
    if (before) this.#eachGrant(before, (grants, grant) => remove(grants, grant.description));
    if (binding) this.#eachGrant(binding, (grants, grant) => grants.push(grant));
    if (binding) this.#bindings.set(id, binding);
    else this.#bindings.delete(id);
    this.#generation++;
  }

  authorize(attributes: Attributes): Decision {
    let remembered = this.#remembered.get(attributes.user);
    if (remembered?.generation !== this.#generation) {
      remembered = { generation: this.#generation, decisions: new Map() };
      this.#remembered.set(attributes.user, remembered);
    }
    const key = decisionKey(attributes);
    const known = remembered.decisions.get(key);
    if (known) return known;
    const decision = this.#decide(attributes);
    if (remembered.decisions.size >= decisionsPerUserMax) remembered.decisions.clear();
    remembered.decisions.set(key, decision);
    return decision;
  }

  /** All rules that hold for the user in the namespace ('': cluster-wide only). */
  rulesFor(user: UserInfo, namespace: string): ResolvedRules {
    const found: ResolvedRules = { rules: [], errors: [] };
    for (const grant of this.#grantsTo(user, namespace)) {
      const rules = this.#rulesOf(grant);
      if (rules) found.rules.push(...rules);
      else found.errors.push(missingRole(grant));
    }
    return found;
  }

  /** The rules behind a roleRef; undefined when there is no such role. */
  rulesOfRole(role: { kind: string; name: string }, namespace: string): readonly PolicyRule[] | undefined {
    return role.kind === 'ClusterRole'
      ? this.#clusterRoles.get(role.name)
      : this.#roles.get(roleId({ namespace, name: role.name }));
  }

  #decide(attributes: Attributes): Decision {
    const errors: string[] = [];
    for (const grant of this.#grantsTo(attributes.user, attributes.resource?.namespace ?? '')) {
      const rules = this.#rulesOf(grant);
      if (!rules) errors.push(missingRole(grant));
      else if (rules.some((rule) => ruleAllows(rule, attributes)))
        return { decision: 'allow', reason: `RBAC: allowed by ${grant.description}` };
    }
    return { decision: 'no opinion', reason: errors.length > 0 ? `RBAC: ${joinErrors(errors)}` : '' };
  }

  /** Cluster-wide grants first, as upstream looks. */
  *#grantsTo(user: UserInfo, namespace: string): Iterable<Grant> {
    for (const scope of namespace ? ['', namespace] : ['']) {
      const bySubject = this.#grants.get(scope);
      if (!bySubject) continue;
      yield* bySubject.get(`User ${user.name}`) ?? [];
      for (const group of user.groups) yield* bySubject.get(`Group ${group}`) ?? [];
    }
  }

  #rulesOf({ role, namespace }: Grant): readonly PolicyRule[] | undefined {
    return this.rulesOfRole(role, namespace);
  }

  #eachGrant(binding: Binding, visit: (grants: Grant[], grant: Grant) => void): void {
    const { name = '', namespace = '' } = binding.metadata;
    let bySubject = this.#grants.get(namespace);
    if (!bySubject) this.#grants.set(namespace, (bySubject = new Map()));
    const { kind, name: roleName } = binding.roleRef;
    const title = namespace ? `RoleBinding "${name}/${namespace}"` : `ClusterRoleBinding "${name}"`;
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, namespace);
      if (key === undefined) continue;
      let grants = bySubject.get(key);
      if (!grants) bySubject.set(key, (grants = []));
      const description = `${title} of ${kind} "${roleName}" to ${describeSubject(subject, namespace)}`;
      visit(grants, { description, namespace, role: { kind, name: roleName } });
      if (grants.length === 0) bySubject.delete(key);
    }
    if (bySubject.size === 0) this.#grants.delete(namespace);
  }
}

function remove(grants: Grant[], description: string): void {
  const index = grants.findIndex((grant) => grant.description === description);
  if (index >= 0) grants.splice(index, 1);
}

function roleId({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}

/** The parts come from a URL and may hold anything, so each length is told with the part: no two requests share a key. */
function decisionKey({ verb, resource, path }: Attributes): string {
  if (!resource) return `${verb} ${path}`;
  const { group, subresource, namespace, name } = resource;
  const lengths = `${group.length},${resource.resource.length},${subresource.length},${namespace.length}`;
  return `${verb} ${lengths} ${group}${resource.resource}${subresource}${namespace}${name}`;
}

/** A service account is a user with a name of a fixed form. Undefined: a subject that can match nobody. */
function subjectKey({ kind, name, namespace }: Subject, bindingNamespace: string): string | undefined {
  if (kind !== 'ServiceAccount') return `${kind} ${name}`;
  const home = namespace || bindingNamespace;
  return home ? `User system:serviceaccount:${home}:${name}` : undefined;
}

function describeSubject({ kind, name, namespace }: Subject, bindingNamespace: string): string {
  return kind === 'ServiceAccount' ? `${kind} "${name}/${namespace || bindingNamespace}"` : `${kind} "${name}"`;
}

/** The words of the lister that upstream looks in, which names the resource in the singular. */
function missingRole({ role }: Grant): string {
  return `${role.kind.toLowerCase()}.rbac.authorization.k8s.io "${role.name}" not found`;
}

function joinErrors(errors: readonly string[]): string {
  const unique = [...new Set(errors)];
  return unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`;
}
