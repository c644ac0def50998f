/** Admission policies in expressions: validating and mutating ones, their bindings, and what clients do with both. */
import { expect } from 'vitest';
import mutatingPolicies from '#api/admissionregistration/mutatingadmissionpolicy.js';
import mutatingBindings from '#api/admissionregistration/mutatingadmissionpolicybinding.js';
import policies from '#api/admissionregistration/validatingadmissionpolicy.js';
import bindings from '#api/admissionregistration/validatingadmissionpolicybinding.js';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicySpec,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
} from '#api/gen/admissionregistration-v1.js';
import type { ResourceRef } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import { conformance, type Scene, useCluster } from './conformance.js';

useCluster({ nodes: 0 });

const apiVersion = 'admissionregistration.k8s.io/v1';
const ofDeployments = {
  resourceRules: [
    { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] },
  ],
};

const policyOf = (name: string, spec: Partial<ValidatingAdmissionPolicySpec>): ValidatingAdmissionPolicy => ({
  apiVersion,
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name },
  spec: { matchConstraints: ofDeployments, ...spec } as ValidatingAdmissionPolicySpec,
});

const mutatingOf = (name: string, spec: Partial<MutatingAdmissionPolicySpec>): MutatingAdmissionPolicy => ({
  apiVersion,
  kind: 'MutatingAdmissionPolicy',
  metadata: { name },
  spec: {
    matchConstraints: ofDeployments,
    reinvocationPolicy: 'Never',
    failurePolicy: 'Fail',
    ...spec,
  } as MutatingAdmissionPolicySpec,
});

/** For the namespaces that carry the label. */
const bindingOf = (kind: string, name: string, { label, ...more }: { label: string; [field: string]: unknown }) => ({
  apiVersion,
  kind,
  metadata: { name },
  spec: { policyName: name, matchResources: { namespaceSelector: { matchLabels: { [label]: 'true' } } }, ...more },
});

/** All that clients do with a policy or a binding. */
async function operate(
  scene: Scene,
  ref: ResourceRef,
  make: (name: string) => KubeObject,
  { hasStatus }: { hasStatus: boolean },
) {
  const { client, http, observe } = scene;
  const objects = client.of(ref);
  const { resources } = (await http.send('/apis/admissionregistration.k8s.io/v1')).json;
  const names = resources.map(({ name }: { name: string }) => name);
  expect(names).toContain(ref.plural);
  const selection = { labelSelector: `special-label=${ref.plural}` };
  const labelled = (name: string) => {
    const object = make(name);
    return { ...object, metadata: { ...object.metadata, labels: { 'special-label': ref.plural } } };
  };
  const created = await objects.create(labelled('e2e-one.example.com'));
  const watch = observe(ref, { ...selection, resourceVersion: created.metadata.resourceVersion });
  expect((await objects.get('e2e-one.example.com')).metadata.uid).toBe(created.metadata.uid);
  expect((await objects.list(selection)).items.length).toBe(1);
  const patched = await objects.patch(
    'e2e-one.example.com',
    { metadata: { annotations: { patched: 'true' } } },
    { type: 'merge' },
  );
  expect(patched.metadata.annotations?.['patched']).toBe('true');
  const changed = copy(await objects.get('e2e-one.example.com'));
  changed.metadata.annotations = { ...changed.metadata.annotations, updated: 'true' };
  expect((await objects.update(changed)).metadata.annotations?.['updated']).toBe('true');
  await watch.next({ type: 'MODIFIED', where: ({ metadata }) => metadata.annotations?.['updated'] === 'true' });
  if (hasStatus) {
    expect(names).toContain(`${ref.plural}/status`);
    const condition = {
      type: 'E2E',
      status: 'True',
      reason: 'E2E',
      message: 'Set from e2e test',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const told = await objects.patch(
      'e2e-one.example.com',
      { status: { conditions: [condition] } },
      { type: 'merge', subresource: 'status' },
    );
    expect((told as { status?: { conditions?: unknown[] } }).status?.conditions).toEqual([condition]);
  }
  await objects.delete('e2e-one.example.com');
  await watch.next({ type: 'DELETED' });
  for (const name of ['e2e-two.example.com', 'e2e-three.example.com']) await objects.create(labelled(name));
  await objects.deleteCollection(selection);
  expect((await objects.list(selection)).items).toEqual([]);
}

const validations = [{ expression: 'object.spec.replicas <= 100' }];
const mutations = [
  { patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "replace", path: "/spec/replicas", value: 2}]' } },
] as MutatingAdmissionPolicySpec['mutations'];

conformance(
  '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicy API operations [Conformance]',
  (scene) => operate(scene, policies, (name) => policyOf(name, { validations }), { hasStatus: true }),
);

conformance(
  '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicyBinding API operations [Conformance]',
  (scene) => {
    const make = (name: string) =>
      bindingOf('ValidatingAdmissionPolicyBinding', name, { label: 'nothing', validationActions: ['Deny'] });
    return operate(scene, bindings, make, { hasStatus: false });
  },
);

conformance(
  '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicy API operations [Conformance]',
  (scene) => operate(scene, mutatingPolicies, (name) => mutatingOf(name, { mutations }), { hasStatus: false }),
);

conformance(
  '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicyBinding API operations [Conformance]',
  (scene) => {
    const make = (name: string) => bindingOf('MutatingAdmissionPolicyBinding', name, { label: 'nothing' });
    return operate(scene, mutatingBindings, make, { hasStatus: false });
  },
);
