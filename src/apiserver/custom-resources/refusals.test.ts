/** What upstream's server of custom resources answers to requests that go wrong, and in which order it looks at them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../call.js';
import { call, objectOf, type Sent, statusOf } from '../test-call.js';
import {
  type CustomResourceServer,
  startCustomResources,
  widget,
  widgetCrd,
  widgets,
} from './test-custom-resources.js';

const kept = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const properties = {
  size: { type: 'integer' },
  port: { 'x-kubernetes-int-or-string': true },
  when: { type: 'string', format: 'date-time' },
  list: { type: 'array', items: { type: 'string' } },
  kept: { ...kept, properties: { inner: { type: 'object', properties: { a: { type: 'string' } } } } },
};

/** Version v2 lacks what v1 has, and nothing converts. */
function definition(): object {
  const crd = widgetCrd(properties, { subresources: { status: {} } });
  const [second] = widgetCrd({ big: { type: 'integer' } }, { name: 'v2', storage: false }).spec.versions;
  return { ...crd, spec: { ...crd.spec, versions: [...crd.spec.versions, second] } };
}

let server: CustomResourceServer;
beforeAll(async () => {
  server = await startCustomResources();
  await server.define(definition());
  await server.send('POST', widgets, widget({ size: 1 }));
});
afterAll(() => server.close());

const send = (method: string, path: string, sent?: Sent): Promise<Outcome> => call(server.server, method, path, sent);
const json = (value: unknown): Sent => ({ body: JSON.stringify(value) });
const merge = (value: unknown): Sent => ({ ...json(value), type: 'application/merge-patch+json' });
const apply = (value: unknown): Sent => ({ ...json(value), type: 'application/apply-patch+yaml' });
const named = (name: string, spec: object) => widget(spec, { metadata: { name } });

describe('a path that custom resources do not have', () => {
  it.each([
    ['GET', '/apis/example.com/v1/widgets/a'],
    ['DELETE', '/apis/example.com/v1/widgets'],
    ['POST', '/apis/example.com/v1/widgets'],
    ['GET', '/apis/example.com/v9/widgets'],
  ])('is no page: %s %s', async (method, path) => {
    const { answer } = await send(method, path);
    expect(answer).toMatchObject({ type: 'bytes', code: 404, body: '404 page not found\n' });
  });
});

describe('the first reason to refuse is told', () => {
  const refused: [name: string, method: string, path: string, sent: Sent, code: number, message: string][] = [
    [
      'a verb',
      'DELETE',
      `${widgets}/a/status`,
      {},
      405,
      'delete is not supported on resources of kind "widgets.example.com"',
    ],
    [
      'a verb, before what is accepted',
      'POST',
      `${widgets}/a/status`,
      { accept: 'text/html' },
      405,
      'create is not supported on resources of kind "widgets.example.com"',
    ],
    [
      'a type of body, before parameters',
      'POST',
      `${widgets}?dryRun=x`,
      { type: 'text/plain' },
      415,
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    ],
    [
      'an apply by nobody',
      'PATCH',
      `${widgets}/x`,
      apply(named('x', { foo: 1 })),
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ],
    [
      'a patch to what has no such version',
      'PATCH',
      `${widgets}/a`,
      merge({ apiVersion: null }),
      500,
      "Internal error occurred: Object 'apiVersion' is missing in 'object has no apiVersion field'",
    ],
    ['no name', 'PUT', widgets, {}, 400, 'name must be provided'],
    [
      'a number',
      'GET',
      `${widgets}?limit=x&labelSelector=,&fieldSelector=a%3Db`,
      {},
      400,
      'strconv.ParseInt: parsing "x": invalid syntax',
    ],
    [
      'a selector',
      'GET',
      `${widgets}?labelSelector=,&resourceVersionMatch=Exact`,
      {},
      400,
      "found ',', expected: !, identifier, or 'end of string'",
    ],
    [
      'a field',
      'GET',
      `${widgets}?fieldSelector=spec.size%3D1&resourceVersion=x`,
      {},
      400,
      'field label not supported: spec.size',
    ],
    [
      'a continue token',
      'GET',
      `${widgets}?continue=A%3D`,
      {},
      400,
      'invalid continue token: continue key is not valid: illegal base64 data at input byte 1',
    ],
    [
      'a kind of patch, before what is accepted',
      'PATCH',
      `${widgets}/a`,
      { type: 'text/plain', accept: 'text/html' },
      415,
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    ],
    [
      'a watch, as any answer first',
      'GET',
      `${widgets}?watch=1`,
      { accept: 'text/html' },
      406,
      'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    ],
    [
      'a list that is none',
      'GET',
      `${widgets}/a`,
      { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' },
      500,
      'content is not a list',
    ],
    [
      'no version, before the kind',
      'PUT',
      `${widgets}/a`,
      json({ ...widget({}), kind: 'Other' }),
      422,
      'widgets.example.com "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    ],
    [
      'another kind',
      'POST',
      widgets,
      json({ ...named('b', {}), kind: 'Other' }),
      422,
      'Other.example.com "b" is invalid: kind: Invalid value: "Other": must be Widget',
    ],
    [
      'another version',
      'PATCH',
      `${widgets}/a`,
      merge({ apiVersion: 'example.com/v9' }),
      422,
      'Widget.example.com "a" is invalid: apiVersion: Invalid value: "example.com/v9": must be example.com/v1',
    ],
    [
      'no object, by a lax reader',
      'POST',
      `${widgets}?fieldValidation=Ignore`,
      { body: 'null' },
      400,
      "Widget in version \"v1\" cannot be handled as a Widget: Object 'Kind' is missing in 'null'",
    ],
    [
      'an unknown field, and no more of its map',
      'PATCH',
      `${widgets}/x?fieldManager=m`,
      apply(named('x', { foo: 1, bar: 2 })),
      500,
      'failed to create typed patch object (/x; example.com/v1, Kind=Widget): .spec.foo: field not declared in schema',
    ],
    [
      'an object for a number or text, by the schema alone',
      'PATCH',
      `${widgets}/x?fieldManager=m`,
      apply(named('x', { port: {} })),
      422,
      'Widget.example.com "x" is invalid: spec.port: Invalid value: "object": spec.port in body must be of type integer,string: "object"',
    ],
    [
      'a number for a text with a format, by the schema alone',
      'PATCH',
      `${widgets}/x?fieldManager=m`,
      apply(named('x', { when: 1.5 })),
      422,
      'Widget.example.com "x" is invalid: spec.when: Invalid value: "float64": spec.when in body must be of type date-time: "float64"',
    ],
  ];
  it.each(refused)('%s', async (_, method, path, sent, code, message) => {
    expect(statusOf(await send(method, path, sent))).toEqual({ code, message });
  });

  it('tells faults in metadata once in words, and as often as they are found in causes', async () => {
    const label = 'a'.repeat(64);
    const { error } = await send('PATCH', `${widgets}/a`, merge({ metadata: { labels: { x: label } } }));
    expect(error?.message).toBe(
      `Widget.example.com "a" is invalid: metadata.labels: Invalid value: "${label}": must be no more than 63 bytes`,
    );
    expect(error?.status.details?.causes?.map(({ field }) => field)).toEqual(Array(3).fill('metadata.labels'));
  });

  it('says that what has the name is being deleted', async () => {
    await send('POST', widgets, json(widget({}, { metadata: { name: 'going', finalizers: ['example.com/f'] } })));
    const gone = await send('DELETE', `${widgets}/going`, { accept: 'application/json' });
    expect(objectOf(gone)).toMatchObject({ kind: 'Widget' });
    expect(statusOf(await send('POST', widgets, json(named('going', {}))))).toEqual({
      code: 409,
      message: 'object is being deleted: widgets.example.com "going" already exists',
    });
  });
});

describe('a refusal is shown', () => {
  const table = 'as=Table;g=meta.k8s.io;v=v1';
  it.each([
    [undefined, { format: 'json', pretty: false }],
    ['application/yaml', { format: 'yaml', pretty: false }],
    ['application/vnd.kubernetes.protobuf', { format: 'protobuf', pretty: false }],
    [`application/vnd.kubernetes.protobuf;${table},application/json`, { format: 'json', pretty: false }],
    [`application/json;${table}`, { format: 'json', pretty: true }],
    ['text/html', { format: 'json', pretty: true }],
  ])('to who accepts %s', async (accept, media) => {
    expect((await send('GET', `${widgets}/none`, { accept })).media).toMatchObject(media);
  });
});

describe('what goes through', () => {
  it('is a Status, whatever form of object was asked for', async () => {
    await send('POST', widgets, json(named('short', {})));
    const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
    expect(objectOf(await send('DELETE', `${widgets}/short`, { accept }))).toMatchObject({ status: 'Success' });
  });

  it('is applied below what is kept, though the schema there prunes it', async () => {
    const applied = named('deep', { kept: { inner: { a: 'x', b: 'y' } } });
    const answer = await send('PATCH', `${widgets}/deep?fieldManager=m`, apply(applied));
    expect(objectOf(answer)).toHaveProperty('spec', { kept: { inner: { a: 'x' } } });
  });

  it('is JSON that may stand in a page', async () => {
    const { answer } = await send('POST', widgets, json(named('page', { list: ['<a>&\u2028'] })));
    const text = answer.type === 'stored' ? answer.stored.line.toString() : '';
    expect(text).toContain('"list":["\\u003ca\\u003e\\u0026\\u2028"]');
    expect(JSON.parse(text).spec.list).toEqual(['<a>&\u2028']);
  });

  it('keeps ids that no double holds, whatever is done to the object', async () => {
    const big =
      '{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"big"},"spec":{"size":9007199254740993}}';
    const text = ({ answer }: Outcome) => (answer.type === 'stored' ? answer.stored.json.toString() : '');
    const first = text(await send('POST', widgets, { body: big }));
    expect(first).toContain('"spec":{"size":9007199254740993}');
    const patched = await send('PATCH', `${widgets}/big`, merge({ metadata: { labels: { a: 'c' } } }));
    expect(text(patched)).toContain('"spec":{"size":9007199254740993}');
    const applied = { body: big, type: 'application/apply-patch+yaml' };
    expect(text(await send('PATCH', `${widgets}/big?fieldManager=m`, applied))).toContain('"size":9007199254740993}');
    const other = { ...applied, body: big.replace('993', '995') };
    expect(statusOf(await send('PATCH', `${widgets}/big?fieldManager=m`, other)).message).toContain('.spec.size');
  });

  it('is every object that a selector takes, also after a token of no version', async () => {
    await send('POST', widgets, json(widget({}, { metadata: { name: 'marked', labels: { a: 'b' } } })));
    const token = Buffer.from('{"v":"meta.k8s.io/v1","rv":-1,"start":"a"}').toString('base64url');
    const { answer } = await send('GET', `${widgets}?labelSelector=a%3Db&continue=${token}`);
    expect(answer).toMatchObject({ type: 'list', items: [{ object: { metadata: { name: 'marked' } } }] });
    expect(answer).not.toHaveProperty('metadata.continue');
  });
});

describe('where another manager wrote in a version that lacks what the object has', () => {
  const inOther = { apiVersion: 'example.com/v2', kind: 'Widget', metadata: { name: 'two' }, spec: { big: 1 } };

  it('an apply fails, and an update forgets who manages what', async () => {
    await send('POST', widgets.replace('v1', 'v2'), json(inOther));
    const answer = await send('PATCH', `${widgets}/two?fieldManager=m`, apply(named('two', { size: 1 })));
    expect(statusOf(answer)).toEqual({
      code: 500,
      message: 'failed to convert new object: .spec.size: field not declared in schema',
    });
    const patched = objectOf(await send('PATCH', `${widgets}/two`, merge({ spec: { size: 1 } })));
    expect(patched).toMatchObject({ spec: { size: 1 } });
    expect(patched).not.toHaveProperty('metadata.managedFields');
  });
});

it("holds definitions with defaults to prune, and host names to upstream's form", async () => {
  const whole = { ...widgetCrd({ host: { type: 'string', format: 'hostname', default: 'a.example' } }) };
  const kept = { ...whole, spec: { ...whole.spec, preserveUnknownFields: true } };
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  expect(statusOf(await send('POST', crds, json(kept))).message).toContain(
    'spec.preserveUnknownFields: Invalid value: true: must be false in order to use defaults in the schema',
  );
});
