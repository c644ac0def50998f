/** The two policy plugins, and the watch by which they learn of policies and bindings. */
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Clock } from '#base/clock.js';
import { loading } from '#base/loading.js';
import type { Authorizer } from '../../authorization/authorizer.js';
import type { Registry } from '../../registry/registry.js';
import type { AdmissionPlugin } from '../admission.js';
import { type Followed, followKind } from '../follow.js';
import { type MutatingSource, mutatingPolicies } from './mutating.js';
import type { PolicyObservation } from './observation.js';
import { type BindingObject, type PolicyObject, PolicySource } from './source.js';
import { type ValidatingSource, validatingPolicies } from './validating.js';

export interface AdmissionPolicies {
  mutating: AdmissionPlugin;
  validating: AdmissionPlugin;
  /** Resolves when the policies and bindings that there are have been seen. */
  follow(followed: Followed): Promise<void>;
}

export interface PolicyDependencies {
  registry: () => Registry;
  authorizer: Authorizer;
  schemas: SchemaTable;
  clock: Clock;
  /** Told of every expression, for metrics. */
  observe?: (observation: PolicyObservation) => void;
}

/** Policies are compiled when a request first meets them: the language is loaded when there is one. */
export function policySources({ schemas, clock }: Pick<PolicyDependencies, 'schemas' | 'clock'>): {
  mutating: MutatingSource;
  validating: ValidatingSource;
} {
  return {
    mutating: new PolicySource(async (policy) => {
      const { compileMutatingPolicy } = await loading(import('./evaluate-mutating.js'));
      return compileMutatingPolicy(policy, { schemas });
    }),
    validating: new PolicySource(async (policy) => {
      const { compileValidatingPolicy } = await loading(import('./evaluate-validating.js'));
      return compileValidatingPolicy(policy, { clock });
    }),
  };
}

export function admissionPolicies(dependencies: PolicyDependencies): AdmissionPolicies {
  const { mutating, validating } = policySources(dependencies);
  return {
    mutating: mutatingPolicies(mutating, dependencies),
    validating: validatingPolicies(validating, dependencies),
    async follow(followed) {
      await Promise.all([
        followSource(followed, 'mutatingadmissionpolicies', mutating),
        followSource(followed, 'validatingadmissionpolicies', validating),
      ]);
    },
  };
}

async function followSource<P extends PolicyObject, B extends BindingObject, C>(
  followed: Followed,
  plural: string,
  source: PolicySource<P, B, C>,
): Promise<void> {
  const bindings = `${plural.slice(0, -'ies'.length)}ybindings`;
  await Promise.all([
    followKind<P>(followed, plural, {
      put: (policy) => source.putPolicy(policy),
      remove: (name) => source.removePolicy(name),
    }),
    followKind<B>(followed, bindings, {
      put: (binding) => source.putBinding(binding),
      remove: (name) => source.removeBinding(name),
    }),
  ]);
}
