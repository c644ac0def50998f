import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import deployments from '#api/apps/deployment.js';
import leases from '#api/coordination/lease.js';
import configmaps from '#api/core/configmap.js';
import endpoints from '#api/core/endpoints.js';
import namespaces from '#api/core/namespace.js';
import pods from '#api/core/pod/index.js';
import type { Deployment } from '#api/gen/apps-v1.js';
import type { ConfigMap, Namespace, Pod } from '#api/gen/core-v1.js';
import type { StatusError } from '#apimachinery/errors.js';
import { copy } from '#base/json.js';
import { Client } from '#client/client.js';
import { startTestServer } from './test-server.js';

let test: ReturnType<typeof startTestServer>;
beforeEach(() => {
  test = startTestServer();
});
afterEach(() => test.close());

const configMap = (name: string, data: Record<string, string> = {}, labels?: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', labels },
  data,
});

const pod = (name: string, metadata: object = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', ...metadata },
  spec: { containers: [{ name: 'a', image: 'b' }] },
});

const deployment = (): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'b' }] } },
  },
});

async function failure(promise: Promise<unknown>): Promise<StatusError> {
  try {
    await promise;
  } catch (error) {
    return error as StatusError;
  }
  throw new Error('was not refused');
}

const here = { namespace: 'default' };

describe('create', () => {
  it('fills what the server alone decides', async () => {
    const made = await test.client.of<Deployment>(deployments).create(deployment());
    expect(made.metadata).toMatchObject({
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      creationTimestamp: '2026-01-01T00:00:00Z',
      generation: 1,
      resourceVersion: '2',
    });
    expect(made.spec?.replicas).toBe(1);
    expect(Object.isFrozen(made.spec)).toBe(true);
  });

  it('generates a name', async () => {
    const made = await test.client.of<ConfigMap>(configmaps).create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { generateName: 'a-', namespace: 'default' },
    });
    expect(made.metadata.name).toMatch(/^a-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  it('refuses what is there, what is not valid, and a resourceVersion', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    await client.create(configMap('a'));
    expect((await failure(client.create(configMap('a')))).message).toBe('configmaps "a" already exists');
    const bad = await failure(client.create(configMap('A_b')));
    expect(bad.code).toBe(422);
    expect(bad.message).toContain(
      'ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123',
    );
    const versioned = configMap('b');
    versioned.metadata.resourceVersion = '1';
    expect((await failure(client.create(versioned))).message).toBe(
      'resourceVersion should not be set on objects to be created',
    );
  });

  it('writes nothing in a dry run', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    const made = await client.create(configMap('a'), { dryRun: true });
    expect(made.metadata.uid).toBeDefined();
    expect(made.metadata.resourceVersion ?? '').toBe('');
    expect((await failure(client.get('a', here))).message).toBe('configmaps "a" not found');
    expect(await test.store.revision()).toBe(1);
  });
});

describe('update', () => {
  it('raises the generation for the spec only, and keeps the status', async () => {
    const client = test.client.of<Deployment>(deployments);
    const first = copy(await client.create(deployment()));
    first.spec!.replicas = 2;
    first.status = { replicas: 7 };
    const second = await client.update(first);
    expect(second.metadata.generation).toBe(2);
    expect(second.status?.replicas).toBeUndefined();
    const status = copy(second);
    status.status = { replicas: 2 };
    status.spec!.replicas = 9;
    status.metadata.annotations = { 'deployment.kubernetes.io/revision': '1' };
    const third = await client.updateStatus(status);
    expect(third.metadata.generation).toBe(2);
    expect(third.metadata.annotations).toEqual(status.metadata.annotations);
    expect(third.spec?.replicas).toBe(2);
    expect(third.status?.replicas).toBe(2);
  });

  it('writes nothing when nothing changes', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    const made = await client.create(configMap('a', { x: '1' }));
    await test.clock.advance(5000);
    const same = await client.update(copy(made));
    expect(same.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    expect(await test.store.revision()).toBe(2);
  });

  it('answers a stale version with a conflict, and overwrites without one', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    const made = copy(await client.create(configMap('a')));
    await client.update({ ...made, data: { x: '1' } });
    expect((await failure(client.update({ ...made, data: { x: '2' } }))).message).toBe(
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    );
    const { data } = await client.update(configMap('a', { x: '3' }));
    expect(data).toEqual({ x: '3' });
  });

  it('refuses the uid of another object', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    await client.create(configMap('a'));
    const other = configMap('a');
    other.metadata.uid = 'x';
    expect((await failure(client.update(other))).message).toMatch(
      /^Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, Key: \/registry\/configmaps\/default\/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: x, UID in object meta: /,
    );
  });

  it('creates a Lease by PUT, but no ConfigMap', async () => {
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'a', namespace: 'default' },
    };
    await test.client.of(leases).update(lease as never);
    expect((await test.client.of(leases).get('a', here)).metadata.name).toBe('a');
    expect((await failure(test.client.of(configmaps).update(configMap('a')))).code).toBe(404);
  });
});

describe('patch', () => {
  it('merges on top of writes that come between', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    await client.create(configMap('a'));
    const patches = ['x', 'y', 'z'].map((key) =>
      client.patch('a', { data: { [key]: '1' } }, { ...here, type: 'merge' }),
    );
    await Promise.all(patches);
    expect((await client.get('a', here)).data).toEqual({ x: '1', y: '1', z: '1' });
  });

  it('applies, creating what is not there, and names the conflict', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { x: '1' } };
    const made = await client.patch('a', applied, { ...here, type: 'apply', fieldManager: 'one' });
    expect(made.metadata.managedFields).toMatchObject([{ manager: 'one', operation: 'Apply' }]);
    const other = { ...applied, data: { x: '2' } };
    const error = await failure(client.patch('a', other, { ...here, type: 'apply', fieldManager: 'two' }));
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "one": .data.x');
    const forced = await client.patch('a', other, { ...here, type: 'apply', fieldManager: 'two', force: true });
    expect(forced.data).toEqual({ x: '2' });
  });
});

describe('delete', () => {
  it('answers with a Status, and with the object of a pod', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    const { metadata } = await client.create(configMap('a'));
    expect(await client.delete('a', here)).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { name: 'a', kind: 'configmaps', uid: metadata.uid },
    });
    expect((await failure(client.delete('a', here))).code).toBe(404);
  });

  it('waits for finalizers, and goes when the last has gone', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    const made = configMap('a');
    made.metadata.finalizers = ['example.com/x'];
    await client.create(made);
    const marked = (await client.delete('a', here)) as ConfigMap;
    expect(marked.metadata).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 });
    await client.patch('a', { metadata: { finalizers: null } }, { ...here, type: 'merge' });
    expect((await failure(client.get('a', here))).code).toBe(404);
  });

  it('gives a scheduled pod its grace period, which a second delete may shorten', async () => {
    const client = test.client.of<Pod>(pods);
    const made = pod('a');
    made.spec!.nodeName = 'one';
    await client.create(made);
    const first = (await client.delete('a', here)) as Pod;
    expect(first.metadata).toMatchObject({
      deletionTimestamp: '2026-01-01T00:00:30Z',
      deletionGracePeriodSeconds: 30,
      generation: 2,
    });
    const second = (await client.delete('a', { ...here, gracePeriodSeconds: 5 })) as Pod;
    expect(second.metadata.deletionTimestamp).toBe('2026-01-01T00:00:05Z');
    const longer = (await client.delete('a', { ...here, gracePeriodSeconds: 60 })) as Pod;
    expect(longer.metadata.deletionGracePeriodSeconds).toBe(5);
    await client.delete('a', { ...here, gracePeriodSeconds: 0 });
    expect((await failure(client.get('a', here))).code).toBe(404);
  });

  it('keeps a namespace until its finalizers are taken away by /finalize', async () => {
    const client = test.client.of<Namespace>(namespaces);
    const made = await client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' }, spec: {} });
    expect(made.spec?.finalizers).toEqual(['kubernetes']);
    const marked = copy((await client.delete('a')) as Namespace);
    expect(marked.status?.phase).toBe('Terminating');
    expect(marked.metadata.deletionTimestamp).toBeDefined();
    expect(await client.delete('a')).toEqual(marked);
    marked.spec = { finalizers: [] };
    const kept = await client.update(marked);
    expect(kept.spec?.finalizers).toEqual(['kubernetes']);
    await client.update({ ...marked, metadata: kept.metadata }, { subresource: 'finalize' });
    expect((await failure(client.get('a'))).code).toBe(404);
  });

  it('writes the propagation policy as a finalizer', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    await client.create(configMap('a'));
    const marked = (await client.delete('a', { ...here, propagationPolicy: 'Foreground' })) as ConfigMap;
    expect(marked.metadata.finalizers).toEqual(['foregroundDeletion']);
  });

  it('holds to preconditions', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    await client.create(configMap('a'));
    const error = await failure(client.delete('a', { ...here, preconditions: { uid: 'x' } }));
    expect(error.code).toBe(409);
    expect(error.message).toContain('the UID in the precondition (x) does not match the UID in record');
  });

  it('deletes what a selector picks', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    for (const name of ['a', 'b', 'c']) await client.create(configMap(name, {}, { keep: String(name === 'b') }));
    await client.deleteCollection({ ...here, labelSelector: 'keep=false' });
    expect((await client.list(here)).items.map(({ metadata }) => metadata.name)).toEqual(['b']);
  });
});

describe('list', () => {
  it('pages through one revision while others write', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    for (const name of ['a', 'b', 'c', 'd']) await client.create(configMap(name));
    const first = await client.list({ ...here, limit: 2 });
    expect(first.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(first.metadata.remainingItemCount).toBe(2);
    await client.delete('d', here);
    const second = await client.list({ ...here, limit: 2, continue: first.metadata.continue });
    expect(second.items.map(({ metadata }) => metadata.name)).toEqual(['c', 'd']);
    expect(second.metadata).toEqual({ resourceVersion: first.metadata.resourceVersion });
  });

  it.each([
    ['and there are fewer', async () => void (await test.client.of<ConfigMap>(configmaps).delete('c', here)), ['b']],
    ['though it is still the newest of its kind', async () => {}, ['b', 'c']],
  ])('gives a new token when the revision of the old one is forgotten, %s', async (_, meanwhile, names) => {
    const client = test.client.of<ConfigMap>(configmaps);
    for (const name of ['a', 'b', 'c']) await client.create(configMap(name));
    const first = await client.list({ ...here, limit: 1 });
    await meanwhile();
    await test.client.of<Pod>(pods).create(pod('other'));
    await test.store.compact(await test.store.revision());
    const error = await failure(client.list({ ...here, limit: 1, continue: first.metadata.continue }));
    expect(error.reason).toBe('Expired');
    const rest = await client.list({ ...here, continue: error.status.metadata.continue });
    expect(rest.items.map(({ metadata }) => metadata.name)).toEqual(names);
    expect(rest.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
  });

  it('selects by labels and fields, and refuses unknown fields', async () => {
    const client = test.client.of<Pod>(pods);
    await client.create(pod('a', { labels: { app: 'x' } }));
    await client.create(pod('b'));
    const names = async (selection: object) =>
      (await client.list({ ...here, ...selection })).items.map(({ metadata }) => metadata.name);
    expect(await names({ labelSelector: 'app in (x,y)' })).toEqual(['a']);
    expect(await names({ fieldSelector: 'metadata.name!=a,status.phase=Pending' })).toEqual(['b']);
    const error = await failure(client.list({ fieldSelector: 'spec.image=b' }));
    expect([error.code, error.message]).toEqual([400, 'field label not supported: spec.image']);
    const plain = await failure(test.client.of(configmaps).list({ fieldSelector: 'data.x=b' }));
    expect(plain.message).toBe('"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"');
  });

  it.each([
    [{ resourceVersionMatch: 'Exact' }, 'resourceVersionMatch is forbidden unless resourceVersion is provided'],
    [{ resourceVersion: 'x' }, 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'],
    [{ resourceVersion: '99' }, 'Too large resource version: 99, current: 1'],
  ] as const)('refuses %j', async (options, message) => {
    expect((await failure(test.client.of(configmaps).list(options))).message).toContain(message);
  });
});

describe('authorization', () => {
  it('refuses in upstream words', async () => {
    const strict = startTestServer({ allow: () => ({ decision: 'no opinion', reason: '' }) });
    const list = await failure(strict.client.of(pods).list(here));
    expect(list.message).toBe(
      'pods is forbidden: User "tester" cannot list resource "pods" in API group "" in the namespace "default"',
    );
    const path = await failure(strict.transport.request({ method: 'GET', path: '/metrics' }));
    expect(path.message).toBe('forbidden: User "tester" cannot get path "/metrics"');
    await strict.close();
  });
});

it("warns of a deprecated resource in every answer that is not the router's", async () => {
  const own = startTestServer({ definitions: [endpoints, namespaces] });
  const call = {
    target: '/api/v1/endpoints',
    headers: {},
    credentials: { bearerToken: 'jane' },
    source: '',
    readBody: async () => ({ value: undefined }),
    signal: new AbortController().signal,
  };
  const text = 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice';
  const target = `/api/v1/namespaces/default/endpoints`;
  const warnings = async (given: { method: string; target?: string }) =>
    (await own.server.pipeline.handle({ ...call, ...given })).warnings;
  expect(await warnings({ method: 'GET' })).toEqual([text]);
  expect(await warnings({ method: 'GET', target: `${target}/none` })).toEqual([text]);
  // Of all namespaces nothing is deleted at once, and endpoints have no status.
  expect(await warnings({ method: 'DELETE' })).toEqual([]);
  expect(await warnings({ method: 'GET', target: `${target}/none/status` })).toEqual([]);
  await own.close();
});

it('names the program that a component would be as the manager of its fields', async () => {
  const transport = test.server.transport({ name: 'system:node:n1', groups: [] }, { program: 'kubelet' });
  const made = await new Client(transport).of<ConfigMap>(configmaps).create(configMap('a', { x: '1' }));
  expect(made.metadata.managedFields?.map(({ manager }) => manager)).toEqual(['kubelet']);
});
