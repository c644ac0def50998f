import { expect, it, test } from 'vitest';
import { abacAuthorizer, parsePolicies } from './abac.js';
import type { Attributes } from './authorizer.js';

const policy = (spec: object) =>
  JSON.stringify({ apiVersion: 'abac.authorization.kubernetes.io/v1beta1', kind: 'Policy', spec });

function allows(line: string, asked: { verb?: string; user?: string; groups?: string[]; on?: string; path?: string }) {
  const { verb = 'get', user = 'jane', groups = ['system:authenticated'], on, path } = asked;
  const [group = '', resource = '', namespace = ''] = on?.split('/') ?? [];
  const target = { group, version: 'v1', resource, subresource: '', namespace, name: '' };
  const attributes: Attributes = { user: { name: user, groups }, verb, ...(on ? { resource: target } : { path }) };
  return (abacAuthorizer(parsePolicies(line, 'p')).authorize(attributes) as { decision: string }).decision === 'allow';
}

test.each([
  [{ user: 'jane', namespace: 'a', resource: 'pods' }, { on: '/pods/a' }, true],
  [{ user: 'jane', namespace: 'a', resource: 'pods' }, { on: '/pods/b' }, false],
  [{ user: 'jane', namespace: 'a', resource: 'pods' }, { on: '/pods/a', user: 'joe' }, false],
  [{ user: 'jane', namespace: '*', resource: '*', apiGroup: '*' }, { on: 'apps/deployments/a', verb: 'delete' }, true],
  [{ user: 'jane', namespace: '*', resource: '*' }, { on: 'apps/deployments/a' }, false],
  [{ user: 'jane', readonly: true, namespace: '*', resource: '*' }, { on: '/pods/a', verb: 'create' }, false],
  [{ user: 'jane', readonly: true, namespace: '*', resource: '*' }, { on: '/pods/a', verb: 'watch' }, true],
  [{ user: 'jane', namespace: '*', resource: '*' }, { path: '/healthz' }, false],
  [{ group: 'ops', nonResourcePath: '/logs*' }, { path: '/logs/a', groups: ['ops'] }, true],
  [{ group: 'ops', nonResourcePath: '/logs*' }, { path: '/metrics', groups: ['ops'] }, false],
  [{ user: '*', nonResourcePath: '*' }, { path: '/x' }, true],
  [{ user: '*', nonResourcePath: '*' }, { path: '/x', groups: ['system:unauthenticated'] }, false],
  [{ user: 'jane', group: 'ops', nonResourcePath: '*' }, { path: '/x' }, false],
  [{ nonResourcePath: '*' }, { path: '/x' }, false],
])('%j of %j is allowed: %s', (spec, asked, expected) => {
  expect(allows(policy(spec), asked)).toBe(expected);
});

it('takes lines without a version, in which all is meant that is left out', () => {
  expect(allows('{}', { on: 'apps/deployments/a', verb: 'delete' })).toBe(true);
  expect(allows('{"resource": "pods"}', { path: '/x' })).toBe(false);
  expect(allows('{"user": "joe"}', { on: '/pods/a' })).toBe(false);
});

it('looks past comments, and says which line cannot be read', () => {
  expect(parsePolicies('# none\n\n', 'p')).toEqual([]);
  expect(() => parsePolicies(`# one\n{`, 'p.jsonl')).toThrow('error reading policy file p.jsonl, line 2: {: ');
  expect(() => parsePolicies(policy({ user: 1 }), 'p')).toThrow('user is a string');
  expect(() => parsePolicies('{"apiVersion":"v9","kind":"Policy"}', 'p')).toThrow('no Policy of abac');
});
