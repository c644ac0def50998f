/**
 * MutatingAdmissionPolicy: changes of an object, written as expressions.
 * https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
 */
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from '#api/gen/admissionregistration-v1.js';
import { type Reason, StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Authorizer } from '../../authorization/authorizer.js';
import type { Registry } from '../../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import { isExempt, isReview } from '../matching.js';
import { refuse } from '../refuse.js';
import { type PluginRounds, roundsOf } from '../reinvocation.js';
import { replaceObject, seenAs } from '../seen.js';
import type { CompiledMutatingPolicy } from './evaluate-mutating.js';
import { type Invocation, invocationsOf, namespaceFor } from './invocations.js';
import { errorTypeOf, type PolicyObservation } from './observation.js';
import type { PolicySource } from './source.js';

type Policy = MutatingAdmissionPolicy;
type PolicyBinding = MutatingAdmissionPolicyBinding;
export type MutatingSource = PolicySource<Policy, PolicyBinding, CompiledMutatingPolicy>;
type Invoked = Invocation<Policy, PolicyBinding, CompiledMutatingPolicy>;

interface Dependencies {
  registry: () => Registry;
  authorizer: Authorizer;
  clock: Clock;
  observe?: (observation: PolicyObservation) => void;
}

interface Problem {
  policy: Policy;
  binding?: string;
  message: string;
  reason?: string;
}

export function mutatingPolicies(source: MutatingSource, dependencies: Dependencies): AdmissionPlugin {
  const name = 'MutatingAdmissionPolicy';
  return {
    name,
    handles: ({ operation, resource }) =>
      source.hooks.length > 0 && operation !== 'DELETE' && !isExempt(resource) && !isReview(resource),
    async mutate(request) {
      const all = await invocationsOf(source.hooks, request, dependencies.registry);
      if (all.length === 0) return;
      const rounds = roundsOf(request, name);
      rounds.begin(request.object);
      const problems: Problem[] = all.flatMap((one) =>
        'compiled' in one ? [] : [{ policy: one.hook.policy, binding: one.binding?.name, message: one.message }],
      );
      for (const one of all)
        if ('compiled' in one) problems.push(...(await invoke(one, { request, rounds, dependencies })));
      rounds.end(request.object);
      const denying = problems.filter(({ policy }) => policy.spec?.failurePolicy !== 'Ignore');
      if (denying.length > 0) throw refusal(request, denying);
    },
  };
}

async function invoke(
  { hook, binding, compiled, seen: matched, params }: Invoked,
  { request, rounds, dependencies }: { request: AdmissionRequest; rounds: PluginRounds; dependencies: Dependencies },
): Promise<Problem[]> {
  const { registry, authorizer, clock, observe } = dependencies;
  const namespace = await namespaceFor(request, registry);
  // Policies before this one may have changed the object since it was matched.
  const seen = await seenAs(request, matched.resource);
  const subject = { request, seen, namespace, params, authorizer };
  const problemOf = (message: string) => ({ policy: hook.policy, binding: binding.name, message, reason: 'Invalid' });
  const { matches, problem } = await compiled.match(subject);
  if (problem !== undefined) return [problemOf(problem)];
  const id = [hook.name, binding.name, params?.metadata.namespace, params?.metadata.name].join('/');
  if (!matches || !seen.object || !rounds.hasTurn(id)) return [];
  const problems: Problem[] = [];
  let object = seen.object;
  let isMutated = false;
  for (const mutate of compiled.mutations) {
    const startMs = clock.monotonic();
    let type: PolicyObservation['error'] = 'no_error';
    try {
      object = await mutate(object, subject);
      isMutated = true;
    } catch (error) {
      type = errorTypeOf((error as Error).message);
      if ((error as Error).name !== 'MutationError') throw error;
      problems.push(problemOf((error as Error).message));
    } finally {
      const observed = {
        policy: hook.name,
        binding: binding.name,
        error: type,
        durationMs: clock.monotonic() - startMs,
      };
      observe?.({ kind: 'mutating', ...observed });
    }
  }
  if (!equal(object, seen.object)) await replaceObject(request, object);
  // Upstream does not ask whether anything came of it.
  if (isMutated) rounds.changed();
  if (hook.policy.spec?.reinvocationPolicy === 'IfNeeded') rounds.remember(id);
  return problems;
}

/** The first speaks for all; each is a cause. */
function refusal(request: AdmissionRequest, problems: readonly Problem[]): StatusError {
  const texts = problems.map(({ policy, binding, message }) => {
    const { name } = policy.metadata;
    if (binding === undefined) return `policy ${JSON.stringify(name)} denied request: ${message}`;
    return `policy '${name}' with binding '${binding}' denied request: ${message}`;
  });
  const { status } = refuse(request, 'admission request denied by policy');
  const details = { ...status.details, causes: texts.map((message) => ({ message })) };
  const reason = (problems[0]!.reason ?? 'Forbidden') as Reason;
  return new StatusError({ message: texts[0], reason, details, code: 403 });
}
