/** A large object is checked in many short steps, between which other requests have their turn. */
import { expect, test } from 'vitest';
import type { ValidatingAdmissionPolicy } from '#api/gen/admissionregistration-v1.js';
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.js';
import { type Found, invalidValue } from '#apimachinery/field-error.js';
import { validateObjectMeta } from '#apimachinery/metadata-validation.js';
import { subdomainProblems } from '#apimachinery/names.js';
import { loadExpressions } from './admissionregistration/expressions.js';
import policies from './admissionregistration/validatingadmissionpolicy.js';
import definitions from './apiextensions/customresourcedefinition.js';
import deployments from './apps/deployment.js';
import configMaps from './core/configmap.js';
import limitRanges from './core/limitrange.js';
import pods from './core/pod/index.js';
import services from './core/service.js';
import slices from './discovery/endpointslice.js';
import networkPolicies from './networking/networkpolicy.js';
import roles from './rbac/role.js';
import { type AnyResource, defineResource } from './resource.js';
import { made } from './test-kind.js';
import { rulesAt } from './versions.js';

const count = 2000;
/** Of which each takes some microseconds. */
const elementsPerStepMax = 128;

const many = (each: (index: number) => object | string) => Array.from({ length: count }, (_, index) => each(index));
const entries = (each: (index: number) => [string, unknown]) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => each(index)));
const pod = (spec: object, container: object = {}) => ({
  spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec },
});
const address = (index: number) => `10.0.${index >> 8}.${index & 255}`;

function stepsOf(found: Found): number {
  let steps = 0;
  for (const _ of found) steps++;
  return steps;
}

test.each<[string, AnyResource, object]>([
  ['containers', pods, pod({ containers: many((i) => ({ name: `c${i}`, image: 'i' })) })],
  ['containers of which nothing is right', pods, pod({ containers: many(() => ({})) })],
  ['amounts', pods, pod({}, { resources: { limits: entries((i) => [`example.com/r${i}`, '1']) } })],
  ['variables', pods, pod({}, { env: many((i) => ({ name: `V${i}`, value: 'x' })) })],
  ['mounts', pods, pod({}, { volumeMounts: many((i) => ({ name: 'v', mountPath: `/m${i}` })) })],
  ['volumes', pods, pod({ volumes: many((i) => ({ name: `v${i}`, emptyDir: {} })) })],
  ['node labels', pods, pod({ nodeSelector: entries((i) => [`k${i}`, 'v']) })],
  [
    'labels of a template',
    deployments,
    {
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: entries((i) => [`k${i}`, 'v']) } },
      },
    },
  ],
  ['keys', configMaps, { data: entries((i) => [`k${i}`, 'v']) }],
  ['limits', limitRanges, { spec: { limits: [{ type: 'Container', max: entries((i) => [`e.com/r${i}`, '1']) }] } }],
  ['addresses of a service', services, { spec: { ports: [{ port: 1 }], externalIPs: many(address) } }],
  [
    'addresses of a slice',
    slices,
    { addressType: 'IPv4', endpoints: many((i) => ({ addresses: [address(i)] })).slice(0, 999) },
  ],
  [
    'peers',
    networkPolicies,
    { spec: { ingress: [{ from: many((i) => ({ ipBlock: { cidr: `${address(i)}/32` } })) }] } },
  ],
  ['rules', roles, { rules: many(() => ({ apiGroups: [''], resources: ['pods'], verbs: ['get'] })) }],
])('%s', (_, kind, fields) => {
  const object = made(kind, fields);
  expect(stepsOf(kind.inSteps.validate!(object))).toBeGreaterThanOrEqual(999 / elementsPerStepMax);
});

test('each expression of a policy is a step of its own', async () => {
  await loadExpressions();
  const validations = many((i) => ({ expression: `object.metadata.name != 'x${i}'` }));
  const policy = made<ValidatingAdmissionPolicy>(policies, { spec: { failurePolicy: 'Fail', validations } });
  expect(stepsOf(policies.inSteps.validate!(policy))).toBeGreaterThanOrEqual(count);
});

test('the schema of a definition', () => {
  const properties = { spec: { type: 'object', properties: entries((i) => [`p${i}`, { type: 'string' }]) } };
  const names = { plural: 'as', singular: 'a', kind: 'A', listKind: 'AList' };
  const schema = { openAPIV3Schema: { type: 'object', properties } };
  const versions = [{ name: 'v1', served: true, storage: true, schema }];
  const definition = made<CustomResourceDefinition>(
    definitions,
    { spec: { group: 'example.com', scope: 'Cluster', names, versions } },
    'as.example.com',
  );
  expect(stepsOf(definitions.inSteps.validateCreate!(definition))).toBeGreaterThanOrEqual(count / elementsPerStepMax);
});

test('the labels of any object', () => {
  const meta = { name: 'a', labels: entries((i) => [`k${i}`, 'v']) as Record<string, string> };
  const found = validateObjectMeta(meta, { namespaced: false, validateName: subdomainProblems });
  expect(stepsOf(found)).toBeGreaterThanOrEqual(count / elementsPerStepMax);
});

test('rules of one version take the place of those of all, in steps as well', () => {
  const [wrong, worse] = [invalidValue('a', 1, 'wrong'), invalidValue('b', 2, 'worse')];
  const kind = defineResource({
    group: 'example.com',
    versions: ['v1', 'v2'],
    kind: 'Thing',
    namespaced: false,
    validate: () => [wrong],
    validateCreate: () => [worse],
    perVersion: { v2: { validate: () => [worse, undefined] } },
  });
  const object = made(kind, {});
  const [first, second] = [kind, rulesAt(kind, 'v2')];
  expect([first.validate!(object), [...first.inSteps.validate!(object)]]).toEqual([[wrong], [wrong]]);
  expect([second.validate!(object), [...second.inSteps.validate!(object)]]).toEqual([[worse], [worse, undefined]]);
  expect([...second.inSteps.validateCreate!(object)]).toEqual([worse]);
});
