import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinSchemas as table } from '#api/schema-table.js';
import { atOnce } from '#base/turns.js';
import { planOf, type TypePlan } from '../codec/plan.js';
import { decodeProtobuf } from '../decode.js';
import { normalize } from '../encode.js';
import { StatusError } from '../errors.js';
import { parseApiVersion } from '../object.js';
import { isScalar } from '../schema.js';
import {
  decodeWatchEvent,
  encodeProtobuf,
  encodeWatchFrame,
  FrameReader,
  hasProtobuf,
  readEnvelope,
} from './envelope.js';
import { messagePlanOf } from './message-plan.js';
import { BackwardWriter, wireType } from './wire.js';

/** Written by k8s.io/apimachinery's own serializer. */
const golden = readFileSync(new URL('./golden.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { name: string; json: { apiVersion: string; kind: string }; proto: string });

const kindOf = (object: { apiVersion: string; kind: string }) => ({
  ...parseApiVersion(object.apiVersion),
  kind: object.kind,
});

describe('bytes of the Go implementation', () => {
  test.each(golden)('$name', ({ json, proto }) => {
    const kind = kindOf(json);
    const normal = normalize(table, table.kind(kind)!.name, json);
    const { object } = atOnce(decodeProtobuf(Buffer.from(proto, 'base64'), { table, kind }));
    expect(object).toEqual(normal);
    expect(Buffer.from(encodeProtobuf(table, normal)).toString('base64')).toBe(proto);
  });
});

/** Objects of a type, from its schema. Depth is limited, since schemas of schemas have no end. */
function objects(plan: TypePlan, depth: number): fc.Arbitrary<unknown> {
  const { codec } = plan;
  const text = fc.string({ unit: 'grapheme', maxLength: 12 });
  if (codec === 'time')
    return fc.integer({ min: 0, max: 4e9 }).map((s) => `${new Date(s * 1000).toISOString().slice(0, 19)}Z`);
  if (codec === 'microTime')
    return fc.integer({ min: 0, max: 4e12 }).map((ms) => `${new Date(ms).toISOString().slice(0, -1)}456Z`);
  if (codec === 'quantity') return fc.constantFrom('0', '100m', '1', '1Gi', '1500', '-3');
  if (codec === 'intOrString') return fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), text);
  if (codec === 'duration') return fc.constantFrom('0s', '1.5s', '2h3m0s', '-4ms');
  if (codec === 'raw') return fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 2 });
  if (codec === 'rawJSON')
    return fc.jsonValue({ maxDepth: 1 }).filter((value) => value !== null && !Object.is(value, -0));
  if (codec === 'items') return fc.array(text, { maxLength: 2 });
  if (codec === 'schemaOrBool') return fc.boolean();
  if (codec === 'schemaOrStringArray') return fc.array(text, { minLength: 1, maxLength: 2 });
  if (codec === 'schemaOrArray') return fc.constant({ type: 'string' });
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of plan.fields) {
    if (!field.scalar && depth <= 0 && !field.type.codec) continue;
    const one = field.scalar ? scalars(field.scalar) : objects(field.type, depth - 1);
    const list = fc.array(one, { maxLength: 2 });
    const keys = fc.string({ minLength: 1, maxLength: 6 });
    fields[field.name] = {
      single: one,
      list,
      map: fc.dictionary(keys, one, { maxKeys: 2 }),
      mapOfLists: fc.dictionary(keys, list, { maxKeys: 2 }),
    }[field.schema.shape];
  }
  return fc.record(fields, { requiredKeys: [] });
}

/** Of 64 bits, that no double holds. */
const largeIntegers = fc
  .oneof(fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }), fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }))
  .filter((value) => !Number.isSafeInteger(Number(value)));

function scalars(scalar: string): fc.Arbitrary<unknown> {
  if (scalar === 'int32') return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  if (scalar === 'int64') return fc.oneof(fc.maxSafeInteger(), largeIntegers);
  if (scalar === 'bool') return fc.boolean();
  if (scalar === 'double')
    return fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0));
  if (scalar === 'bytes')
    return fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('base64'));
  return fc.string({ unit: 'grapheme', maxLength: 12 });
}

const kinds = [...table.names()].flatMap((name) => {
  const { kind } = table.type(name)!;
  return kind && hasProtobuf(table, name) ? [{ name, kind }] : [];
});

describe('round trips', () => {
  test('there are many kinds', () => expect(kinds.length).toBeGreaterThan(100));

  test('every kind comes back as it was', () => {
    for (const { name, kind } of kinds) {
      const plan = planOf(table, name)!;
      const property = fc.property(objects(plan, 3), (value) => {
        const apiVersion = kind.group ? `${kind.group}/${kind.version}` : kind.version;
        const object = normalize(table, name, { ...(value as object), apiVersion, kind: kind.kind });
        const bytes = encodeProtobuf(table, object);
        const decoded = atOnce(decodeProtobuf(bytes, { table, kind })).object;
        // What Go's nil and empty cannot tell apart in protobuf is equal after one trip.
        expect(Buffer.from(encodeProtobuf(table, decoded as typeof object)).equals(Buffer.from(bytes))).toBe(true);
        expect(withoutEmpty(decoded)).toEqual(withoutEmpty(object));
      });
      fc.assert(property, { numRuns: 8, seed: 7 });
    }
  });

  test('fields of a number that no type has are passed over, in every kind', () => {
    const unknown = new BackwardWriter();
    unknown.close(9001, 0);
    unknown.double(1.5);
    unknown.tag(9002, wireType.fixed64);
    unknown.varint(-1);
    unknown.tag(9003, wireType.varint);
    unknown.bytes(Buffer.alloc(4));
    unknown.tag(9004, wireType.fixed32);
    for (const { name, kind } of kinds) {
      const apiVersion = kind.group ? `${kind.group}/${kind.version}` : kind.version;
      const object = normalize(table, name, { apiVersion, kind: kind.kind, metadata: {} });
      const { raw } = readEnvelope(encodeProtobuf(table, object));
      const writer = new BackwardWriter();
      writer.bytes(Buffer.concat([raw, unknown.finish()]));
      writer.close(2, 0);
      writer.bytes(Buffer.from('k8s\0'));
      expect(atOnce(decodeProtobuf(writer.finish(), { table, kind })).object, name).toEqual(object);
    }
  });

  test('fields that have a number are all in the plan of their message', () => {
    for (const name of table.names()) {
      const type = table.type(name)!;
      const plan = messagePlanOf(table, name);
      if (!plan) expect(type.noProtobuf, name).toBe(true);
      for (const field of plan?.fields ?? []) {
        if (!isScalar(field.schema.type)) expect(field.type.name).toBe(field.schema.type);
      }
    }
  });
});

/** Pointers to empty lists and the like: an empty list or map is as good as none. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => [key, withoutEmpty(one)] as const);
  return Object.fromEntries(entries.filter(([, one]) => !(Array.isArray(one) && one.length === 0)));
}

describe('hostile bytes', () => {
  const pod = { group: '', version: 'v1', kind: 'Pod' };
  const refuses = (bytes: Uint8Array): string => {
    try {
      atOnce(decodeProtobuf(bytes, { table, kind: pod }));
    } catch (error) {
      expect(error).toBeInstanceOf(StatusError);
      expect((error as StatusError).code).toBe(400);
      return (error as StatusError).message;
    }
    return '';
  };

  test('what does not begin with the magic number is refused', () => {
    expect(refuses(Buffer.from('{}'))).toBe(
      'the object provided is unrecognized (must be of type Pod): provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] ({})',
    );
    expect(refuses(Buffer.alloc(0))).toContain('(<empty>)');
  });

  test('bytes that end early, or say what they are not', () => {
    const bytes = Buffer.from(golden[0]!.proto, 'base64');
    for (let length = 4; length < bytes.length; length += 7) refuses(bytes.subarray(0, length));
    expect(refuses(bytes.subarray(0, 200))).toContain('unexpected EOF');
  });

  test('random changes never crash', () => {
    const bytes = Buffer.from(golden[0]!.proto, 'base64');
    const change = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(change, (changes) => {
        const copy = Buffer.from(bytes);
        for (const [at, value] of changes) copy[at] = value;
        refuses(copy);
      }),
      { numRuns: 1000, seed: 11 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (tail) => {
        refuses(Buffer.concat([Buffer.from('k8s\0'), tail]));
      }),
      { numRuns: 1000, seed: 12 },
    );
  });

  test('very many empty structs are refused', () => {
    const count = 300_000;
    const list = Buffer.alloc(count * 2, Buffer.from([0x12, 0x00]));
    const varint = (value: number) => Buffer.from([(value & 0x7f) | 0x80, ((value >> 7) & 0x7f) | 0x80, value >> 14]);
    const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0x12]), varint(bytes.length), bytes]);
    expect(refuses(Buffer.concat([Buffer.from('k8s\0'), field(field(list))]))).toContain('structs');
  });

  test('schemas nested without end are too deep', () => {
    let schema = Buffer.alloc(0);
    const field = (number: number, bytes: Buffer) => {
      const head: number[] = [];
      const tag = number * 8 + 2;
      head.push((tag & 0x7f) | 0x80, tag >> 7);
      let size = bytes.length;
      for (; size >= 0x80; size >>>= 7) head.push((size & 0x7f) | 0x80);
      return Buffer.concat([Buffer.from([...head, size]), bytes]);
    };
    for (let depth = 0; depth < 1500; depth++) schema = field(28, schema);
    const kind = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' };
    const spec = field(2, field(7, field(4, field(1, schema))));
    const body = Buffer.concat([Buffer.from('k8s\0'), field(2, spec)]);
    expect(() => atOnce(decodeProtobuf(body, { table, kind }))).toThrow('exceeded max depth');
  });
});

test('frames of a watch are cut as they come', () => {
  const object = Buffer.from(golden[2]!.proto, 'base64');
  const stream = Buffer.concat([encodeWatchFrame('ADDED', object), encodeWatchFrame('DELETED', object)]);
  const reader = new FrameReader();
  const events = [...stream].flatMap((byte) => reader.push(Uint8Array.of(byte))).map(decodeWatchEvent);
  expect(events.map(({ type }) => type)).toEqual(['ADDED', 'DELETED']);
  expect(Buffer.from(events[1]!.object).equals(object)).toBe(true);
  expect(() => new FrameReader().push(Buffer.from([0xff, 0xff, 0xff, 0xff]))).toThrow('too large');
});
