import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equal, freeze, type Json } from '#base/json.js';
import { StatusError } from './errors.js';
import { applyJsonPatch, applyMergePatch, type JsonObject, operationsMax } from './patch.js';

const document = freeze({ a: { b: [1, 2, 3], 'x/y': 1, 'm~n': 2 }, n: null, s: 'text' } as Json);

describe('JSON patch', () => {
  it.each<[string, Json[], Json]>([
    ['adds a key', [{ op: 'add', path: '/c', value: { d: 1 } }], { c: { d: 1 } }],
    ['adds inside a list', [{ op: 'add', path: '/a/b/1', value: 9 }], { b: [1, 9, 2, 3] }],
    ['adds at the end', [{ op: 'add', path: '/a/b/-', value: 9 }], { b: [1, 2, 3, 9] }],
    ['adds at the place after the last', [{ op: 'add', path: '/a/b/3', value: 9 }], { b: [1, 2, 3, 9] }],
    ['counts from the end', [{ op: 'remove', path: '/a/b/-1' }], { b: [1, 2] }],
    ['removes', [{ op: 'remove', path: '/a/b/0' }], { b: [2, 3] }],
    ['replaces', [{ op: 'replace', path: '/a/b/0', value: 'x' }], { b: ['x', 2, 3] }],
    ['replaces what is not there', [{ op: 'replace', path: '/c', value: 1 }], { c: 1 }],
    ['unescapes keys', [{ op: 'replace', path: '/a/x~1y', value: 5 }], { 'x/y': 5 }],
    ['unescapes tildes', [{ op: 'replace', path: '/a/m~0n', value: 5 }], { 'm~n': 5 }],
    ['moves', [{ op: 'move', from: '/a/b/0', path: '/a/b/2' }], { b: [2, 3, 1] }],
    ['copies', [{ op: 'copy', from: '/a/b', path: '/c' }], { c: [1, 2, 3] }],
    [
      'tests',
      [
        { op: 'test', path: '/a/b', value: [1, 2, 3] },
        { op: 'add', path: '/c', value: 1 },
      ],
      { c: 1 },
    ],
    [
      'takes the missing for null',
      [
        { op: 'test', path: '/zz', value: null },
        { op: 'add', path: '/c', value: 1 },
      ],
      { c: 1 },
    ],
  ])('%s', (_, patch, expected) => {
    const patched = applyJsonPatch(document, patch) as Record<string, Json>;
    expect({ ...(patched['a'] as JsonObject), ...patched }).toMatchObject(expected as object);
  });

  it('replaces the whole document', () => {
    expect(applyJsonPatch(document, [{ op: 'replace', path: '', value: { z: 1 } }])).toEqual({ z: 1 });
  });

  it.each<[Json, string]>([
    [{ op: 'add', path: '/q/r', value: 1 }, 'add operation does not apply: doc is missing path: "/q/r": missing value'],
    [
      { op: 'add', path: '/a/b/9', value: 1 },
      "error in add for path: '/a/b/9': Unable to access invalid index: 9: invalid index referenced",
    ],
    [
      { op: 'add', path: '/a/b/x', value: 1 },
      `error in add for path: '/a/b/x': value was not a proper array index: 'x': strconv.Atoi: parsing "x": invalid syntax`,
    ],
    [
      { op: 'remove', path: '/q' },
      "error in remove for path: '/q': Unable to remove nonexistent key: q: missing value",
    ],
    [
      { op: 'replace', path: '/a/b/9', value: 1 },
      'replace operation does not apply: doc is missing key: /a/b/9: missing value',
    ],
    [{ op: 'test', path: '/s', value: 'other' }, 'testing value /s failed: test failed'],
    [{ op: 'test', path: '/a/b/7', value: 1 }, /^error in test for path: '\/a\/b\/7'/ as unknown as string],
    [
      { op: 'copy', from: '/q/r', path: '/c' },
      'copy operation does not apply: doc is missing from path: /q/r: missing value',
    ],
    [{ op: 'move', path: '/c' }, 'move operation failed to decode from: operation, missing from field: missing value'],
    [{ op: 'grow', path: '/c' }, 'Unexpected kind: grow'],
    [{ path: '/c' }, 'Unexpected kind: unknown'],
  ])('%j does not apply', (operation, reason) => {
    const error = failure(() => applyJsonPatch(document, [operation]));
    expect(error.code).toBe(422);
    expect(error.message).toBe('the server rejected our request due to an error in our request');
    expect((error.cause as Error).message).toMatch(reason);
  });

  it('refuses other forms and too many operations', () => {
    expect(failure(() => applyJsonPatch(document, { op: 'add' })).code).toBe(400);
    expect(failure(() => applyJsonPatch(document, [1])).code).toBe(400);
    const many = Array.from({ length: operationsMax + 1 }, () => ({ op: 'test', path: '/s', value: 'text' }));
    expect(failure(() => applyJsonPatch(document, many)).code).toBe(413);
    expect(applyJsonPatch(document, many.slice(1))).toEqual(document);
  });

  it('bounds what copying can grow to', () => {
    const doubling = Array.from({ length: 60 }, (_, index) => ({ op: 'copy', from: '/a', path: `/a/k${index}` }));
    expect(failure(() => applyJsonPatch(document, doubling)).code).toBe(422);
  });

  it('turns any document into any other by the difference of their keys', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<Json>);
    fc.assert(
      fc.property(object, object, (before, after) => {
        const pointer = (key: string) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        const patch = [
          ...Object.keys(before).map((key) => ({ op: 'remove', path: pointer(key) })),
          ...Object.entries(after).map(([key, value]) => ({ op: 'add', path: pointer(key), value })),
        ];
        expect(equal(applyJsonPatch(before, patch), after)).toBe(true);
      }),
    );
  });
});

describe('JSON merge patch', () => {
  it.each<[JsonObject, JsonObject, JsonObject]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b', null] }, { a: ['b', null] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: { b: 'c' } }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ a: 1 }, { a: { b: null, c: 2 } }, { a: { c: 2 } }],
  ])('%j with %j is %j', (before, patch, after) => {
    expect(applyMergePatch(freeze(before), freeze(patch))).toEqual(after);
  });

  it('refuses what is no object', () => {
    expect(failure(() => applyMergePatch({}, [])).message).toBe('Invalid JSON Patch');
    expect(failure(() => applyMergePatch({}, null)).code).toBe(400);
  });

  it('restores by the difference, twice as well as once, and keeps hostile keys plain', () => {
    const value = fc.jsonValue().filter((one) => !JSON.stringify(one).includes('null')) as fc.Arbitrary<Json>;
    const object = fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), value);
    fc.assert(
      fc.property(object, object, (before, after) => {
        const patch = difference(before, after);
        const once = applyMergePatch(before, patch);
        expect(JSON.parse(JSON.stringify(once))).toEqual(JSON.parse(JSON.stringify(after)));
        expect(applyMergePatch(once, patch)).toEqual(once);
        expect(Object.getPrototypeOf(once)).toBe(Object.prototype);
      }),
    );
  });
});

function difference(before: JsonObject, after: JsonObject): JsonObject {
  const patch: JsonObject = Object.fromEntries(Object.keys(before).map((key) => [key, null] as [string, Json]));
  for (const [key, value] of Object.entries(after)) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    const both = isPlain(old) && isPlain(value);
    Object.defineProperty(patch, key, {
      value: both ? difference(old, value) : value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return patch;
}

function isPlain(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function failure(act: () => unknown): StatusError {
  try {
    act();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
