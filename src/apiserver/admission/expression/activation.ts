/**
 * What the names in expressions of admission stand for in one request, and evaluation within a budget. Authorizers may
 * take time, which expressions cannot: an evaluation that needs an answer is given up, and done again when it is there.
 */
import type { Namespace } from '#api/gen/core-v1.js';
import {
  type AuthorizationDecision,
  type AuthorizationQuery,
  authorizerValues,
  CelError,
  CelMap,
  evaluateAsync,
  type Program,
  plainValue,
  type Result,
  type Value,
} from '#apimachinery/cel/index.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Authorizer, Decision } from '../../authorization/authorizer.js';
import type { AdmissionRequest } from '../admission.js';
import { namespaceOf, resourceIdOf } from '../matching.js';
import { kindOf, type Seen } from '../seen.js';
import { optionsOf } from '../webhook/review.js';
import type { Compiled } from './compile.js';

/** All that was to be spent is spent: nothing more of this policy is evaluated. */
export class BudgetError extends Error {
  override readonly name = 'BudgetError';

  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run');
  }
}

export interface Subject {
  request: AdmissionRequest;
  seen: Seen;
  /** Of the namespace that the request is in. */
  namespace?: Namespace;
  /** undefined: the policy has none; null: the binding gives none. */
  params?: KubeObject | null;
  authorizer: Authorizer;
  /** The policy's own, by name. */
  variables?: ReadonlyMap<string, Compiled>;
}

/** One evaluation of one policy, with one budget. */
export class Activation {
  readonly #subject: Subject;
  readonly #values = new Map<string, Result | undefined>();
  readonly #variables: Variables | undefined;
  #authorizer: ReturnType<typeof authorizerValues> | undefined;
  #remaining: number;

  constructor(subject: Subject, budget: number) {
    this.#subject = subject;
    this.#remaining = budget;
    const { variables } = subject;
    this.#variables = variables && new Variables(variables, (program) => this.#run(program));
  }

  /** An error is a result. Throws BudgetError. */
  async evaluate(program: Program): Promise<Result> {
    const { value, cost } = await evaluateAsync(program, this.#valueOf);
    return this.#paid(value, cost);
  }

  /** Of a variable, which is found in the midst of another evaluation. */
  #run(program: Program): Result {
    const { value, cost } = program.evaluate(this.#valueOf);
    return this.#paid(value, cost);
  }

  #paid(value: Result, cost: number): Result {
    this.#remaining -= cost;
    if (this.#remaining < 0) throw new BudgetError();
    return value;
  }

  #authorizing(): ReturnType<typeof authorizerValues> {
    const { request, authorizer } = this.#subject;
    const { name: username, ...user } = request.user;
    this.#authorizer ??= authorizerValues({
      authorize: (query) => decide(authorizer, query),
      user: { username, ...user },
      resource: askedResource(request),
    });
    return this.#authorizer;
  }

  readonly #valueOf = (name: string): Result | undefined => {
    if (name === 'variables') return this.#variables;
    let value = this.#values.get(name);
    if (value === undefined && !this.#values.has(name)) this.#values.set(name, (value = this.#make(name)));
    return value;
  };

  #make(name: string): Result | undefined {
    const { request, seen, namespace, params } = this.#subject;
    switch (name) {
      case 'object':
        return plainValue(seen.object);
      case 'oldObject':
        return plainValue(seen.old);
      case 'params':
        return plainValue(params);
      case 'request':
        return plainValue(requestValue(request, seen));
      case 'namespaceObject':
        return plainValue(namespace && namespaceValue(namespace));
      case 'authorizer':
        return this.#authorizing().authorizer;
      case 'authorizer.requestResource':
        return this.#authorizing().requestResource;
      default:
        return undefined;
    }
  }
}

/** What the server's own authorizer says, at once where it can. */
function decide(authorizer: Authorizer, query: AuthorizationQuery) {
  const { user: asking, verb, ...asked } = query;
  const { username: name, groups = [], ...rest } = asking;
  const target = 'path' in asked ? asked : { resource: { version: '*', ...asked } };
  const answer = authorizer.authorize({ user: { name, groups, ...rest }, verb, ...target });
  return answer instanceof Promise ? answer.then(decisionOf) : decisionOf(answer);
}

function decisionOf({ decision, reason, error }: Decision): AuthorizationDecision {
  return { isAllowed: decision === 'allow', reason, ...(error && { error: error.message }) };
}

/** Evaluated when they are first named, once. */
class Variables extends CelMap {
  readonly #compiled: ReadonlyMap<string, Compiled>;
  readonly #run: (program: Program) => Result;
  readonly #values = new Map<string, Result>();

  constructor(compiled: ReadonlyMap<string, Compiled>, run: (program: Program) => Result) {
    super();
    this.#compiled = compiled;
    this.#run = run;
  }

  override get size(): number {
    return this.#compiled.size;
  }

  override find(key: Value): Result | undefined {
    const compiled = typeof key === 'string' ? this.#compiled.get(key) : undefined;
    if (!compiled) return undefined;
    const name = key as string;
    let value = this.#values.get(name);
    if (value === undefined) this.#values.set(name, (value = this.#evaluate(name, compiled)));
    return value;
  }

  override keys(): Iterable<Value> {
    return this.#compiled.keys();
  }

  #evaluate(name: string, { program, problem }: Compiled): Result {
    if (!program) return new CelError(`composited variable "${name}" fails to compile: ${problem}`);
    const value = this.#run(program);
    if (!(value instanceof CelError)) return value;
    return new CelError(`composited variable "${name}" fails to evaluate: ${value.message}`);
  }
}

function askedResource(request: AdmissionRequest) {
  const { group, resource } = resourceIdOf(request);
  return { group, resource, subresource: request.subresource, namespace: request.namespace, name: request.name };
}

/** As an AdmissionReview has it, without the objects, which have names of their own. */
function requestValue(request: AdmissionRequest, seen: Seen): object {
  const { subresource, operation, user, dryRun } = request;
  return {
    kind: seen.kind,
    resource: seen.resource,
    subResource: subresource,
    requestKind: kindOf(request),
    requestResource: resourceIdOf(request),
    requestSubResource: subresource,
    name: request.name,
    namespace: namespaceOf(request),
    operation,
    userInfo: { username: user.name, uid: user.uid ?? '', groups: user.groups, extra: user.extra ?? {} },
    dryRun,
    options: optionsOf(request),
  };
}

/** Without what is others' concern: owners, and who manages which field. */
function namespaceValue({ metadata, spec, status }: Namespace): object {
  const { ownerReferences: _owners, managedFields: _fields, ...kept } = metadata;
  return { metadata: kept, spec, status };
}
