/**
 * ValidatingAdmissionPolicy: conditions that an object must satisfy, written as expressions.
 * https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
 */
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '#api/gen/admissionregistration-v1.js';
import { type Reason, StatusError } from '#apimachinery/errors.js';
import type { Authorizer } from '../../authorization/authorizer.js';
import type { Registry } from '../../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import { isExempt, isReview } from '../matching.js';
import { refuse } from '../refuse.js';
import type { CompiledValidatingPolicy, Decision } from './evaluate-validating.js';
import { type Fault, type Invocation, invocationsOf, namespaceFor } from './invocations.js';
import { errorTypeOf, type PolicyObservation } from './observation.js';
import type { PolicySource } from './source.js';

type Policy = ValidatingAdmissionPolicy;
type PolicyBinding = ValidatingAdmissionPolicyBinding;
export type ValidatingSource = PolicySource<Policy, PolicyBinding, CompiledValidatingPolicy>;
type Invoked = Invocation<Policy, PolicyBinding, CompiledValidatingPolicy>;
type Faulty = Fault<Policy, PolicyBinding, CompiledValidatingPolicy>;

const failureAnnotation = 'validation.policy.admission.k8s.io/validation_failure';
/** Of one request in its audit event. */
const failuresToldMax = 50;
const annotationCharsMax = 10 * 1024;

const codes: Partial<Record<string, number>> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413 };

interface Dependencies {
  registry: () => Registry;
  authorizer: Authorizer;
  observe?: (observation: PolicyObservation) => void;
}

export function validatingPolicies(source: ValidatingSource, dependencies: Dependencies): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionPolicy',
    handles: ({ resource }) => source.hooks.length > 0 && !isExempt(resource) && !isReview(resource),
    async validate(request) {
      const all = await invocationsOf(source.hooks, request, dependencies.registry);
      if (all.length > 0) await new Judgement(request, dependencies).judge(all);
    },
  };
}

interface Denial {
  policy: string;
  binding?: string;
  message: string;
  reason?: string;
}

/** What the policies together say about one request. */
class Judgement {
  readonly #request: AdmissionRequest;
  readonly #dependencies: Dependencies;
  readonly #denials: Denial[] = [];
  readonly #failures: object[] = [];
  /** By policy and key; values of several bindings stand side by side. */
  readonly #annotations = new Map<string, Set<string>>();

  constructor(request: AdmissionRequest, dependencies: Dependencies) {
    this.#request = request;
    this.#dependencies = dependencies;
  }

  /** Throws StatusError when a policy denies the request. */
  async judge(all: readonly (Invoked | Faulty)[]): Promise<void> {
    const namespace = await namespaceFor(this.#request, this.#dependencies.registry);
    for (const one of all) {
      if (!('compiled' in one)) {
        this.#addFault(one);
        continue;
      }
      const { compiled, hook, binding, seen, params } = one;
      const { authorizer } = this.#dependencies;
      const subject = { request: this.#request, seen, namespace, params, authorizer };
      const { decisions, annotations } = await compiled.evaluate(subject);
      for (const [index, decision] of decisions.entries()) this.#add(one, decision, index);
      for (const { key, value, problem, durationMs } of annotations) {
        if (problem !== undefined) {
          this.#denials.push({ policy: hook.name, binding: binding.name, message: problem });
          this.#observe(one, { message: problem, durationMs }, 'deny');
        }
        if (value !== undefined) this.#annotate(`${hook.name}/${key}`, value.slice(0, annotationCharsMax));
      }
    }
    this.#tell();
    const [first] = this.#denials;
    if (first) throw this.#refusal(first);
  }

  #addFault({ hook, binding, message }: Faulty): void {
    if (hook.policy.spec?.failurePolicy === 'Ignore') return;
    this.#denials.push({ policy: hook.name, binding: binding?.name, message });
  }

  #add(one: Invoked, decision: Decision, expressionIndex: number): void {
    const { hook, binding } = one;
    const { denies, message, reason } = decision;
    // What failed and is let through; as upstream, what is admitted for good is not counted.
    if (!denies && message !== '') this.#observe(one, decision, 'allow');
    if (!denies) return;
    const { validationActions = [], policyName } = binding.object.spec ?? {};
    const denial = { policy: hook.name, binding: binding.name, message, reason };
    for (const action of validationActions) {
      this.#observe(one, decision, action.toLowerCase());
      if (action === 'Deny') this.#denials.push(denial);
      if (action === 'Warn')
        this.#request.warn(
          `Validation failed for ValidatingAdmissionPolicy '${hook.name}' with binding '${binding.name}': ${message}`,
        );
      if (action === 'Audit')
        this.#failures.push({ message, policy: policyName, binding: binding.name, expressionIndex, validationActions });
    }
  }

  #observe(
    { hook, binding }: Invoked,
    { message, reason, durationMs }: Pick<Decision, 'message' | 'reason' | 'durationMs'>,
    action: string,
  ): void {
    // A rule that is broken is, in upstream's words, an invalid one.
    const error = reason === undefined ? errorTypeOf(message) : 'invalid_error';
    const observed = { policy: hook.name, binding: binding.name, error, action, durationMs };
    this.#dependencies.observe?.({ kind: 'validating', ...observed });
  }

  #annotate(key: string, value: string): void {
    const values = this.#annotations.get(key) ?? new Set();
    this.#annotations.set(key, values.add(value));
  }

  #tell(): void {
    for (const [key, values] of this.#annotations) this.#request.annotate(key, [...values].join(', '));
    if (this.#failures.length > 0)
      this.#request.annotate(failureAnnotation, JSON.stringify(this.#failures.slice(0, failuresToldMax)));
  }

  #refusal({ policy, binding, message, reason = 'Invalid' }: Denial): StatusError {
    const by = binding === undefined ? '' : ` with binding '${binding}'`;
    const told = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`;
    const { status } = refuse(this.#request, told);
    const details = { ...status.details, causes: [{ message: told }] };
    return new StatusError({ message: status.message, reason: reason as Reason, details, code: codes[reason] ?? 422 });
  }
}
