/** Large objects that tell the server what to do with others: definitions, webhooks, policies. */
import { cluster, type LargeObject } from './large-object.js';
import { many, object } from './text.js';

export const registrations: Record<string, () => LargeObject> = {
  'a webhook configuration': () =>
    cluster('admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', {
      webhooks: many(3500, (i) => ({
        name: `w${i}.example.com`,
        clientConfig: { url: 'https://127.0.0.1:1/x' },
        rules: [{ apiGroups: ['none.example.com'], apiVersions: ['v1'], resources: ['none'], operations: ['CREATE'] }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      })),
    }),
  'match conditions of webhooks': () =>
    cluster('admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', {
      webhooks: many(200, (i) => ({
        name: `w${i}.example.com`,
        clientConfig: { url: 'https://127.0.0.1:1/x' },
        rules: [{ apiGroups: ['none.example.com'], apiVersions: ['v1'], resources: ['none'], operations: ['CREATE'] }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        matchConditions: many(60, (j) => ({ name: `c${j}`, expression: `object.metadata.name.startsWith('x${j}')` })),
      })),
    }),
  'an admission policy of validations': () =>
    cluster('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies', {
      spec: {
        matchConstraints: {
          resourceRules: [
            { apiGroups: ['none.example.com'], apiVersions: ['v1'], resources: ['none'], operations: ['CREATE'] },
          ],
        },
        validations: many(12_000, (i) => ({ expression: `object.metadata.name != 'x${i}'` })),
      },
    }),
  'an admission policy of variables': () =>
    cluster('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies', {
      spec: {
        matchConstraints: {
          resourceRules: [
            { apiGroups: ['none.example.com'], apiVersions: ['v1'], resources: ['none'], operations: ['CREATE'] },
          ],
        },
        variables: many(7000, (i) => ({ name: `v${i}`, expression: i === 0 ? '1' : `variables.v${i - 1} + 1` })),
        validations: many(7000, (i) => ({ expression: `variables.v${i} > 0` })),
      },
    }),
  'an admission policy of one expression': () =>
    cluster('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies', {
      spec: {
        matchConstraints: {
          resourceRules: [
            { apiGroups: ['none.example.com'], apiVersions: ['v1'], resources: ['none'], operations: ['CREATE'] },
          ],
        },
        validations: [{ expression: many(30_000, (i) => `object.a != ${i}`).join(' || ') }],
      },
    }),
  'a flow schema of rules': () =>
    cluster('flowcontrol.apiserver.k8s.io/v1', 'FlowSchema', 'flowschemas', {
      spec: {
        priorityLevelConfiguration: { name: 'global-default' },
        rules: many(5000, (i) => ({
          subjects: [{ kind: 'User', user: { name: `u${i}` } }],
          resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['r'], namespaces: ['n'] }],
        })),
      },
    }),
  'a definition of properties': () => definition(object(25_000, (i) => [`p${i}`, { type: 'string' }])),
  'a definition of nested properties': () => definition(nestedProperties(4000)),
  'a definition of patterns': () =>
    definition(object(15_000, (i) => [`p${i}`, { type: 'string', pattern: `^a${i}[a-z]+$` }])),
  'a definition of alternatives': () =>
    definition({
      p: {
        type: 'object',
        anyOf: many(12_000, (i) => ({ properties: { a: { enum: [i] } } })),
        properties: { a: { type: 'integer' } },
      },
    }),
  'a definition of enumerated values': () => definition({ p: { type: 'string', enum: many(90_000, (i) => `v${i}`) } }),
  'a definition of rules': () =>
    definition(
      object(5000, (i) => [
        `p${i}`,
        { type: 'string', maxLength: 9, 'x-kubernetes-validations': [{ rule: `self != 'x${i}'`, message: 'm' }] },
      ]),
    ),
  'a definition of one rule': () =>
    definition({
      p: {
        type: 'string',
        maxLength: 9,
        'x-kubernetes-validations': [{ rule: many(30_000, (i) => `self != 'x${i}'`).join(' && ') }],
      },
    }),
  'a definition of defaults': () =>
    definition({
      p: { type: 'object', default: object(40_000, (i) => [`k${i}`, 'v']), additionalProperties: { type: 'string' } },
    }),
};

function nestedProperties(depth: number): Record<string, unknown> {
  let inner: Record<string, unknown> = { a: { type: 'string' } };
  for (let level = 0; level < Math.min(depth, 300); level++)
    inner = { a: { type: 'object', properties: { ...inner, ...object(20, (i) => [`b${i}`, { type: 'integer' }]) } } };
  return inner;
}

function definition(properties: Record<string, unknown>): LargeObject {
  return cluster('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions', {
    spec: {
      group: 'stalls.example.com',
      names: { plural: 'larges', singular: 'large', kind: 'Large', listKind: 'LargeList' },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } } },
        },
      ],
    },
  });
}
