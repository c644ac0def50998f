import { describe, expect, it } from 'vitest';
import { collect } from './field-error.js';
import { validateLabelSelector, validateObjectMeta, validateObjectMetaUpdate } from './metadata-validation.js';
import { subdomainProblems } from './names.js';
import type { ObjectMeta } from './object.js';

const rules = { namespaced: true, validateName: subdomainProblems, standardFinalizers: true };
const messages = (meta: ObjectMeta) => collect(validateObjectMeta(meta, rules)).map((error) => error.message);
const good: ObjectMeta = { name: 'a', namespace: 'default', resourceVersion: '1' };

describe('creation', () => {
  it('accepts what is right', () => {
    const meta: ObjectMeta = {
      ...good,
      labels: { app: 'web', 'example.com/x': '' },
      annotations: { 'Example.com/Any': '{}' },
      finalizers: ['orphan', 'example.com/f'],
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'u', controller: true }],
      managedFields: [{ manager: 'kubectl', operation: 'Update', fieldsType: 'FieldsV1' }],
    };
    expect(messages(meta)).toEqual([]);
  });

  it.each<[ObjectMeta, string | RegExp]>([
    [{ namespace: 'a' }, 'metadata.name: Required value: name or generateName is required'],
    [{ name: 'a' }, 'metadata.namespace: Required value'],
    [{ ...good, name: 'A' }, /^metadata\.name: Invalid value: "A": a lowercase RFC 1123 subdomain/],
    [{ ...good, generation: -1 }, 'metadata.generation: Invalid value: -1: must be greater than or equal to 0'],
    [{ ...good, labels: { a: ' ' } }, /^metadata\.labels: Invalid value: " ": a valid label must be/],
    [
      { ...good, annotations: { a: 'x'.repeat(262144) } },
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    ],
    [
      { ...good, finalizers: ['mine'] },
      'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
    [
      { ...good, finalizers: ['orphan', 'foregroundDeletion'] },
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    ],
    [
      { ...good, managedFields: [{ manager: 'a\n', operation: 'Apply' }] },
      'metadata.managedFields[0].manager: Invalid value: "a\\n": invalid character U+000A (at position 1)',
    ],
    [
      { ...good, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: '' }] },
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ],
  ])('%j is refused', (meta, message) => {
    expect(messages(meta)).toEqual([expect.stringMatching(typeof message === 'string' ? exactly(message) : message)]);
  });

  it('refuses events as owners, and two controllers', () => {
    const owner = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', name, uid: 'u', controller: true });
    const event = { apiVersion: 'v1', kind: 'Event', name: 'e', uid: 'u' };
    const found = messages({ ...good, ownerReferences: [owner('p'), owner('q'), event] });
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/Found "true" in references for Pod\/p and Pod\/q$/);
    expect(found[1]).toMatch(/\/v1, Kind=Event is disallowed from being an owner$/);
  });

  it('refuses a namespace on a cluster-wide kind', () => {
    const errors = collect(validateObjectMeta(good, { ...rules, namespaced: false }));
    expect(errors.map((error) => error.message)).toEqual(['metadata.namespace: Forbidden: not allowed on this type']);
  });
});

it('keeps what an update may not change', () => {
  const old: ObjectMeta = { ...good, uid: 'u', generation: 3, deletionTimestamp: '2026-01-01T00:00:00Z' };
  const meta: ObjectMeta = { name: 'b', namespace: 'default', uid: 'u', generation: 2, finalizers: ['a/b'] };
  expect(collect(validateObjectMetaUpdate(meta, old)).map((error) => error.message)).toEqual([
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a/b"}',
    'metadata.resourceVersion: Invalid value: "": must be specified for an update',
    'metadata.generation: Invalid value: 2: must not be decremented',
    'metadata.name: Invalid value: "b": field is immutable',
    'metadata.deletionTimestamp: Invalid value: null: field is immutable',
  ]);
  expect(collect(validateObjectMetaUpdate(old, old))).toEqual([]);
});

it('checks label selectors in specs', () => {
  const selector = {
    matchExpressions: [
      { key: 'a', operator: 'In' },
      { key: 'a', operator: 'Exists', values: ['x'] },
      { key: '', operator: 'Near' },
    ],
  };
  const found = collect(validateLabelSelector(selector, 'spec.selector')).map((error) => error.path + ' ' + error.type);
  expect(found).toEqual([
    'spec.selector.matchExpressions[0].values FieldValueRequired',
    'spec.selector.matchExpressions[1].values FieldValueForbidden',
    'spec.selector.matchExpressions[2].operator FieldValueInvalid',
    'spec.selector.matchExpressions[2].key FieldValueInvalid',
    'spec.selector.matchExpressions[2].key FieldValueInvalid',
  ]);
});

function exactly(text: string): RegExp {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
}
