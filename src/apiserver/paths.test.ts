/** Paths that are no resources: which methods they take, in which forms they answer, and in which words they refuse. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import resources from '#api/index.gen.js';
import type { AnyResource } from '#api/resource.js';
import { builtinSchemas } from '#api/schema-table.js';
import { Scheme } from '#api/scheme.js';
import { Discovery } from './discovery/discovery.js';
import { encodeBody } from './http/protobuf.js';
import { discoveryPaths, documentPaths, indexPath, routed, versionPath } from './paths.js';
import { call, objectOf, statusOf } from './test-call.js';
import { startTestServer } from './test-server.js';

const version = { major: '1', minor: '36' } as Parameters<typeof versionPath>[0];
const keys = documentPaths(({ path }) =>
  path === '/keys'
    ? { status: 200, headers: { 'content-type': 'application/jwk-set+json' }, body: Buffer.from('{}') }
    : undefined,
);

let test1: ReturnType<typeof startTestServer>;
beforeAll(() => {
  const scheme = new Scheme(resources as AnyResource[]);
  test1 = startTestServer({
    allow: ({ path }) => (path === '/secret' ? { decision: 'deny', reason: '' } : { decision: 'allow', reason: '' }),
    paths: [
      versionPath(version),
      discoveryPaths(new Discovery({ scheme, schemas: builtinSchemas, serverAddress: '10.0.0.1:6443' })),
      routed(keys, () => ({ gives: ['application/jwk-set+json'] })),
      indexPath({ scheme, others: [], remote: { versions: [] } }),
    ],
  });
});
afterAll(() => test1.close());

const all = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
const routerRefusal = (types: string) => `406: Not Acceptable\n\nAvailable representations: ${types}`;
const unknown = 'the server could not find the requested resource';
const method = 'the server does not allow this method on the requested resource';

describe('answers', () => {
  test.each([
    ['GET', '/api', 'application/yaml', 'APIVersions'],
    ['GET', '/apis', 'application/vnd.kubernetes.protobuf', 'APIGroupList'],
    ['GET', '/apis/apps', '*/*', 'APIGroup'],
    ['GET', '/apis/apps/v1', 'application/json', 'APIResourceList'],
  ])('%s %s as %s', async (verb, path, accept, kind) => {
    const outcome = await call(test1.server, verb, path, { accept });
    const value = objectOf(outcome) as { kind: string };
    expect(value.kind).toBe(kind);
    expect(encodeBody(builtinSchemas, value).length).toBeGreaterThan(10);
  });

  test('what no router is before to any method', async () => {
    for (const path of ['/', '/index.html', '/apis', '/apis/apps'])
      expect(await call(test1.server, 'POST', path)).toMatchObject({ answer: { code: 200 } });
  });
});

test.each([
  ['GET', '/api', 'image/png', 406, routerRefusal(all)],
  ['GET', '/apis/apps/v1', 'image/png', 406, routerRefusal(all)],
  ['GET', '/apis', 'image/png', 406, `only the following media types are accepted: ${all}`],
  ['GET', '/apis/apps', 'image/png', 406, `only the following media types are accepted: ${all}`],
  ['GET', '/version', 'image/png', 406, routerRefusal('application/json')],
  ['GET', '/keys', 'application/json', 406, routerRefusal('application/jwk-set+json')],
  ['GET', '/api/v2', 'text/plain', 404, unknown],
  ['GET', '/apis/apps/v9', 'text/plain', 404, unknown],
  ['HEAD', '/api', '*/*', 405, method],
  ['POST', '/version', '*/*', 405, method],
])('refuses %s %s as %s', async (verb, path, accept, code, message) => {
  expect(statusOf(await call(test1.server, verb, path, { accept }))).toEqual({ code, message });
});

test('browsers must not guess what a refusal is', async () => {
  expect(await call(test1.server, 'GET', '/secret')).toMatchObject({
    headers: { 'x-content-type-options': 'nosniff' },
  });
  expect((await call(test1.server, 'GET', '/api')).headers).toBeUndefined();
});
