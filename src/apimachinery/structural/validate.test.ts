import { describe, expect, it, test } from 'vitest';
import type { Json } from '#base/json.js';
import { atOnce } from '#base/turns.js';
import { Correlation } from './correlation.js';
import { isOfFormat } from './formats.js';
import { compilePatterns } from './patterns.js';
import type { Schema } from './schema.js';
import { validateLarge, validateValue } from './validate.js';

const patterns = await compilePatterns(['^[a-z]+$']);

const schema: Schema = {
  type: 'object',
  required: ['size'],
  properties: {
    size: { type: 'integer', maximum: 100, exclusiveMaximum: true, multipleOf: 5 },
    replicas: { type: 'integer', format: 'int32', minimum: 1 },
    color: { type: 'string', enum: ['red', 'blue'] },
    name: { type: 'string', maxLength: 5, minLength: 2, pattern: '^[a-z]+$' },
    tags: { type: 'array', maxItems: 3, minItems: 1, items: { type: 'string' } },
    labels: {
      type: 'object',
      maxProperties: 2,
      minProperties: 1,
      additionalProperties: { type: 'string', maxLength: 3 },
    },
    pct: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
    one: { type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }] },
    any: {
      type: 'object',
      properties: { x: { type: 'integer' } },
      anyOf: [{ properties: { x: { minimum: 3 } } }, { properties: { x: { maximum: 0 } } }],
    },
    all: { type: 'string', allOf: [{ minLength: 3 }, { maxLength: 1 }], not: { enum: ['no'] } },
    when: { type: 'string', format: 'date-time' },
    maybe: { type: 'string', nullable: true },
  },
};

const errorsOf = (value: Json) => validateValue(value, schema, { patterns }).map(({ message }) => message);

/** The messages of kube-apiserver 1.36 for the same schema and values. */
test.each<[Json, string[]]>([
  [{ size: 5 }, []],
  [{}, ['size: Required value']],
  [{ size: 'x' }, ['size: Invalid value: "string": size in body must be of type integer: "string"']],
  [
    { size: 102 },
    [
      'size: Invalid value: 102: size in body should be a multiple of 5',
      'size: Invalid value: 102: size in body should be less than 100',
    ],
  ],
  [
    { size: 5.5 },
    [
      'size: Invalid value: "number": size in body must be of type integer: "number"',
      '<nil>: Invalid value: "": Checked value must be of type integer (default format) in size',
      'size: Invalid value: 5.5: size in body should be a multiple of 5',
    ],
  ],
  [
    { size: 5, replicas: 1.5 },
    [
      'replicas: Invalid value: "float64": replicas in body must be of type int32: "float64"',
      '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in replicas',
    ],
  ],
  [{ size: 5, replicas: 0 }, ['replicas: Invalid value: 0: replicas in body should be greater than or equal to 1']],
  [
    { size: 5, replicas: '2' },
    ['replicas: Invalid value: "string": replicas in body must be of type integer: "string"'],
  ],
  [
    { size: 5, color: 3 },
    [
      'color: Invalid value: "integer": color in body must be of type string: "integer"',
      'color: Unsupported value: 3: supported values: "red", "blue"',
    ],
  ],
  [{ size: 5, name: 'ABCDEFG' }, ['name: Too long: may not be more than 5 bytes']],
  [{ size: 5, name: 'a' }, ['name: Invalid value: "a": name in body should be at least 2 chars long']],
  [{ size: 5, name: 'AB' }, [`name: Invalid value: "AB": name in body should match '^[a-z]+$'`]],
  [{ size: 5, tags: [] }, ['tags: Invalid value: 0: tags in body should have at least 1 items']],
  [{ size: 5, tags: ['a', 'b', 'c', 'd'] }, ['tags: Too many: 4: must have at most 3 items']],
  [{ size: 5, labels: {} }, ['labels: Invalid value: 0: labels in body should have at least 1 properties']],
  [
    { size: 5, labels: { a: '1234', b: '1', c: '2' } },
    ['labels: Too many: 3: must have at most 2 items', 'labels.a: Too long: may not be more than 3 bytes'],
  ],
  [
    { size: 5, pct: 1.5 },
    [
      'pct: Invalid value: "number": pct in body must be of type integer,string: "number"',
      '<nil>: Invalid value: "": "pct" must validate at least one schema (anyOf)',
      'pct: Invalid value: "number": pct in body must be of type integer: "number"',
      '<nil>: Invalid value: "": Checked value must be of type integer (default format) in pct',
    ],
  ],
  [
    { size: 5, one: {} },
    [
      '<nil>: Invalid value: "": "one" must validate one and only one schema (oneOf). Found none valid',
      'one.a: Required value',
    ],
  ],
  [
    { size: 5, one: { a: 1, b: 1 } },
    ['<nil>: Invalid value: "": "one" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
  ],
  [
    { size: 5, any: { x: 1 } },
    [
      '<nil>: Invalid value: "": "any" must validate at least one schema (anyOf)',
      'any.x: Invalid value: 1: any.x in body should be greater than or equal to 3',
    ],
  ],
  [
    { size: 5, all: 'no' },
    [
      'all: Invalid value: "no": all in body should be at least 3 chars long',
      'all: Too long: may not be more than 1 byte',
      '<nil>: Invalid value: "": "all" must validate all the schemas (allOf). None validated',
      '<nil>: Invalid value: "": "all" must not validate the schema (not)',
    ],
  ],
  [{ size: 5, when: 'now' }, ['when: Invalid value: "now": when in body must be of type date-time: "now"']],
  [{ size: 5, maybe: null }, []],
  [{ size: 5, name: null }, ['name: Invalid value: "null": name in body must be of type string: "null"']],
])('%j', (value, messages) => {
  expect(errorsOf(value)).toEqual(messages);
  const inSteps = atOnce(validateLarge(value, schema, { patterns }));
  expect(inSteps.map(({ message }) => message)).toEqual(messages);
});

describe('what has not changed', () => {
  const of: Schema = {
    type: 'object',
    properties: {
      a: { type: 'integer', maximum: 1 },
      list: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: { type: 'object', properties: { name: { type: 'string' }, n: { type: 'integer', maximum: 1 } } },
      },
      plain: { type: 'array', items: { type: 'integer', maximum: 1 } },
    },
  };
  const update = (value: Json, old: Json) => {
    const validation = { patterns, correlation: new Correlation({ value, old, schema: of }) };
    const errors = validateValue(value, of, validation);
    expect(atOnce(validateLarge(value, of, validation))).toEqual(errors);
    return errors.map(({ path }) => path);
  };

  it('need not satisfy the schema', () => {
    expect(update({ a: 5 }, { a: 5 })).toEqual([]);
    expect(update({ a: 6 }, { a: 5 })).toEqual(['a']);
  });

  it('is found in a list that is a map by its key, and in no other', () => {
    const x = { name: 'x', n: 5 };
    expect(update({ list: [{ name: 'y', n: 1 }, x] }, { list: [x] })).toEqual([]);
    expect(update({ list: [{ name: 'z', n: 5 }] }, { list: [x] })).toEqual(['list[0].n']);
    expect(update({ plain: [5, 1] }, { plain: [5] })).toEqual(['plain[0]']);
  });
});

test.each<[format: string, good: string[], bad: string[]]>([
  [
    'date-time',
    ['2026-01-02T03:04:05Z', '2026-01-02t03:04:05.123+01:00'],
    ['2026-02-30T00:00:00Z', 'now', '2026-01-02'],
  ],
  ['date', ['2024-02-29'], ['2026-02-29', '2026-13-01']],
  ['ipv4', ['10.0.0.1'], ['10.0.0', '::1', '010.0.0.1']],
  ['ipv6', ['::1', 'fe80::1'], ['10.0.0.1', 'g::']],
  ['cidr', ['10.0.0.0/8', '::/0'], ['10.0.0.0', '10.0.0.0/33']],
  ['uuid', ['123e4567-e89b-12d3-a456-426614174000', '123E4567E89B12D3A456426614174000'], ['123e4567']],
  ['email', ['a@b.c', 'A <a@b>'], ['a', 'a@', '@b']],
  ['hostname', ['a.b.co', 'a-b', 'A', 'ä.example'], ['-a', 'a..b', '', 'a-b-c', 'a.b-c', 'a_b', '1.2.3.4']],
  ['uri', ['http://a/b', '/a', 'urn:x'], ['a', '', 'http://a b']],
  ['mac', ['01:23:45:67:89:ab', '0123.4567.89ab'], ['01:23:45', '01:23-45:67:89:ab']],
  ['byte', ['', 'YQ==', 'YWJj'], ['YQ', '*']],
  ['duration', ['1h30m', '3 days', '10ms', '0'], ['h', '1']],
  ['isbn', ['0321751043', '978-0321751041'], ['0321751044', '1']],
  ['creditcard', ['4111 1111 1111 1111'], ['4111 1111 1111 1112']],
  ['k8s-short-name', ['a-b'], ['A', 'a.b']],
  ['something-else', ['whatever'], []],
])('format %s', (format, good, bad) => {
  expect(good.filter((text) => !isOfFormat(text, format))).toEqual([]);
  expect(bad.filter((text) => isOfFormat(text, format))).toEqual([]);
});
