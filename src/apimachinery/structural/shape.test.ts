import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtinSchemas as table } from '#api/schema-table.js';
import { copy, type Json } from '#base/json.js';
import { atOnce } from '#base/turns.js';
import { SchemaError } from '../codec/schema-error.js';
import type { JsonObject } from '../patch.js';
import { applyDefaults, dropForbiddenNulls } from './defaults.js';
import { validateEmbedded } from './embedded.js';
import { validateListTypes } from './list-types.js';
import { prune } from './prune.js';
import type { Schema } from './schema.js';
import { shapeFor } from './shape.js';

const object = (properties: Record<string, Schema>, rest: Schema = {}): Schema => ({
  type: 'object',
  properties,
  ...rest,
});
const keeps: Schema = { 'x-kubernetes-preserve-unknown-fields': true };

describe('pruning', () => {
  const schema = object({
    a: object({ b: { type: 'string' } }),
    free: object({ inner: object({ x: { type: 'string' } }) }, keeps),
    list: { type: 'array', items: object({ x: { type: 'string' } }) },
    map: { type: 'object', additionalProperties: object({ x: { type: 'string' } }) },
  });

  it('drops what is not declared, and tells it', () => {
    const value = {
      apiVersion: 'x/v1',
      metadata: { anything: 1 },
      q: 1,
      a: { b: '1', c: 2 },
      free: { y: 1, inner: { x: '1', z: 1 } },
      list: [{ x: '1' }, { y: 1 }],
      map: { k: { x: '1', y: 1 } },
    };
    expect(prune(value as unknown as Json, schema)).toEqual(['a.c', 'free.inner.z', 'list[1].y', 'map.k.y', 'q']);
    expect(value).toEqual({
      apiVersion: 'x/v1',
      metadata: { anything: 1 },
      a: { b: '1' },
      free: { y: 1, inner: { x: '1' } },
      list: [{ x: '1' }, {}],
      map: { k: { x: '1' } },
    });
  });

  it('leaves apiVersion, kind and metadata of embedded objects', () => {
    const value = { e: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: { a: 1 } } };
    prune(value as unknown as Json, object({ e: object({}, { 'x-kubernetes-embedded-resource': true }) }));
    expect(value).toEqual({ e: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } } });
  });
});

describe('defaults', () => {
  const schema = object({
    a: { type: 'string', default: 'x' },
    n: { type: 'string', nullable: true, default: 'y' },
    o: object({ b: { type: 'integer', default: 1 } }),
    list: { type: 'array', items: object({ c: { type: 'integer', default: 2 } }) },
    plain: { type: 'string' },
  });

  it('fill what is missing, and what is null and may not be', () => {
    const value = { a: null, n: null, o: {}, list: [{}], plain: null } as JsonObject;
    dropForbiddenNulls(value, schema);
    applyDefaults(value, schema);
    expect(value).toEqual({ a: 'x', n: null, o: { b: 1 }, list: [{ c: 2 }] });
  });

  it('are not made within what is missing', () => {
    const value = {} as JsonObject;
    applyDefaults(value, schema);
    expect(value).toEqual({ a: 'x', n: 'y' });
  });
});

describe('lists', () => {
  const schema = object({
    set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    map: {
      type: 'array',
      items: object({ p: { type: 'integer' }, q: { type: 'string' } }),
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['p', 'q'],
    },
  });

  it('that are sets or maps have no element twice', () => {
    const value = { set: ['a', 'b', 'a', 'a'], map: [{ p: 1, q: 'x', r: 1 }, { p: 1 }, { q: 'x', p: 1 }] };
    expect(validateListTypes(value as unknown as Json, schema).map(({ message }) => message)).toEqual([
      'set[2]: Duplicate value: "a"',
      'map[2]: Duplicate value: {"p":1,"q":"x"}',
    ]);
  });
});

it('embedded objects have the form of all objects', () => {
  const schema = object({ tpl: object({}, { ...keeps, 'x-kubernetes-embedded-resource': true }) });
  const value = { tpl: { kind: 'Pod_', metadata: { name: 'x/y' } } };
  expect(validateEmbedded(value as Json, schema).map(({ path }) => path)).toEqual([
    'tpl.apiVersion',
    'tpl.kind',
    'tpl.metadata.name',
  ]);
});

describe('a shape', () => {
  const schema = object({
    spec: object({
      a: { type: 'string', default: 'x' },
      tpl: object({}, { ...keeps, 'x-kubernetes-embedded-resource': true }),
    }),
  });
  const shape = shapeFor(schema, { table, keepsUnknown: false });

  it('takes an object of a client', () => {
    const value = {
      apiVersion: 'x/v1',
      kind: 'X',
      metadata: { name: 'a', q: 1 },
      spec: { tpl: { metadata: { z: 1 } } },
      top: 1,
    };
    expect(atOnce(shape.take(value as JsonObject))).toEqual(['metadata.q', 'top', 'spec.tpl.metadata.z']);
    expect(() => atOnce(shape.take({ metadata: { labels: 1 } } as JsonObject))).toThrow(SchemaError);
  });

  it('restores what was stored, and gives the same object when there is nothing to do', () => {
    const metadata = { name: 'a', generation: 1 };
    const good = { apiVersion: 'x/v1', kind: 'X', metadata, spec: { a: 'y' } };
    expect(atOnce(shape.restore(good))).toBe(good);
    expect(atOnce(shape.restore({ ...good, spec: { b: 1 } }))).toEqual({ ...good, spec: { a: 'x' } });
    expect(atOnce(shape.restore({ ...good, metadata: { name: 'a', labels: 3 } }))).toEqual({ ...good, metadata });
  });

  it('takes any JSON in good time, and what it restored is as it should be', () => {
    const tree = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 5 });
    fc.assert(
      fc.property(tree, tree, (spec, top) => {
        const value = { ...top, apiVersion: 'x/v1', kind: 'X', metadata: { name: 'a' }, spec } as JsonObject;
        const restored = atOnce(shape.restore(copy(value)));
        expect(atOnce(shape.restore(restored))).toBe(restored);
      }),
    );
  });
});
