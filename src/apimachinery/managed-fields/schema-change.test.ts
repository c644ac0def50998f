import { expect, test } from 'vitest';
import { FieldSet } from './field-set.js';
import type { Managers } from './managers.js';
import type { MapModel, Model } from './model.js';
import { reconcile } from './schema-change.js';

const text: Model = { kind: 'scalar', scalar: 'string' };

function mapOf(fields: Record<string, Model>, atomic = false): MapModel {
  const field = (name: string) => {
    const model = fields[name];
    return model && { model, default: undefined, zero: undefined };
  };
  return { kind: 'map', atomic, field, element: undefined };
}

const list = (relation: 'atomic' | 'map'): Model => ({
  kind: 'list',
  relation,
  keys: relation === 'map' ? ['name'] : [],
  element: mapOf({ name: text, unit: mapOf({ a: text }, true) }),
});

const parts = { 'f:a': {}, 'f:b': {} };
const element = { 'k:{"name":"x"}': { '.': {}, 'f:name': {} } };

test.each([
  ['a map that became a unit', mapOf({ m: mapOf({}, true) }), { 'f:m': parts }, { 'f:m': {} }],
  ['a list that became a unit', mapOf({ l: list('atomic') }), { 'f:l': element }, { 'f:l': {} }],
  [
    'a unit in an element',
    mapOf({ l: list('map') }),
    { 'f:l': { 'k:{"name":"x"}': { '.': {}, 'f:unit': { 'f:a': {} } } } },
    { 'f:l': { 'k:{"name":"x"}': { '.': {}, 'f:unit': {} } } },
  ],
  ['a unit that was one', mapOf({ m: mapOf({}, true) }), { 'f:m': {} }, { 'f:m': {} }],
  ['what is no unit any more', mapOf({ m: mapOf({ a: text }) }), { 'f:m': {} }, { 'f:m': {} }],
  ['what the schema does not know', mapOf({}), { 'f:z': parts }, { 'f:z': parts }],
  ['what may be anything', mapOf({ z: { kind: 'open', atomic: false } }), { 'f:z': parts }, { 'f:z': parts }],
])('who holds %s', (_, model, held, expected) => {
  const manager = { name: 'm', operation: 'Apply' as const, apiVersion: 'v1', subresource: '', time: undefined };
  const managers: Managers = new Map([['m', { ...manager, fields: FieldSet.parse(held) }]]);
  const before = managers.get('m');
  reconcile(managers, () => model);
  expect(managers.get('m')!.fields.toJSON()).toEqual(expected);
  if (held === expected) expect(managers.get('m')).toBe(before);
  reconcile(managers, () => undefined);
  expect(managers.get('m')!.fields.toJSON()).toEqual(expected);
});
