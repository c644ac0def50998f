import { describe, expect, it } from 'vitest';
import { builtinSchemas as table } from '#api/schema-table.js';
import { copy, freeze } from '#base/json.js';
import type { KubeObject, ManagedFieldsEntry } from '../object.js';
import { fieldManagerName, resetFieldsOf } from './request.js';
import { trackUpdate } from './update.js';

const schema = { table, type: table.kind({ group: 'apps', version: 'v1', kind: 'Deployment' }) };
const write = { schema, manager: 'kubectl-create', apiVersion: 'apps/v1', nowMs: Date.UTC(2026, 0, 1) };

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', uid: 'u', labels: { app: 'web' } },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'web' } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [{ name: 'web', image: 'web:1', ports: [{ containerPort: 80, protocol: 'TCP' }], resources: {} }],
        dnsPolicy: 'ClusterFirst',
        securityContext: {},
      },
    },
  },
} as KubeObject & { spec: Record<string, unknown>; status?: unknown };

const created = await trackUpdate({ ...write, old: undefined, object: deployment });
const live = freeze({ ...copy(deployment), metadata: { ...copy(deployment.metadata), managedFields: created! } });
const changed = (change: (object: typeof deployment) => void) => {
  const object = copy(live) as typeof deployment;
  delete object.metadata.managedFields;
  change(object);
  return object;
};
const fieldsOf = (entries: ManagedFieldsEntry[] | undefined, manager: string) =>
  entries?.find((entry) => entry.manager === manager)?.fieldsV1;

describe('creation', () => {
  it('gives all that was set to the creator, as upstream does', async () => {
    expect(created).toEqual([
      {
        manager: 'kubectl-create',
        operation: 'Update',
        apiVersion: 'apps/v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': {
            'f:replicas': {},
            'f:selector': {},
            'f:strategy': {
              'f:rollingUpdate': { '.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {} },
              'f:type': {},
            },
            'f:template': {
              'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
              'f:spec': {
                'f:containers': {
                  'k:{"name":"web"}': {
                    '.': {},
                    'f:image': {},
                    'f:name': {},
                    'f:ports': {
                      '.': {},
                      'k:{"containerPort":80,"protocol":"TCP"}': {
                        '.': {},
                        'f:containerPort': {},
                        'f:protocol': {},
                      },
                    },
                    'f:resources': {},
                  },
                },
                'f:dnsPolicy': {},
                'f:securityContext': {},
              },
            },
          },
        },
      },
    ]);
  });
});

describe('update', () => {
  it('changes nothing when nothing changed, and gives back the same entries', async () => {
    expect(await trackUpdate({ ...write, manager: 'other', old: live, object: changed(() => {}) })).toBe(created);
    const versioned = changed((object) => (object.metadata.resourceVersion = '9'));
    expect(await trackUpdate({ ...write, manager: 'other', old: live, object: versioned })).toBe(created);
  });

  it('moves a changed field to who changed it', async () => {
    const object = changed((one) => (one.spec['replicas'] = 3));
    const entries = await trackUpdate({ ...write, manager: 'scaler', nowMs: write.nowMs + 1500, old: live, object });
    expect(entries).toHaveLength(2);
    expect(fieldsOf(entries, 'scaler')).toEqual({ 'f:spec': { 'f:replicas': {} } });
    expect(JSON.stringify(fieldsOf(entries, 'kubectl-create'))).not.toContain('f:replicas');
    expect(entries?.map((entry) => entry.time)).toEqual(['2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z']);
  });

  it('forgets removed fields, and managers without any', async () => {
    const labelled = changed((one) => (one.metadata.labels = { app: 'web', extra: 'x' }));
    const entries = await trackUpdate({ ...write, manager: 'labeller', old: live, object: labelled });
    expect(fieldsOf(entries, 'labeller')).toEqual({ 'f:metadata': { 'f:labels': { 'f:extra': {} } } });
    const old = { ...labelled, metadata: { ...labelled.metadata, managedFields: entries! } };
    const bare = await trackUpdate({ ...write, manager: 'janitor', old, object: changed(() => {}) });
    expect(bare?.map((entry) => entry.manager)).toEqual(['kubectl-create']);
  });

  it('keeps the fields of each subresource apart', async () => {
    const object = changed(
      (one) => (one.status = { replicas: 1, conditions: [{ type: 'Available', status: 'True' }] }),
    );
    const status = { ...write, manager: 'controller', subresource: 'status', nowMs: write.nowMs + 1000 };
    const resetFields = resetFieldsOf({ subresource: 'status', hasStatus: true });
    const entries = await trackUpdate({ ...status, resetFields, old: live, object });
    expect(entries?.[1]).toMatchObject({ manager: 'controller', subresource: 'status' });
    expect(entries?.[1]?.fieldsV1).toEqual({
      'f:status': {
        'f:conditions': { '.': {}, 'k:{"type":"Available"}': { '.': {}, 'f:status': {}, 'f:type': {} } },
        'f:replicas': {},
      },
    });
    const both = changed((one) => {
      one.status = { replicas: 2 };
      one.spec['replicas'] = 2;
    });
    const main = resetFieldsOf({ hasStatus: true });
    const spec = await trackUpdate({ ...write, manager: 'm', resetFields: main, old: live, object: both });
    expect(fieldsOf(spec, 'm')).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });

  it('obeys managedFields that a client sends, but not through a subresource', async () => {
    const entry = { ...created![0]!, manager: 'renamed' };
    const object = changed((one) => (one.metadata.managedFields = [entry]));
    expect(await trackUpdate({ ...write, old: live, object })).toEqual([entry]);
    expect(await trackUpdate({ ...write, subresource: 'status', old: live, object })).toEqual(created);
    const bad = changed((one) => (one.metadata.managedFields = [{ ...entry, operation: 'Guess' }]));
    expect(await trackUpdate({ ...write, old: live, object: bad })).toEqual(created);
  });

  it('gives up tracking when asked to, until the next apply', async () => {
    for (const managedFields of [[], [{}]]) {
      const object = changed((one) => (one.metadata.managedFields = managedFields));
      expect(await trackUpdate({ ...write, old: live, object })).toBeUndefined();
    }
    const old = changed(() => {});
    const object = changed((one) => (one.spec['replicas'] = 3));
    expect(await trackUpdate({ ...write, old, object })).toBeUndefined();
  });

  it('bounds the number of updaters', async () => {
    let old: typeof deployment = live;
    for (let index = 0; index < 30; index++) {
      const object = copy(old);
      object.metadata.labels = { ...object.metadata.labels, [`l${index}`]: 'x' };
      const nowMs = write.nowMs + index * 60_000;
      object.metadata.managedFields = await trackUpdate({ ...write, manager: `m${index}`, nowMs, old, object })!;
      old = object;
    }
    const entries = old.metadata.managedFields!;
    expect(entries).toHaveLength(10);
    expect(entries[0]).toMatchObject({ manager: 'ancient-changes', operation: 'Update' });
    expect(JSON.stringify(fieldsOf(entries, 'ancient-changes'))).toContain('f:l20');
    expect(entries.at(-1)?.manager).toBe('m29');
  });

  it('takes maps by field and lists whole where there is no schema, but for metadata', async () => {
    const old = { apiVersion: 'x/v1', kind: 'X', metadata: { name: 'x' } };
    const object = { ...old, metadata: { name: 'x', finalizers: ['a/b'] }, spec: { list: [{ a: 1 }], map: { b: 1 } } };
    const none = { table, type: undefined };
    const entries = await trackUpdate({ ...write, schema: none, apiVersion: 'x/v1', old: undefined, object });
    expect(entries?.[0]?.fieldsV1).toEqual({
      'f:metadata': { 'f:finalizers': { '.': {}, 'v:"a/b"': {} } },
      'f:spec': { '.': {}, 'f:list': {}, 'f:map': { '.': {}, 'f:b': {} } },
    });
  });
});

it('names the manager by parameter or user agent', async () => {
  expect(fieldManagerName({ fieldManager: 'me', userAgent: 'kubectl/v1' })).toBe('me');
  expect(fieldManagerName({ userAgent: 'kubectl/v1.33 (linux/amd64)' })).toBe('kubectl');
  expect(fieldManagerName({ userAgent: `a\u0000${'é'.repeat(100)}` })).toBe(`a${'é'.repeat(63)}`);
  expect(fieldManagerName({})).toBe('unknown');
});
