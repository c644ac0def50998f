import { describe, expect, it } from 'vitest';
import type { Json } from '#base/json.js';
import type { JsonObject } from '../patch.js';
import { compare } from './compare.js';
import { mergeApplied } from './merge.js';
import type { ListModel, MapModel, Model } from './model.js';
import { fieldsOf } from './own-fields.js';
import { formatPath } from './path-element.js';

const text: Model = { kind: 'scalar', scalar: 'string' };
const struct = (fields: Record<string, Model>): MapModel => ({
  kind: 'map',
  atomic: false,
  field: (name) => {
    const model = fields[name];
    return model && { model, default: undefined, zero: undefined };
  },
  element: undefined,
});
const element = struct({ key: text, id: { kind: 'scalar', scalar: 'numeric' }, value: text });
const list: ListModel = { kind: 'list', relation: 'map', keys: ['key', 'id'], element };
const set: ListModel = { kind: 'list', relation: 'set', keys: [], element: text };
const atoms: ListModel = { kind: 'list', relation: 'atomic', keys: [], element: text };
const model = struct({ list, set, atoms, map: { kind: 'map', atomic: false, field: () => undefined, element: text } });

/** `a1` is `{key: 'a', id: 1}`, `a1=x` has the value x. */
function parse(elements: string): JsonObject[] {
  return elements
    .split(' ')
    .filter(Boolean)
    .map((one) => {
      const [, key = '', id, value] = /^(\w)(\d)(?:=(\w))?$/.exec(one)!;
      return { key, id: Number(id), ...(value ? { value } : {}) };
    });
}

describe('merging lists by key', () => {
  it.each([
    ['a1', 'a1', 'a1'],
    ['a1', 'a2', 'a1 a2'],
    ['a1 b1', 'a1 a2', 'a1 b1 a2'],
    ['b2', 'a1 b2 c3', 'a1 b2 c3'],
    ['a1 b2 c3', 'c3 b2', 'a1 c3 b2'],
    ['a1 b2 c3', 'c3 a1', 'b2 c3 a1'],
    ['a1=x b2 a1=y', 'a1=z c3 b2', 'a1=z c3 b2'],
    ['a1=x a1=y', '', 'a1=x a1=y'],
    ['a1=x', 'a1', 'a1=x'],
  ])('%s with %s is %s', (live, applied, merged) => {
    expect(mergeApplied({ list: parse(live) }, { list: parse(applied) }, model)).toEqual({ list: parse(merged) });
  });
});

it.each<[Json[], Json[], Json[]]>([
  [
    ['a', 'b'],
    ['b', 'c'],
    ['a', 'b', 'c'],
  ],
  [
    ['a', 'b', 'c'],
    ['c', 'b'],
    ['a', 'c', 'b'],
  ],
  [['a', 'a', 'c'], ['a'], ['a', 'c']],
  [['a', 'a', 'c'], ['e'], ['a', 'a', 'c', 'e']],
])('sets %j with %j are %j', (live, applied, merged) => {
  expect(mergeApplied({ set: live }, { set: applied }, model)).toEqual({ set: merged });
});

it.each<[JsonObject, JsonObject, JsonObject]>([
  [{ atoms: ['a', 'a'] }, { atoms: null }, { atoms: null }],
  [{ atoms: ['a', 'b'] }, { atoms: [] }, { atoms: [] }],
  [{ set: ['a'] }, { set: [] }, { set: ['a'] }],
  [{ map: { a: '1' } }, { map: {} }, { map: { a: '1' } }],
  [{ map: { a: '1' } }, { map: { b: '2' } }, { map: { a: '1', b: '2' } }],
  [{ map: {} }, { map: null }, { map: null }],
  [{}, { map: {} }, { map: {} }],
])('%j with %j is %j', (live, applied, merged) => {
  expect(mergeApplied(live, applied, model)).toEqual(merged);
});

describe('elements that stand twice', () => {
  const paths = (list: 'added' | 'modified' | 'removed', before: JsonObject, after: JsonObject) =>
    [...compare(before, after, model)[list].paths()].map(formatPath);

  it('are owned as one', () => {
    expect([...fieldsOf({ list: parse('a1=x a1=y b1') }, model).paths()].map(formatPath)).toEqual([
      '.list[id=1,key="a"]',
      '.list[id=1,key="b"]',
      '.list[id=1,key="b"].id',
      '.list[id=1,key="b"].key',
    ]);
  });

  it('are compared as one', () => {
    const twice = { list: parse('a1=x a1=y') };
    expect(paths('modified', twice, { list: parse('a1=x a1=z') })).toEqual(['.list[id=1,key="a"]']);
    expect(paths('added', { list: parse('a1=x') }, twice)).toEqual(['.list[id=1,key="a"]']);
    expect(paths('removed', { list: parse('a1=x') }, twice)).toContain('.list[id=1,key="a"].value');
    expect(paths('removed', twice, { list: parse('a1=x') })).toEqual(['.list[id=1,key="a"]']);
    expect(paths('added', twice, { list: parse('a1=x') })).toContain('.list[id=1,key="a"].value');
  });

  it('tell null from empty, and one kind from another', () => {
    expect(paths('modified', { map: {} }, { map: null })).toEqual(['.map']);
    expect(paths('modified', { atoms: ['a'] }, { atoms: ['a', 'a'] })).toEqual(['.atoms']);
    const open: Model = { kind: 'open', atomic: false };
    const change = compare({ x: 'text' }, { x: { a: 1 } }, open);
    expect([...change.modified.paths()].map(formatPath)).toEqual(['.x']);
    expect([...change.added.paths()].map(formatPath)).toEqual(['.x.a']);
  });
});
