/** Custom resources that are large, under schemas that make much of them: list types, patterns, rules, alternatives. */
import { type Case, objectCase } from './object-case.js';
import { many, object } from './text.js';

const text = { type: 'string' };
const schemas: Record<string, () => { schema: object; value: unknown }> = {
  freeform: () => ({
    schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    value: object(40_000, (i) => [`k${i}`, i]),
  }),
  deep: () => ({ schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, value: deep(900) }),
  pruned: () => ({ schema: { type: 'object' }, value: object(40_000, (i) => [`k${i}`, i]) }),
  entries: () => ({
    schema: { type: 'object', additionalProperties: text },
    value: object(40_000, (i) => [`k${i}`, 'v']),
  }),
  list: () => ({ schema: { type: 'array', items: text }, value: many(100_000, (i) => `v${i}`) }),
  sets: () => ({
    schema: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    value: many(90_000, (i) => `v${i}`),
  }),
  repeats: () => ({
    schema: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    value: many(90_000, () => 'v'),
  }),
  maps: () => ({
    schema: {
      type: 'array',
      items: { type: 'object', required: ['name'], properties: { name: text, value: text } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    },
    value: many(30_000, (i) => ({ name: `n${i}`, value: 'v' })),
  }),
  uniques: () => ({
    schema: { type: 'array', items: { type: 'object', properties: { a: text } } },
    value: many(40_000, (i) => ({ a: `${i}` })),
  }),
  patterns: () => ({
    schema: { type: 'array', items: { type: 'string', pattern: '^([a-z0-9]+-?)+$' } },
    value: many(60_000, (i) => `value-${i}`),
  }),
  'long-texts': () => ({
    schema: { type: 'array', items: { type: 'string', pattern: '^([a-z0-9]+-?)+$' } },
    value: ['a'.repeat(1_000_000)],
  }),
  formats: () => ({
    schema: { type: 'array', items: { type: 'string', format: 'date-time' } },
    value: many(40_000, () => '2020-01-01T00:00:00Z'),
  }),
  alternatives: () => ({
    schema: {
      type: 'array',
      items: {
        type: 'object',
        properties: { a: text, b: text },
        oneOf: [{ required: ['a'] }, { required: ['b'] }],
        anyOf: many(10, (i) => ({ properties: { a: { pattern: `^v${i}` } } })),
      },
    },
    value: many(30_000, (i) => ({ a: `v${i}` })),
  }),
  defaults: () => ({
    schema: {
      type: 'array',
      items: {
        type: 'object',
        default: {},
        properties: object(10, (i) => [`p${i}`, { type: 'string', default: 'd' }]),
      },
    },
    value: many(20_000, () => ({})),
  }),
  wrong: () => ({ schema: { type: 'array', items: { type: 'integer' } }, value: many(90_000, (i) => `v${i}`) }),
  embedded: () => ({
    schema: {
      type: 'array',
      items: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
    },
    value: many(9000, (i) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `n${i}`, labels: { a: 'b' } },
      data: {},
    })),
  }),
  rules: () => ({
    schema: {
      type: 'array',
      maxItems: 100_000,
      items: { type: 'string', maxLength: 20, 'x-kubernetes-validations': [{ rule: "self.startsWith('v')" }] },
    },
    value: many(90_000, (i) => `v${i}`),
  }),
  'rules-of-pairs': () => ({
    schema: {
      type: 'array',
      maxItems: 1000,
      items: { type: 'string', maxLength: 20 },
      'x-kubernetes-validations': [{ rule: 'self.all(x, self.exists_one(y, x == y))' }],
    },
    value: many(1000, (i) => `v${i}`),
  }),
  'rules-of-transition': () => ({
    schema: {
      type: 'array',
      maxItems: 10_000,
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', maxLength: 20 },
          value: { type: 'string', maxLength: 20, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
        },
      },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    },
    value: many(10_000, (i) => ({ name: `n${i}`, value: 'v' })),
  }),
};

function deep(levels: number): object {
  let inner: object = { a: 1 };
  for (let level = 0; level < levels; level++) inner = { a: inner, ...object(40, (i) => [`b${i}`, i]) };
  return inner;
}

export function customCases(): Case[] {
  return Object.entries(schemas).map(([word, make]) => customCase(word, make));
}

function customCase(word: string, make: () => { schema: object; value: unknown }): Case {
  const group = `${word}.stalls.example.com`;
  const path = `/apis/${group}/v1/namespaces/default/customs`;
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  return {
    name: `custom resources: ${word}`,
    *steps() {
      const { schema, value } = make();
      const body = JSON.stringify(definition(group, schema));
      yield { name: 'define', sent: { method: 'POST', path: definitions, body } };
      const large = { path, apiVersion: `${group}/v1`, kind: 'Custom', fields: { spec: { value } } };
      yield* objectCase('', () => large).steps();
      yield { name: 'undefine', sent: { method: 'DELETE', path: `${definitions}/customs.${group}` } };
    },
  };
}

function definition(group: string, value: object): object {
  const spec = { type: 'object', properties: { value } };
  const openAPIV3Schema = { type: 'object', properties: { spec } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `customs.${group}` },
    spec: {
      group,
      names: { plural: 'customs', singular: 'custom', kind: 'Custom', listKind: 'CustomList' },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}
