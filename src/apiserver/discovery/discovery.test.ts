import { describe, expect, test } from 'vitest';
import type { APIGroupDiscovery, APIGroupDiscoveryList } from '#api/gen/apidiscovery-v2.js';
import resources from '#api/index.gen.js';
import { type AnyResource, defineResource } from '#api/resource.js';
import { builtinSchemas } from '#api/schema-table.js';
import { Scheme } from '#api/scheme.js';
import { decodeProtobuf } from '#apimachinery/decode.js';
import { shapeFor } from '#apimachinery/structural/shape.js';
import { atOnce } from '#base/turns.js';
import type { DocumentRequest, DocumentResponse } from '../document.js';
import { Discovery } from './discovery.js';
import { storageVersionHash } from './groups.js';
import { compareVersions } from './version-order.js';

const aggregatedV2 = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
/** What client-go of kubectl 1.33 sends. */
const kubectlAccept = `${aggregatedV2},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json`;

const widget = defineResource({
  group: 'example.com',
  versions: ['v1', 'v1beta2'],
  storageVersion: 'v1beta2',
  kind: 'Widget',
  namespaced: false,
  shortNames: ['wd'],
  categories: ['all'],
  subresources: { status: true, scale: { replicas: 'spec.replicas', statusReplicas: 'status.replicas' } },
});

function setUp() {
  const scheme = new Scheme(resources as AnyResource[]);
  const discovery = new Discovery({ scheme, schemas: builtinSchemas, serverAddress: '10.0.0.1:6443' });
  // biome-ignore lint/suspicious/noExplicitAny: documents of several shapes
  const get = (path: string, accept?: string): any => {
    const response = discovery.respond({ path, accept });
    return response && ('value' in response ? response.value : JSON.parse(Buffer.from(response.body).toString()));
  };
  const document = (given: Omit<DocumentRequest, 'path'>) =>
    discovery.respond({ path: '/apis', accept: kubectlAccept, ...given }) as DocumentResponse;
  return { scheme, discovery, get, document };
}

test('all at once in protobuf for whoever asks for that', () => {
  const { document } = setUp();
  const type = 'application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { headers, body } = document({ accept: `${type},application/json` });
  expect(headers['content-type']).toBe(type);
  const kind = { group: 'apidiscovery.k8s.io', version: 'v2', kind: 'APIGroupDiscoveryList' };
  const decoded = atOnce(decodeProtobuf<APIGroupDiscoveryList>(body, { table: builtinSchemas, kind })).object;
  const { body: text } = document({});
  expect(decoded.items?.map(({ metadata }) => metadata?.name)).toEqual(
    JSON.parse(Buffer.from(text).toString()).items.map((one: APIGroupDiscovery) => one.metadata?.name),
  );
});

test('verbs and subresources of custom resources stand in an order of their own', () => {
  const { scheme, get } = setUp();
  const shape = shapeFor({ type: 'object' }, { table: builtinSchemas, keepsUnknown: false });
  scheme.add({ ...widget, shape });
  const [own, ...below] = get('/apis/example.com/v1').resources;
  expect(own.verbs).toEqual(['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch']);
  expect(below.map(({ name }: { name: string }) => name)).toEqual(['widgets/status', 'widgets/scale']);
});

describe('documents', () => {
  test("/api and /apis name versions and groups in upstream's order", () => {
    const { get } = setUp();
    expect(get('/api')).toEqual({
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '10.0.0.1:6443' }],
    });
    const names = get('/apis').groups.map((group: { name: string }) => group.name);
    expect(names.slice(0, 3)).toEqual(['apiregistration.k8s.io', 'apps', 'events.k8s.io']);
    expect(names.indexOf('rbac.authorization.k8s.io')).toBeLessThan(names.indexOf('coordination.k8s.io'));
    expect(get('/apis/apps')).toEqual({
      kind: 'APIGroup',
      apiVersion: 'v1',
      name: 'apps',
      versions: [{ groupVersion: 'apps/v1', version: 'v1' }],
      preferredVersion: { groupVersion: 'apps/v1', version: 'v1' },
    });
  });

  test('/api/v1 lists resources and subresources by name', () => {
    const { get } = setUp();
    const list = get('/api/v1/');
    expect(list.kind).toBe('APIResourceList');
    expect(list.groupVersion).toBe('v1');
    const names: string[] = list.resources.map((one: { name: string }) => one.name);
    expect(names).toContain('pods/exec');
    expect(names.indexOf('pods') + 1).toBe(names.indexOf('pods/attach'));
    expect(list.resources.find((one: { name: string }) => one.name === 'pods')).toEqual({
      name: 'pods',
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
      shortNames: ['po'],
      categories: ['all'],
      storageVersionHash: 'xPOwRZ+Yhw8=',
    });
    expect(list.resources.find((one: { name: string }) => one.name === 'pods/eviction')).toEqual({
      name: 'pods/eviction',
      singularName: '',
      namespaced: true,
      group: 'policy',
      version: 'v1',
      kind: 'Eviction',
      verbs: ['create'],
    });
  });

  test('aggregated discovery says all at once, in the version asked for', () => {
    const { get, document } = setUp();
    expect(document({}).headers).toMatchObject({ 'content-type': aggregatedV2, 'cache-control': 'public' });
    const list = get('/apis', kubectlAccept);
    expect(list.apiVersion).toBe('apidiscovery.k8s.io/v2');
    const apps = list.items.find((item: { metadata: { name: string } }) => item.metadata.name === 'apps');
    expect(apps.versions[0].freshness).toBe('Current');
    const deployments = apps.versions[0].resources.find((one: { resource: string }) => one.resource === 'deployments');
    expect(deployments).toMatchObject({
      // Upstream says the group and version of other kinds, and of custom ones, only.
      responseKind: { group: '', version: '', kind: 'Deployment' },
      scope: 'Namespaced',
      singularResource: 'deployment',
      shortNames: ['deploy'],
    });
    expect(deployments.subresources).toMatchObject([
      { subresource: 'scale', responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' } },
      { subresource: 'status', responseKind: { group: '', version: '', kind: 'Deployment' } },
    ]);
    expect(get('/api', kubectlAccept).items).toHaveLength(1);
    // The beta is gone: who asks for it is given what is plain, where it takes that.
    expect(get('/api', `${aggregatedV2.replace('v=v2', 'v=v2beta1')},application/json`).kind).toBe('APIVersions');
    expect(get('/apis/apps', kubectlAccept).kind).toBe('APIGroup');
  });

  test('what is not served is not answered', () => {
    const { discovery } = setUp();
    for (const path of ['/apis/nope', '/apis/nope/v1', '/api/v1/pods', '/version', '/apis//v1'])
      expect(discovery.respond({ path }), path).toBeUndefined();
    for (const path of ['/apis/apps/v9', '/api/v2'])
      expect(() => discovery.respond({ path }), path).toThrow('the server could not find the requested resource');
    expect(discovery.respond({ path: '/apis/' })).toBeDefined();
  });
});

describe('change', () => {
  test('a client that has the document is told so, until the resources change', () => {
    const { scheme, document, get } = setUp();
    const ifNoneMatch = document({}).headers['etag']!;
    expect(document({ ifNoneMatch }).status).toBe(304);
    scheme.add(widget);
    expect(document({ ifNoneMatch }).status).toBe(200);
    expect(get('/apis').groups.at(-1)).toMatchObject({ name: 'example.com', preferredVersion: { version: 'v1' } });
    expect(get('/apis/example.com/v1beta2').resources.map((one: { name: string }) => one.name)).toEqual([
      'widgets',
      'widgets/scale',
      'widgets/status',
    ]);
    scheme.remove(widget);
    expect(document({ ifNoneMatch }).status).toBe(304);
  });
});

test("storage version hashes are upstream's", () => {
  const stored = (resources as AnyResource[]).filter((one) => one.storageVersionHash && !one.storedAs);
  expect(stored.length).toBeGreaterThan(10);
  // Upstream stores these in a version that it does not serve.
  const storedAs: Record<string, string> = {
    CustomResourceDefinition: 'v1beta1',
    MutatingAdmissionPolicy: 'v1beta1',
    MutatingAdmissionPolicyBinding: 'v1beta1',
  };
  for (const one of stored) {
    const hash = storageVersionHash({ ...one, storageVersion: storedAs[one.kind] ?? one.storageVersion });
    expect(hash, one.kind).toBe(one.storageVersionHash);
  }
});

test('versions go from stable to alpha and from new to old', () => {
  const sorted = ['v10', 'v2', 'v1', 'v11beta2', 'v10beta3', 'v3beta1', 'v12alpha1', 'v11alpha2', 'foo1', 'foo10'];
  expect([...sorted].reverse().sort(compareVersions)).toEqual(sorted);
});
