import { afterEach, describe, expect, it } from 'vitest';
import { type AnyResource, defineResource } from '#api/resource.js';
import { invalidValue } from '#apimachinery/field-error.js';
import type { KubeObject } from '#apimachinery/object.js';
import { startTestServer, type TestServerOptions } from './test-server.js';

interface Old extends KubeObject {
  size: number;
}

interface New extends KubeObject {
  spec: { size: number; color?: string };
}

const toVersion = (object: KubeObject, version: string): KubeObject => {
  const { apiVersion: _, kind, metadata } = object;
  const base = { kind, apiVersion: `test.io/${version}`, metadata };
  if (version === 'v2') return { ...base, spec: { size: (object as Old).size } } as KubeObject;
  return { ...base, size: (object as New).spec.size } as KubeObject;
};

/** v2 is stored, and has the rules; v1 has a default of its own. */
const spec = {
  group: 'test.io',
  versions: ['v2', 'v1'] as const,
  storageVersion: 'v2',
  kind: 'Box',
  plural: 'boxes',
  namespaced: true,
  default: (box: New) => (box.spec.color ??= 'red'),
  validate: (box: New) => (box.spec.size < 0 ? [invalidValue('spec.size', box.spec.size, 'must not be negative')] : []),
  columns: [{ name: 'Size', type: 'integer' as const, cell: (box: New) => box.spec.size }],
  selectableFields: { 'spec.size': (box: New) => String(box.spec.size) },
  perVersion: { v1: { default: (box: Old) => (box.size ??= 7) } },
};
const boxes = defineResource<New>({
  ...spec,
  convert: (objects, version) => objects.map((object) => toVersion(object, version)),
});

let close: () => Promise<void>;
afterEach(() => close());

function start(definition: AnyResource = boxes, options: TestServerOptions = {}) {
  const test = startTestServer({ definitions: [definition], ...options });
  close = test.close;
  const at = (version: string, name = '') => `/apis/test.io/${version}/namespaces/n/boxes${name && `/${name}`}`;
  const send = async (
    method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT',
    path: string,
    body?: unknown,
    contentType?: string,
  ) => {
    const [target, search] = path.split('?') as [string, string?];
    const query = Object.fromEntries(new URLSearchParams(search));
    const answer = await test.transport.request({ method, path: target, query, body, contentType });
    return answer.body as Loose;
  };
  return { ...test, at, send };
}

// biome-ignore lint/suspicious/noExplicitAny: answers of many kinds
type Loose = any;

const box = (rest: object) => ({ kind: 'Box', metadata: { name: 'a', namespace: 'n' }, ...rest });

describe('a kind whose versions differ', () => {
  it('is stored in one, and given in the one that is asked for', async () => {
    const { at, send, store } = start();
    const created = await send('POST', at('v1'), box({ apiVersion: 'test.io/v1' }));
    expect([created.apiVersion, created.size]).toEqual(['test.io/v1', 7]);
    const [entry] = (await store.range('/registry/boxes/', {})).entries;
    expect(JSON.parse(Buffer.from(entry!.value).toString())).toMatchObject({
      apiVersion: 'test.io/v2',
      spec: { size: 7 },
    });
    expect((await send('GET', at('v2', 'a'))).spec).toEqual({ size: 7 });
    expect((await send('GET', at('v1', 'a'))).size).toBe(7);
    const list = await send('GET', at('v1'));
    expect([list.apiVersion, list.items[0].apiVersion, list.items[0].size]).toEqual(['test.io/v1', 'test.io/v1', 7]);
  });

  it('is judged, shown and selected by the rules of the storage version where a version has none', async () => {
    const { at, send, registry } = start();
    await expect(send('POST', at('v1'), box({ apiVersion: 'test.io/v1', size: -1 }))).rejects.toThrow(
      'Box.test.io "a" is invalid: spec.size: Invalid value: -1: must not be negative',
    );
    await send('POST', at('v1'), box({ apiVersion: 'test.io/v1', size: 3 }));
    const { resource } = registry.storeOf(boxes, 'v1');
    const [object] = (await registry.of({ ...boxes, version: 'v1' }).list({ fieldSelector: 'spec.size=3' })).items;
    expect(resource.columns![0]!.cell(object!, { nowMs: 0 })).toBe(3);
  });

  it('keeps for each manager the fields of the version that it wrote in', async () => {
    const { at, send } = start();
    await send('POST', at('v1'), box({ apiVersion: 'test.io/v1', size: 3 }));
    const patched = await send(
      'PATCH',
      at('v2', 'a'),
      { metadata: { labels: { a: 'b' } } },
      'application/merge-patch+json',
    );
    expect(patched.metadata.managedFields).toMatchObject([
      { apiVersion: 'test.io/v1', fieldsV1: { 'f:size': {} } },
      { apiVersion: 'test.io/v2', fieldsV1: { 'f:metadata': { 'f:labels': {} } } },
    ]);
    const taken = await send('PATCH', at('v2', 'a'), { spec: { size: 4 } }, 'application/merge-patch+json');
    expect(taken.metadata.managedFields).toMatchObject([
      { apiVersion: 'test.io/v2', fieldsV1: { 'f:spec': { 'f:size': {} } } },
    ]);
  });

  it('applies in one version what was applied in another', async () => {
    const { at, send } = start();
    const apply = (version: string, rest: object) =>
      send(
        'PATCH',
        `${at(version, 'a')}?fieldManager=m`,
        { apiVersion: `test.io/${version}`, ...box(rest) },
        'application/apply-patch+yaml',
      );
    await apply('v1', { size: 3 });
    const again = await apply('v2', { spec: { size: 5 } });
    expect([again.spec, again.metadata.managedFields.length]).toEqual([{ size: 5, color: 'red' }, 1]);
    await expect(
      send(
        'PATCH',
        `${at('v1', 'a')}?fieldManager=other`,
        { apiVersion: 'test.io/v1', ...box({ size: 6 }) },
        'application/apply-patch+yaml',
      ),
    ).rejects.toThrow('Apply failed with 1 conflict: conflict with "m": .spec.size');
  });

  it('is written anew by an update that changes nothing, once another version is the one to store', async () => {
    const { at, send, store } = start(defineResource<New>({ ...boxes, default: undefined }));
    const { kind, metadata } = box({});
    const old = { kind, apiVersion: 'test.io/v1', metadata: { ...metadata, uid: 'u' }, size: 2 };
    await store.put('/registry/boxes/n/a', Buffer.from(JSON.stringify(old)), 0);
    const before = await send('GET', at('v2', 'a'));
    const after = await send('PUT', at('v2', 'a'), before);
    expect(after.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
    const same = await send('PUT', at('v1', 'a'), await send('GET', at('v1', 'a')));
    expect(same.metadata.resourceVersion).toBe(after.metadata.resourceVersion);
  });

  it('is watched in the version that is asked for', async () => {
    const { at, send, transport } = start();
    const end = new AbortController();
    const events = transport.watch({
      method: 'GET',
      path: at('v1'),
      signal: end.signal,
      query: { watch: 'true' },
    } as never);
    await send('POST', at('v2'), box({ apiVersion: 'test.io/v2', spec: { size: 4 } }));
    for await (const event of events) {
      expect(event).toMatchObject({ type: 'ADDED', object: { apiVersion: 'test.io/v1', size: 4 } });
      break;
    }
    end.abort();
  });

  it('may be converted elsewhere', async () => {
    const perVersion = { v1: {}, v2: {} };
    const later = defineResource<New>({
      ...spec,
      default: undefined,
      validate: undefined,
      columns: undefined,
      selectableFields: undefined,
      perVersion,
      convert: async (objects, version) => objects.map((object) => toVersion(object, version)),
    });
    const { at, send } = start(later);
    const created = await send('POST', at('v1'), box({ apiVersion: 'test.io/v1', size: 1 }));
    expect(created).toMatchObject({ apiVersion: 'test.io/v1', size: 1 });
    expect((await send('DELETE', at('v1', 'a'))).status).toBe('Success');
  });
});
