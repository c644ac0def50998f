/**
 * The admission policies that are in force: those with bindings, each compiled when a request first meets it. Used for
 * validating and mutating policies alike, which differ in what they are made of.
 */
import type { MatchResources, ParamKind, ParamRef } from '#api/gen/admissionregistration-v1.js';
import type { KubeObject } from '#apimachinery/object.js';
import { RequestMatcher } from '../matching.js';

/** What both kinds of policy have in common. */
export interface PolicyObject extends KubeObject {
  spec?: {
    paramKind?: ParamKind;
    matchConstraints?: MatchResources;
    failurePolicy?: string;
    matchConditions?: { name: string; expression: string }[];
    variables?: { name: string; expression: string }[];
  };
}

export interface BindingObject extends KubeObject {
  spec?: { policyName?: string; paramRef?: ParamRef; matchResources?: MatchResources; validationActions?: string[] };
}

export interface Binding<B extends BindingObject> {
  name: string;
  object: B;
  /** Absent: every request that the policy matches. */
  matcher: RequestMatcher | undefined;
}

export interface Hook<P extends PolicyObject, B extends BindingObject, C> {
  name: string;
  policy: P;
  /** Absent for a policy that says nothing of what it matches. */
  matcher: RequestMatcher | undefined;
  bindings: readonly Binding<B>[];
  compiled(): Promise<C>;
}

export class PolicySource<P extends PolicyObject, B extends BindingObject, C> {
  readonly #compile: (policy: P) => Promise<C>;
  readonly #policies = new Map<string, Omit<Hook<P, B, C>, 'bindings'>>();
  readonly #bindings = new Map<string, Binding<B>>();
  #hooks: readonly Hook<P, B, C>[] = [];

  constructor(compile: (policy: P) => Promise<C>) {
    this.#compile = compile;
  }

  /** In order of names; bindings too. */
  get hooks(): readonly Hook<P, B, C>[] {
    return this.#hooks;
  }

  putPolicy(policy: P): void {
    const { name = '' } = policy.metadata;
    const { matchConstraints } = policy.spec ?? {};
    let compiling: Promise<C> | undefined;
    this.#policies.set(name, {
      name,
      policy,
      matcher: matchConstraints && matcherOf(matchConstraints),
      compiled: () => (compiling ??= this.#compile(policy)),
    });
    this.#arrange();
  }

  removePolicy(name: string): void {
    this.#policies.delete(name);
    this.#arrange();
  }

  putBinding(object: B): void {
    const { name = '' } = object.metadata;
    const { matchResources } = object.spec ?? {};
    this.#bindings.set(name, { name, object, matcher: matchResources && matcherOf(matchResources) });
    this.#arrange();
  }

  removeBinding(name: string): void {
    this.#bindings.delete(name);
    this.#arrange();
  }

  #arrange(): void {
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    const all = [...this.#bindings.values()].sort(byName);
    this.#hooks = [...this.#policies.values()].sort(byName).flatMap((policy) => {
      const bindings = all.filter(({ object }) => object.spec?.policyName === policy.name);
      return bindings.length > 0 ? [{ ...policy, bindings }] : [];
    });
  }
}

function matcherOf(resources: MatchResources): RequestMatcher {
  const { resourceRules, excludeResourceRules, ...selectors } = resources;
  return new RequestMatcher({
    ...selectors,
    rules: resourceRules?.length ? resourceRules : undefined,
    excludeRules: excludeResourceRules,
  });
}
