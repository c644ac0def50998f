import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ParseError } from '../parse-error.js';
import { FieldSet, type FieldsV1 } from './field-set.js';
import { fieldElement, formatPath, keyElement, type Path, sortByElement, valueElement } from './path-element.js';

const element = fc.oneof(
  fc.constantFrom('a', 'b', 'c').map(fieldElement),
  fc.constantFrom('x', 'y').map((name) => keyElement([['name', name]])),
  fc.constantFrom(1, 2, 10).map((port) =>
    keyElement([
      ['port', port],
      ['protocol', 'TCP'],
    ]),
  ),
  fc.constantFrom<string | number | boolean>('v', 1, true).map(valueElement),
);
const path: fc.Arbitrary<Path> = fc.array(element, { minLength: 1, maxLength: 4 });
const paths = fc.array(path, { maxLength: 12 });
const texts = (set: FieldSet) => [...set.paths()].map(formatPath).sort();
const unique = (list: Path[]) => [...new Set(list.map(formatPath))].sort();

describe('sets of fields', () => {
  it('are sets', () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const [a, b] = [FieldSet.of(...left), FieldSet.of(...right)];
        const [inA, inB] = [new Set(unique(left)), new Set(unique(right))];
        expect(texts(a)).toEqual(unique(left));
        expect(texts(a.union(b))).toEqual(unique([...left, ...right]));
        expect(texts(a.intersection(b))).toEqual([...inA].filter((one) => inB.has(one)).sort());
        expect(texts(a.difference(b))).toEqual([...inA].filter((one) => !inB.has(one)).sort());
        expect(a.difference(a).isEmpty).toBe(true);
        expect(left.every((one) => a.has(one))).toBe(true);
      }),
    );
  });

  it('take away what is below as well, when asked', () => {
    const set = FieldSet.of(['f:a', 'f:b'], ['f:a'], ['f:c', 'f:d']);
    expect(texts(set.recursiveDifference(FieldSet.ofFields([['a']])))).toEqual(['.c.d']);
    expect(texts(set.difference(FieldSet.ofFields([['a']])))).toEqual(['.a.b', '.c.d']);
  });

  it('are the same after FieldsV1', () => {
    fc.assert(
      fc.property(paths, (list) => {
        const set = FieldSet.of(...list);
        const json = JSON.parse(JSON.stringify(set)) as FieldsV1;
        expect(texts(FieldSet.parse(json))).toEqual(texts(set));
        expect(JSON.stringify(FieldSet.parse(json))).toBe(JSON.stringify(set));
      }),
    );
  });
});

it('reads and writes FieldsV1 as upstream spells it', () => {
  const fields = {
    'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
    'f:spec': {
      'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:image': {} } },
      'f:replicas': {},
    },
  };
  const set = FieldSet.parse(fields);
  expect([...set.paths()].map(formatPath)).toEqual([
    '.metadata.labels',
    '.metadata.labels.app',
    '.spec.replicas',
    '.spec.containers[name="web"]',
    '.spec.containers[name="web"].image',
  ]);
  expect(set.toJSON()).toEqual(fields);
  expect(set.has(['f:spec', 'f:containers'])).toBe(false);
});

it('takes keys in any order and spelling for the same element', () => {
  const set = FieldSet.parse({ 'k:{ "protocol":"TCP", "port": 80 }': {} });
  expect(
    set.has([
      keyElement([
        ['port', 80],
        ['protocol', 'TCP'],
      ]),
    ]),
  ).toBe(true);
  expect(formatPath([...set.paths()][0]!)).toBe('[port=80,protocol="TCP"]');
});

it('orders fields before keys, values and indices', () => {
  const elements = ['i:0', 'v:"b"', 'v:2', 'k:{"a":2}', 'k:{"a":1,"b":1}', 'k:{"a":1}', 'f:b', 'f:a'];
  const sorted = sortByElement(elements.map((element) => [element, undefined])).map(([element]) => element);
  expect(sorted).toEqual(['f:a', 'f:b', 'k:{"a":1}', 'k:{"a":1,"b":1}', 'k:{"a":2}', 'v:2', 'v:"b"', 'i:0']);
});

it('leaves out what it does not know, and refuses what is malformed', () => {
  expect(FieldSet.parse({ 'q:later': {} }).isEmpty).toBe(true);
  for (const bad of [{ a: {} }, { fa: {} }, { 'k:{': {} }, { 'k:1': {} }, { 'i:x': {} }, { 'f:a': 1 }, []])
    expect(() => FieldSet.parse(bad)).toThrow(ParseError);
  let deep = {};
  for (let level = 0; level < 2000; level++) deep = { 'f:a': deep };
  expect(() => FieldSet.parse(deep)).toThrow(ParseError);
});
