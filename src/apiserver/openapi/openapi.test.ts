import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import resources from '#api/index.gen.js';
import { type AnyResource, defineResource } from '#api/resource.js';
import { builtinSchemas as table } from '#api/schema-table.js';
import { Scheme } from '#api/scheme.js';
import { StatusError } from '#apimachinery/errors.js';
import { Reader } from '#apimachinery/protobuf/wire.js';
import type { Schema } from '#apimachinery/structural/schema.js';
import { shapeFor } from '#apimachinery/structural/shape.js';
import type { DocumentRequest } from '../document.js';
import { OpenApi } from './openapi.js';

const gnostic = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

function setUp() {
  const scheme = new Scheme(resources as AnyResource[]);
  const openApi = new OpenApi({ scheme, table, version: '1.36' });
  const respond = async (path: string, more: Partial<DocumentRequest> = {}) =>
    (await openApi.respond({ path, ...more }))!;
  // biome-ignore lint/suspicious/noExplicitAny: documents of several shapes
  const get = async (path: string): Promise<any> => {
    const url = new URL(path, 'http://x');
    const { body } = await respond(url.pathname, { query: url.searchParams });
    return JSON.parse(Buffer.from(body).toString());
  };
  return { scheme, openApi, respond, get };
}

const { respond, get } = setUp();

function refsIn(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return found;
  for (const [key, one] of Object.entries(value)) {
    if (key === '$ref' && typeof one === 'string') found.add(one);
    else refsIn(one, found);
  }
  return found;
}

describe('version 3', () => {
  test('the index leads to each group and version; every reference resolves', async () => {
    const { paths } = await get('/openapi/v3');
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['api/v1', 'apis/apps/v1']));
    for (const { serverRelativeURL } of Object.values(paths) as { serverRelativeURL: string }[]) {
      const document = await get(serverRelativeURL);
      expect(document.openapi).toBe('3.0.0');
      for (const ref of refsIn(document)) expect(document).toHaveProperty(ref.split('/').slice(1));
    }
  });

  test('the index is told to whoever asks, in whatever way', async () => {
    const { status, headers } = await respond('/openapi/v3', { accept: gnostic });
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
    expect(await respond('/openapi/v3/')).toBeUndefined();
  });

  test('an old hash is redirected, a right one may be kept for ever', async () => {
    const path = '/openapi/v3/apis/apps/v1';
    const old = await respond(path, { query: new URLSearchParams('hash=OLD') });
    expect(old.status).toBe(301);
    const query = new URL(old.headers['location']!, 'http://x').searchParams;
    const right = await respond(path, { query });
    expect(right.status).toBe(200);
    expect(right.headers['cache-control']).toContain('immutable');
    expect((await respond(path)).headers['cache-control']).toBe('no-cache, private');
    const etag = right.headers['etag'];
    expect((await respond(path, { ifNoneMatch: etag })).status).toBe(304);
  });

  test('PATCH says that it validates fields, which kubectl looks for', async () => {
    const { paths } = await get('/openapi/v3/apis/apps/v1');
    const { patch } = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
    expect(patch['x-kubernetes-group-version-kind']).toEqual({ group: 'apps', version: 'v1', kind: 'Deployment' });
    expect(patch.operationId).toBe('patchAppsV1NamespacedDeployment');
    const names = patch.parameters.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(['dryRun', 'fieldManager', 'fieldValidation', 'force']));
    expect(Object.keys(patch.requestBody.content)).toContain('application/apply-patch+yaml');
  });

  test('schemas carry what strategic merge and server-side apply need, and descriptions', async () => {
    const { components } = await get('/openapi/v3/api/v1');
    const { properties, required } = components.schemas['io.k8s.api.core.v1.PodSpec'];
    expect(required).toEqual(['containers']);
    expect(properties.containers).toMatchObject({
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'name',
    });
    expect(properties.containers.description).toMatch(/^List of containers belonging to the pod\./);
    expect(properties.securityContext.description).toMatch(/^SecurityContext holds pod-level security attributes/);
    expect(properties.restartPolicy.description).toContain('Possible enum values:\n - `"Always"`');
    const { components: apps } = await get('/openapi/v3/apis/apps/v1');
    const { maxSurge } = apps.schemas['io.k8s.api.apps.v1.RollingUpdateDeployment'].properties;
    expect(maxSurge.description).toMatch(/^The maximum number of pods that can be scheduled above/);
    const pod = components.schemas['io.k8s.api.core.v1.Pod'];
    expect(pod['x-kubernetes-group-version-kind']).toEqual([{ group: '', kind: 'Pod', version: 'v1' }]);
    expect(Object.values(pod.properties).every((one) => (one as { description?: string }).description)).toBe(true);
    expect(pod.properties.spec.allOf).toEqual([{ $ref: '#/components/schemas/io.k8s.api.core.v1.PodSpec' }]);
    expect(components.schemas['io.k8s.apimachinery.pkg.util.intstr.IntOrString'].oneOf).toHaveLength(2);
  });
});

describe('what operations say, as upstream says it', () => {
  const pathOf = async (path: string) => (await get('/openapi/v2')).paths[path];
  const pods = '/api/v1/namespaces/{namespace}/pods';

  test.each([
    ['/api/v1/namespaces/{namespace}/configmaps', 'get', 'list or watch objects of kind ConfigMap'],
    ['/api/v1/namespaces/{namespace}/events', 'post', 'create an Event'],
    ['/api/v1/namespaces/{namespace}/endpoints', 'post', 'create Endpoints'],
    [`${pods}/{name}/status`, 'patch', 'partially update status of the specified Pod'],
    [`${pods}/{name}/exec`, 'post', 'connect POST requests to exec of Pod'],
    [pods, 'delete', 'delete collection of Pod'],
    ['/api/v1/', 'get', 'get available resources'],
    ['/apis/apps/', 'get', 'get information of a group'],
  ])('%s %s: %s', async (path, method, description) => {
    expect((await pathOf(path))[method].description).toBe(description);
  });

  test.each([
    ['/api/v1/watch/pods', 'get', 'watchCoreV1PodListForAllNamespaces'],
    ['/api/v1/watch/namespaces/{namespace}/pods/{name}', 'get', 'watchCoreV1NamespacedPod'],
    [`${pods}/{name}/proxy/{path}`, 'head', 'connectCoreV1HeadNamespacedPodProxyWithPath'],
    ['/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas', 'delete', 'deleteFlowcontrolApiserverV1CollectionFlowSchema'],
    ['/apis/rbac.authorization.k8s.io/', 'get', 'getRbacAuthorizationAPIGroup'],
    ['/version/', 'get', 'getCodeVersion'],
  ])('%s %s is %s', async (path, method, id) => {
    expect((await pathOf(path))[method].operationId).toBe(id);
  });

  test('what all operations of a path take stands with the path, and once in the document unless it is told of a kind', async () => {
    const document = await get('/openapi/v2');
    const shown = (list: { $ref?: string; name?: string }[]) => list.map(({ $ref, name }) => $ref ?? name);
    const { get: read, delete: remove, parameters } = document.paths[`${pods}/{name}`];
    expect(shown(parameters)).toEqual(['name', '#/parameters/namespace-vgWSWtn3', '#/parameters/pretty-tJGM1-ng']);
    expect(parameters[0].description).toBe('name of the Pod');
    expect(read.parameters).toBeUndefined();
    expect(shown(remove.parameters).slice(0, 3)).toEqual([
      '#/parameters/body-2Y1dVQaQ',
      'dryRun',
      '#/parameters/gracePeriodSeconds--K5HaBOS',
    ]);
    expect(Object.keys(document.parameters)).toHaveLength(47);
  });

  test('a deleted pod is answered, of others a status', async () => {
    const answer = async (path: string) => (await pathOf(path)).delete.responses[200].schema.$ref.split('.').at(-1);
    expect(await answer(`${pods}/{name}`)).toBe('Pod');
    expect(await answer('/api/v1/namespaces/{namespace}/configmaps/{name}')).toBe('Status');
  });

  test('version 3 tells defaults, those of empty values too; version 2 none', async () => {
    const properties = async (path: string) => {
      const { definitions, components } = await get(path);
      return (definitions ?? components.schemas)['io.k8s.api.core.v1.ContainerPort'].properties;
    };
    const v3 = await properties('/openapi/v3/api/v1');
    expect([v3.containerPort.default, v3.hostPort.default, v3.protocol.default]).toEqual([0, undefined, 'TCP']);
    expect((await properties('/openapi/v2')).protocol).not.toHaveProperty('default');
  });
});

describe('version 2', () => {
  test('references resolve, and paths are those of version 3', async () => {
    const document = await get('/openapi/v2');
    expect(document.swagger).toBe('2.0');
    for (const ref of refsIn(document)) expect(document).toHaveProperty(ref.split('/').slice(1));
    const v3 = await get('/openapi/v3/api/v1');
    expect(Object.keys(document.paths).filter((path) => path.startsWith('/api/v1/'))).toEqual(Object.keys(v3.paths));
  });

  test('kubectl gets protobuf: the same definitions and paths', async () => {
    const document = await get('/openapi/v2');
    const response = await respond('/openapi/v2', { accept: gnostic });
    expect(response.headers['content-type']).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    const fields = fieldsOf(new Reader(Buffer.from(response.body)));
    expect(fields.get(1)![0]!.toString()).toBe('2.0');
    const names = (bytes: Buffer, number: number) =>
      fieldsOf(new Reader(bytes))
        .get(number)!
        .map((one) => fieldsOf(new Reader(one)).get(1)![0]!.toString());
    expect(names(fields.get(8)![0]!, 2)).toEqual(Object.keys(document.paths));
    expect(names(fields.get(9)![0]!, 1)).toEqual(Object.keys(document.definitions));
    expect(Buffer.from(response.body).includes('{"group":"apps","kind":"Deployment","version":"v1"}')).toBe(true);
  });

  test('client-go reads version 3 in protobuf only: the same paths and schemas, defaults and references among them', async () => {
    const document = await get('/openapi/v3/apis/apps/v1');
    const accept = gnostic.replace('v2@', 'v3@');
    const response = await respond('/openapi/v3/apis/apps/v1', { accept });
    expect(response.headers['content-type']).toBe('application/com.github.proto-openapi.spec.v3.v1.0+protobuf');
    const message = (bytes: Buffer) => fieldsOf(new Reader(bytes));
    const named = (bytes: Buffer) =>
      new Map(
        message(bytes)
          .get(1)!
          .map((one) => [message(one).get(1)![0]!.toString(), message(one).get(2)![0]!]),
      );
    const fields = message(Buffer.from(response.body));
    expect(fields.get(1)![0]!.toString()).toBe('3.0.0');
    expect([...named(fields.get(4)![0]!).keys()]).toEqual(Object.keys(document.paths));
    const schemas = named(message(fields.get(5)![0]!).get(1)![0]!);
    expect([...schemas.keys()]).toEqual(Object.keys(document.components.schemas));
    const name = 'io.k8s.api.apps.v1.Deployment';
    const deployment = message(message(schemas.get(name)!).get(1)![0]!);
    expect(deployment.get(34)![0]!.toString()).toBe(document.components.schemas[name].description);
    const { allOf } = document.components.schemas[name].properties.spec;
    const spec = message(message(named(deployment.get(31)![0]!).get('spec')!).get(1)![0]!);
    const reference = message(spec.get(26)![0]!).get(2)![0]!;
    expect(message(reference).get(1)![0]!.toString()).toBe(allOf[0].$ref);
    // A default that is an object has no place in the message.
    expect(spec.get(33)![0]).toHaveLength(0);
    await expect(respond('/openapi/v3/apis/apps/v1', { accept: gnostic })).rejects.toThrow(StatusError);
  });

  test('is compressed for whoever takes that', async () => {
    const plain = await respond('/openapi/v2');
    const packed = await respond('/openapi/v2', { acceptEncoding: 'gzip, br' });
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(packed.body).equals(Buffer.from(plain.body))).toBe(true);
    await expect(respond('/openapi/v2', { accept: 'text/html' })).rejects.toThrow(StatusError);
  });
});

function fieldsOf(reader: Reader): Map<number, Buffer[]> {
  const found = new Map<number, Buffer[]>();
  while (!reader.done) {
    const { number, type } = reader.tag();
    if (type !== 2) reader.skip(type);
    else found.set(number, [...(found.get(number) ?? []), reader.bytes()]);
  }
  return found;
}

test('custom resources are described as their definitions say, and go when they go', async () => {
  const scheme = new Scheme(resources as AnyResource[]);
  const schema: Schema = {
    type: 'object',
    description: 'A widget.',
    properties: {
      spec: {
        type: 'object',
        properties: {
          size: { 'x-kubernetes-int-or-string': true },
          name: { type: 'string', nullable: true, maxLength: 3 },
        },
      },
    },
  };
  const openApi = new OpenApi({ scheme, table, version: '1.36' });
  const shape = shapeFor(schema, { table, keepsUnknown: false });
  const widget = defineResource({ group: 'example.com', versions: ['v1'], kind: 'Widget', namespaced: true, shape });
  expect(await openApi.respond({ path: '/openapi/v3/apis/example.com/v1' })).toBeUndefined();
  const before = (await openApi.respond({ path: '/openapi/v3' }))!.headers['etag'];
  scheme.add(widget);
  expect((await openApi.respond({ path: '/openapi/v3' }))!.headers['etag']).not.toBe(before);
  const { body } = (await openApi.respond({ path: '/openapi/v3/apis/example.com/v1' }))!;
  const { components, paths } = JSON.parse(Buffer.from(body).toString());
  expect(components.schemas['com.example.v1.Widget']).toMatchObject({
    type: 'object',
    description: 'A widget.',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] },
      spec: {
        properties: {
          size: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
          name: { type: 'string', nullable: true, maxLength: 3 },
        },
      },
    },
    'x-kubernetes-group-version-kind': [{ group: 'example.com', kind: 'Widget', version: 'v1' }],
  });
  const { info } = JSON.parse(Buffer.from(body).toString());
  expect(info).toEqual({ title: 'Kubernetes CRD Swagger', version: 'v0.1.0' });
  const patch = paths['/apis/example.com/v1/namespaces/{namespace}/widgets/{name}'].patch;
  expect(Object.keys(patch.requestBody.content)).toEqual([
    'application/apply-patch+yaml',
    'application/json-patch+json',
    'application/merge-patch+json',
  ]);
  expect(components.schemas['com.example.v1.WidgetList'].properties.items.items).toEqual({
    $ref: '#/components/schemas/com.example.v1.Widget',
  });
  const v2 = JSON.parse(Buffer.from((await openApi.respond({ path: '/openapi/v2' }))!.body).toString());
  expect(v2.definitions['com.example.v1.Widget'].properties.spec.properties).toEqual({
    size: { 'x-kubernetes-int-or-string': true },
    name: { maxLength: 3 },
  });
  scheme.remove(widget);
  expect((await openApi.respond({ path: '/openapi/v3' }))!.headers['etag']).toBe(before);
});
