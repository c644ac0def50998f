/** Admission policies in force: what they refuse and what they change. */
import { expect } from 'vitest';
import mutatingPolicies from '#api/admissionregistration/mutatingadmissionpolicy.js';
import mutatingBindings from '#api/admissionregistration/mutatingadmissionpolicybinding.js';
import validatingPolicies from '#api/admissionregistration/validatingadmissionpolicy.js';
import validatingBindings from '#api/admissionregistration/validatingadmissionpolicybinding.js';
import deployments from '#api/apps/deployment.js';
import replicasets from '#api/apps/replicaset.js';
import type { MutatingAdmissionPolicy, ValidatingAdmissionPolicy } from '#api/gen/admissionregistration-v1.js';
import type { Deployment } from '#api/gen/apps-v1.js';
import { conformance, type Scene } from './conformance.js';
import { deploymentOf, refusal, replicaSetOf } from './objects.js';

const apiVersion = 'admissionregistration.k8s.io/v1';
const resourceRules = [
  { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] },
];

/** For the test's own namespace. */
function matchIn(namespace: string) {
  return { resourceRules, namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } };
}

const validatingPolicy = (spec: object) => ({ apiVersion, kind: 'ValidatingAdmissionPolicy', spec });
const validatingBinding = (policyName: string) => ({
  apiVersion,
  kind: 'ValidatingAdmissionPolicyBinding',
  spec: { policyName, validationActions: ['Deny'] },
});
const mutatingPolicy = (spec: object) => ({
  apiVersion,
  kind: 'MutatingAdmissionPolicy',
  spec: { reinvocationPolicy: 'Never', failurePolicy: 'Fail', ...spec },
});
const mutatingBinding = (policyName: string) => ({
  apiVersion,
  kind: 'MutatingAdmissionPolicyBinding',
  spec: { policyName },
});

const labels = { app: 'policed' };
const withReplicas = (name: string, namespace: string, replicas: number) =>
  deploymentOf(name, namespace, labels, { replicas });

/** The policy and its binding last as long as `run`. */
async function whileValidating({ client, namespace }: Scene, spec: object, run: () => Promise<void>): Promise<void> {
  const metadata = { name: `policy-${namespace}` };
  const policy = { ...validatingPolicy({ matchConstraints: matchIn(namespace), ...spec }), metadata };
  await client.of(validatingPolicies).create(policy as ValidatingAdmissionPolicy);
  await client.of(validatingBindings).create({ ...validatingBinding(metadata.name), metadata });
  try {
    await run();
  } finally {
    await client.of(validatingBindings).delete(metadata.name);
    await client.of(validatingPolicies).delete(metadata.name);
  }
}

async function whileMutating({ client, namespace }: Scene, spec: object, run: () => Promise<void>): Promise<void> {
  const metadata = { name: `policy-${namespace}` };
  const policy = { ...mutatingPolicy({ matchConstraints: matchIn(namespace), ...spec }), metadata };
  await client.of(mutatingPolicies).create(policy as MutatingAdmissionPolicy);
  await client.of(mutatingBindings).create({ ...mutatingBinding(metadata.name), metadata });
  try {
    await run();
  } finally {
    await client.of(mutatingBindings).delete(metadata.name);
    await client.of(mutatingPolicies).delete(metadata.name);
  }
}

/** A policy is in force some time after it was made. */
async function refused({ client, until }: Scene, deployment: Deployment): Promise<string> {
  let message = '';
  await until(() =>
    client
      .of(deployments)
      .create(deployment, { dryRun: true })
      .then(
        () => false,
        (error: Error) => Boolean((message = error.message)),
      ),
  );
  return message;
}

async function created({ client, until }: Scene, deployment: Deployment, isSeen: (one: Deployment) => boolean) {
  await until(async () => isSeen(await client.of(deployments).create(deployment, { dryRun: true })));
  return await client.of(deployments).create(deployment);
}

conformance(
  '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should validate against a Deployment [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const validations = [
      {
        expression: 'object.spec.replicas > 1',
        messageExpression: "'wants replicas > 1, got ' + string(object.spec.replicas)",
      },
      { expression: `namespaceObject.metadata.name == '${namespace}'`, message: 'no other namespace is matched' },
    ];
    await whileValidating(scene, { validations }, async () => {
      expect(await refused(scene, withReplicas('one', namespace, 1))).toContain('wants replicas > 1, got 1');
      await refusal(client.of(deployments).create(withReplicas('one', namespace, 1)), 'Invalid');
      await client.of(deployments).create(withReplicas('two', namespace, 2));
      await client.of(replicasets).create(replicaSetOf('set', namespace, labels, 1));
      const fewer = { spec: { replicas: 0 } };
      await refusal(client.of(deployments).patch('two', fewer, { type: 'merge', namespace }), 'Invalid');
      const other = await scene.makeNamespace('unpoliced');
      await client.of(deployments).create(withReplicas('one', other, 1));
    });
  },
);

conformance(
  '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should allow expressions to refer variables. [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const variables = [
      { name: 'replicas', expression: 'object.spec.replicas' },
      { name: 'oddReplicas', expression: 'variables.replicas % 2 == 1' },
    ];
    const validations = [{ expression: 'variables.replicas > 1' }, { expression: 'variables.oddReplicas' }];
    await whileValidating(scene, { variables, validations }, async () => {
      expect(await refused(scene, withReplicas('one', namespace, 1))).toContain(
        'failed expression: variables.replicas > 1',
      );
      expect(await refused(scene, withReplicas('two', namespace, 2))).toContain(
        'failed expression: variables.oddReplicas',
      );
      await client.of(deployments).create(withReplicas('three', namespace, 3));
    });
  },
);

conformance(
  '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment [Conformance]',
  async (scene) => {
    const { namespace } = scene;
    const expression = 'Object{spec: Object.spec{replicas: 2}}';
    const mutations = [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }];
    await whileMutating(scene, { mutations }, async () => {
      const deployment = withReplicas('one', namespace, 1);
      expect((await created(scene, deployment, ({ spec }) => spec?.replicas === 2)).spec?.replicas).toBe(2);
    });
  },
);

conformance(
  '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment with annotations [Conformance]',
  async (scene) => {
    const { namespace } = scene;
    const expression =
      'has(object.metadata.annotations) ? ' +
      '[JSONPatch{op: "add", path: "/metadata/annotations/" + jsonpatch.escapeKey("example.com/by"), value: "policy"}] : ' +
      '[JSONPatch{op: "add", path: "/metadata/annotations", value: {"example.com/by": "policy"}}]';
    const mutations = [{ patchType: 'JSONPatch', jsonPatch: { expression } }];
    await whileMutating(scene, { mutations }, async () => {
      const isSeen = ({ metadata }: Deployment) => metadata.annotations?.['example.com/by'] === 'policy';
      const plain = await created(scene, withReplicas('plain', namespace, 1), isSeen);
      expect(plain.metadata.annotations).toEqual({ 'example.com/by': 'policy' });
      const annotated = withReplicas('annotated', namespace, 1);
      annotated.metadata.annotations = { own: 'kept' };
      const { metadata } = await created(scene, annotated, isSeen);
      expect(metadata.annotations).toEqual({ own: 'kept', 'example.com/by': 'policy' });
    });
  },
);
