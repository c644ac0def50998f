import { expect, test } from 'vitest';
import policies from '#api/admissionregistration/validatingadmissionpolicy.js';
import bindings from '#api/admissionregistration/validatingadmissionpolicybinding.js';
import configmaps from '#api/core/configmap.js';
import type { AnyResource } from '#api/resource.js';
import { Scheme } from '#api/scheme.js';
import type { Attributes } from '../authorization/authorizer.js';
import { policyParams } from './policy-params.js';
import { refused, request, run, Shelf } from './test-admission.js';

const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
const policy = { metadata: { name: 'p' }, spec: { paramKind } };
const binding = (paramRef: object) => ({ metadata: { name: 'b' }, spec: { policyName: 'p', paramRef } });

function make(allows: (attributes: Attributes) => boolean) {
  const shelf = new Shelf();
  shelf.put('validatingadmissionpolicies', policy);
  const registry = Object.assign(shelf.registry(), { scheme: new Scheme([configmaps as AnyResource]) });
  const asked: Attributes[] = [];
  const plugin = policyParams({
    registry: () => registry,
    authorizer: {
      authorize(attributes) {
        asked.push(attributes);
        return { decision: allows(attributes) ? 'allow' : 'no opinion', reason: '' };
      },
    },
  });
  return { plugin, asked };
}

test('a policy is written by who may read all of its parameters', async () => {
  const { plugin, asked } = make(() => false);
  expect(await refused(plugin, request(policies as AnyResource, policy))).toContain(
    'spec.paramKind: Forbidden: user &{jane  [system:authenticated] map[]} must have "get" permission on all objects of the referenced paramKind (kind=ConfigMap, apiVersion=v1)',
  );
  const resource = { group: '', version: 'v1', resource: 'configmaps', subresource: '', name: '*', namespace: '*' };
  expect(asked).toMatchObject([{ verb: 'get', resource }]);
  await run(make(() => true).plugin, request(policies as AnyResource, policy));
  await run(plugin, request(policies as AnyResource, policy, { operation: 'UPDATE', old: policy as never }));
  const user = { name: 'root', groups: ['system:masters'] };
  await run(plugin, request(policies as AnyResource, policy, { user }));
});

test('a binding is written by who may read the parameters that it chooses', async () => {
  const { plugin, asked } = make(() => false);
  const named = binding({ name: 'c', namespace: 'default' });
  expect(await refused(plugin, request(bindings as AnyResource, named))).toContain(
    'spec.paramRef: Forbidden: user get does not have "&{jane  [system:authenticated] map[]}" permission on the object referenced by paramRef',
  );
  expect(asked[0]).toMatchObject({
    verb: 'get',
    resource: { resource: 'configmaps', name: 'c', namespace: 'default' },
  });
  await refused(plugin, request(bindings as AnyResource, binding({ selector: {} })));
  expect(asked[1]).toMatchObject({ verb: 'list', resource: { resource: 'configmaps', name: '', namespace: '' } });
  const stray = { metadata: { name: 'b' }, spec: { policyName: 'none', paramRef: { name: 'c' } } };
  await refused(plugin, request(bindings as AnyResource, stray));
  expect(asked[2]).toMatchObject({ resource: { group: '*', resource: '*' } });
  await run(plugin, request(bindings as AnyResource, { metadata: { name: 'b' }, spec: { policyName: 'p' } }));
});
