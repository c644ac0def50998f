/** Warnings of types in the status of admission policies, on the real API server. */
import { afterEach, expect, test } from 'vitest';
// Loaded beforehand, since time is virtual and loading takes real time.
import '#api/admissionregistration/compile.js';
import '#api/admissionregistration/type-check.js';
import policies from '#api/admissionregistration/validatingadmissionpolicy.js';
import definitions from '#api/apiextensions/customresourcedefinition.js';
import type { ValidatingAdmissionPolicy } from '#api/gen/admissionregistration-v1.js';
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.js';
import { TestCluster } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const rule = (group: string, resource: string) => ({
  operations: ['CREATE'],
  apiGroups: [group],
  apiVersions: ['v1'],
  resources: [resource],
});

async function statusOf(name: string, rules: object[], spec: object) {
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: { matchConstraints: { resourceRules: rules }, ...spec },
  };
  await cluster.client.of(policies).create(policy as ValidatingAdmissionPolicy);
  const observed = async () => (await cluster.client.of(policies).get(name)).status;
  // Even what is loaded already is looked up in real time, and time is virtual.
  await cluster.until(async () => (await observed())?.observedGeneration === 1, { limitMs: 3_600_000 });
  return await observed();
}

test('expressions that do not fit the types are warned of', async () => {
  cluster = await TestCluster.start();
  const deployments = [rule('apps', 'deployments')];
  const fine = {
    expression: 'object.spec.replicas > 1 && object.metadata.creationTimestamp < timestamp("2100-01-01T00:00:00Z")',
  };
  expect(await statusOf('fine', deployments, { validations: [fine] })).toEqual({
    observedGeneration: 1,
    typeChecking: {},
  });
  const status = await statusOf('wrong', [...deployments, rule('', 'configmaps')], {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    variables: [{ name: 'count', expression: 'size(object.metadata.name)' }],
    validations: [
      { expression: "object.spec.replicas > '1'", messageExpression: "object.nothing + 'a'" },
      { expression: "variables.count == params.data['a']" },
      { expression: 'object.metadata.name == params.none' },
    ],
  });
  const at = (pointer: string) => `\n | ${pointer}`;
  expect(status?.typeChecking?.expressionWarnings).toEqual([
    {
      fieldRef: 'spec.validations[0].expression',
      warning: [
        `/v1, Kind=ConfigMap: ERROR: <input>:1:7: undefined field 'spec'${at("object.spec.replicas > '1'")}${at('......^')}\n`,
        `apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'${at("object.spec.replicas > '1'")}${at('.....................^')}\n`,
      ].join('\n'),
    },
    {
      fieldRef: 'spec.validations[0].messageExpression',
      warning: expect.stringContaining("undefined field 'nothing'"),
    },
    { fieldRef: 'spec.validations[1].expression', warning: expect.stringContaining("applied to '(int, string)'") },
    { fieldRef: 'spec.validations[2].expression', warning: expect.stringContaining("undefined field 'none'") },
  ]);
});

test('custom resources have types too', async () => {
  cluster = await TestCluster.start();
  const openAPIV3Schema = {
    type: 'object',
    properties: { spec: { type: 'object', properties: { cronSpec: { type: 'string' } } } },
  };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'crontabs.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', listKind: 'CronTabList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
  await cluster.client.of(definitions).create(definition as CustomResourceDefinition);
  await cluster.until(async () => {
    const { status } = await cluster.client.of(definitions).get('crontabs.example.com');
    return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') ?? false;
  });
  const status = await statusOf('crd', [rule('example.com', 'crontabs')], {
    validations: [{ expression: 'object.spec.cronSpec > 1' }, { expression: "object.spec.cronSpec != ''" }],
  });
  expect(status?.typeChecking?.expressionWarnings).toEqual([
    {
      fieldRef: 'spec.validations[0].expression',
      warning: expect.stringMatching(/^example.com\/v1, Kind=CronTab: ERROR: <input>:1:22: found no matching overload/),
    },
  ]);
});
