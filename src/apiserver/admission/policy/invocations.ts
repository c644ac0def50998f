/** Which policies concern a request, by which bindings and with which parameters. */
import namespaceResource from '#api/core/namespace.js';
import type { Namespace } from '#api/gen/core-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import { ParseError } from '#apimachinery/parse-error.js';
import type { Registry } from '../../registry/registry.js';
import type { AdmissionRequest } from '../admission.js';
import { namespaceOf } from '../matching.js';
import { type Seen, seenAs } from '../seen.js';
import { ConfigurationError, collectParams, paramResource } from './params.js';
import type { Binding, BindingObject, Hook, PolicyObject } from './source.js';

export interface Invocation<P extends PolicyObject, B extends BindingObject, C> {
  hook: Hook<P, B, C>;
  binding: Binding<B>;
  compiled: C;
  seen: Seen;
  /** undefined: the policy takes none. */
  params: KubeObject | null | undefined;
}

export interface Fault<P extends PolicyObject, B extends BindingObject, C> {
  hook: Hook<P, B, C>;
  binding?: Binding<B>;
  message: string;
}

/** In order; faults stand where the evaluation would have been. */
export async function invocationsOf<P extends PolicyObject, B extends BindingObject, C>(
  hooks: readonly Hook<P, B, C>[],
  request: AdmissionRequest,
  registry: () => Registry,
): Promise<(Invocation<P, B, C> | Fault<P, B, C>)[]> {
  const found: (Invocation<P, B, C> | Fault<P, B, C>)[] = [];
  for (const hook of hooks) {
    const { paramKind } = hook.policy.spec ?? {};
    const begun = await attempt('failed to configure policy', async () => {
      if (!hook.matcher) throw new ConfigurationError('policy contained no match constraints, a required field');
      const resource = await hook.matcher.match(request, registry);
      if (!resource) return undefined;
      if (paramKind) paramResource(registry(), paramKind);
      return await seenAs(request, resource);
    });
    if (begun.fault !== undefined) found.push({ hook, message: begun.fault });
    if (!begun.value) continue;
    const seen = begun.value;
    for (const binding of hook.bindings) {
      const collected = await attempt('failed to configure binding', async () => {
        if (binding.matcher && !(await binding.matcher.match(request, registry))) return [];
        const { paramRef } = binding.object.spec ?? {};
        return await collectParams(registry(), { paramKind, paramRef, namespace: request.namespace });
      });
      if (collected.fault !== undefined) found.push({ hook, binding, message: collected.fault });
      for (const params of collected.value ?? []) {
        const compiled = await hook.compiled();
        found.push({ hook, binding, compiled, seen, params: paramKind ? params : undefined });
      }
    }
  }
  return found;
}

/** What is wrong with how things are set up is a fault of the policy, and its failurePolicy's to judge. */
async function attempt<T>(what: string, work: () => Promise<T>): Promise<{ value?: T; fault?: string }> {
  try {
    return { value: await work() };
  } catch (error) {
    const isExpected =
      error instanceof ConfigurationError || error instanceof StatusError || error instanceof ParseError;
    if (!isExpected) throw error;
    return { fault: `${what}: ${error.message}` };
  }
}

/** The namespace that the request is in; a namespace itself is in none. */
export async function namespaceFor(
  request: AdmissionRequest,
  registry: () => Registry,
): Promise<Namespace | undefined> {
  const { resource } = request;
  const name = resource.group === '' && resource.plural === 'namespaces' ? '' : namespaceOf(request);
  return name ? await registry().of<Namespace>(namespaceResource).get({ namespace: '', name }) : undefined;
}
