/** What tests of admission policies share: a server with both plugins, told of policies without storing them. */
import { afterEach } from 'vitest';
import configMapResource from '#api/core/configmap.js';
import namespaceResource from '#api/core/namespace.js';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBindingSpec,
  MutatingAdmissionPolicySpec,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBindingSpec,
  ValidatingAdmissionPolicySpec,
} from '#api/gen/admissionregistration-v1.js';
import type { ConfigMap, Namespace } from '#api/gen/core-v1.js';
import { builtinSchemas } from '#api/schema-table.js';
import { StatusError } from '#apimachinery/errors.js';
import { VirtualClock } from '#base/clock.js';
import type { Attributes, Decision } from '../../authorization/authorizer.js';
import { startTestServer } from '../../test-server.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import { policySources } from './index.js';
import { mutatingPolicies } from './mutating.js';
import type { PolicyObservation } from './observation.js';
import { validatingPolicies } from './validating.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export const matchConstraints = {
  resourceRules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }],
  matchPolicy: 'Equivalent',
};

/** With a namespace `ns`. Plugins may stand between the two. */
export async function setUp(around: AdmissionPlugin[] = []) {
  const sources = policySources({ schemas: builtinSchemas, clock: new VirtualClock() });
  const annotations: Record<string, string> = {};
  const warnings: string[] = [];
  const asked: Attributes[] = [];
  const observed: PolicyObservation[] = [];
  const dependencies = {
    registry: () => test.registry,
    clock: new VirtualClock(),
    observe: (one: PolicyObservation) => observed.push(one),
    authorizer: {
      // Later, as a webhook would answer.
      async authorize(attributes: Attributes): Promise<Decision> {
        asked.push(attributes);
        return { decision: attributes.verb === 'get' ? 'allow' : 'no opinion', reason: 'because' };
      },
    },
  };
  const annotate = (key: string, value: string) => void (annotations[key] ??= value);
  const warn = (text: string) => void warnings.push(text);
  const note = (request: AdmissionRequest) => void Object.assign(request, { annotate, warn });
  const noting: AdmissionPlugin = {
    name: 'Noting',
    handles: () => true,
    mutate: note,
    validate: note,
  };
  const admission = [
    noting,
    mutatingPolicies(sources.mutating, dependencies),
    ...around,
    validatingPolicies(sources.validating, dependencies),
  ];
  const test = startTestServer({ admission });
  cleanups.push(() => test.close());
  await test.client.of(namespaceResource).create({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'ns', labels: { team: 'a' } },
  } as unknown as Namespace);
  const configs = test.client.of(configMapResource);
  return { test, configs, ...sources, annotations, warnings, asked, observed };
}

type TestServer = Awaited<ReturnType<typeof setUp>>;

const named = (kind: string, name: string) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind,
  metadata: { name },
});

/** A policy `p` with a binding `b` that denies. */
export function putValidating(
  { validating }: TestServer,
  spec: ValidatingAdmissionPolicySpec,
  binding: Partial<ValidatingAdmissionPolicyBindingSpec> = {},
  name = 'p',
): void {
  const policy: ValidatingAdmissionPolicy = {
    ...named('ValidatingAdmissionPolicy', name),
    spec: { matchConstraints, failurePolicy: 'Fail', ...spec },
  } as ValidatingAdmissionPolicy;
  validating.putPolicy(policy);
  validating.putBinding({
    ...named('ValidatingAdmissionPolicyBinding', 'b'),
    spec: { policyName: name, validationActions: ['Deny'], ...binding },
  });
}

export function putMutating(
  { mutating }: TestServer,
  spec: MutatingAdmissionPolicySpec,
  binding: Partial<MutatingAdmissionPolicyBindingSpec> = {},
  name = 'p',
): void {
  const policy: MutatingAdmissionPolicy = {
    ...named('MutatingAdmissionPolicy', name),
    spec: { matchConstraints, failurePolicy: 'Fail', reinvocationPolicy: 'Never', ...spec },
  };
  mutating.putPolicy(policy);
  mutating.putBinding({
    ...named('MutatingAdmissionPolicyBinding', `b-${name}`),
    spec: { policyName: name, ...binding },
  });
}

export const config = (name: string, extra: object = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'ns' },
  data: { a: '1' },
  ...extra,
});

export const failure = async (work: Promise<unknown>): Promise<StatusError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StatusError)) throw new Error('did not fail', { cause: error });
  return error;
};
