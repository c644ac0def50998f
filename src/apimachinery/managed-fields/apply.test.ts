import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtinSchemas as table } from '#api/schema-table.js';
import { copy, freeze, type Json } from '#base/json.js';
import { StatusError } from '../errors.js';
import type { KubeObject } from '../object.js';
import type { JsonObject } from '../patch.js';
import { applyPatch } from './apply.js';
import { trackUpdate } from './update.js';

const nowMs = Date.UTC(2026, 0, 1);
const kinds: Record<string, string> = {
  Deployment: 'apps/v1',
  ConfigMap: 'v1',
  Service: 'v1',
  Pod: 'v1',
  Thing: 'x/v1',
};

function schemaOf(kind: string) {
  const [version, group] = kinds[kind]!.split('/').reverse();
  return { table, type: table.kind({ group: group ?? '', version: version!, kind }) };
}

interface Asked {
  manager?: string;
  force?: boolean;
  nowMs?: number;
}

async function apply(
  live: KubeObject | undefined,
  applied: JsonObject,
  { manager = 'a', force = false, nowMs: at = nowMs }: Asked = {},
) {
  const kind = applied['kind'] as string;
  const apiVersion = kinds[kind]!;
  const request = { schema: schemaOf(kind), manager, force, apiVersion, kind, nowMs: at };
  const { object } = await applyPatch({ ...request, live, applied: freeze({ apiVersion, ...applied }) });
  return freeze(object) as Loose;
}

async function update(live: KubeObject, manager: string, change: (object: Loose) => void): Promise<Loose> {
  const object = copy(live) as Loose;
  change(object);
  const request = { schema: schemaOf(live.kind), manager, apiVersion: live.apiVersion, nowMs };
  const managedFields = await trackUpdate({ ...request, old: live, object });
  return freeze({ ...object, metadata: { ...object.metadata, managedFields } }) as Loose;
}

// biome-ignore lint/suspicious/noExplicitAny: tests reach into objects of many kinds
type Loose = KubeObject & Record<string, any>;

const config = (data: Record<string, Json>, name = 'c') => ({ kind: 'ConfigMap', metadata: { name }, data });
const spec = (fields: JsonObject) => ({ kind: 'Deployment', metadata: { name: 'd' }, spec: fields });
const podOf = (...containers: JsonObject[]) => spec({ template: { spec: { containers } } });
const containers = (object: Loose) => object['spec'].template.spec.containers as JsonObject[];
const entry = (object: Loose, manager: string) => object.metadata.managedFields?.find((one) => one.manager === manager);

describe('ownership', () => {
  it('creates with the fields of the configuration', async () => {
    const object = await apply(undefined, config({ a: '1' }));
    expect(object).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: '1' } });
    expect(object.metadata.managedFields).toEqual([
      {
        manager: 'a',
        operation: 'Apply',
        apiVersion: 'v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:a': {} } },
      },
    ]);
  });

  it('removes what the applier no longer applies, unless another does', async () => {
    const first = await apply(undefined, config({ a: '1', b: '2', c: '3' }));
    const shared = await apply(first, config({ b: '2' }), { manager: 'other' });
    const second = await apply(shared, config({ a: '1' }));
    expect(second['data']).toEqual({ a: '1', b: '2' });
    expect((await apply(second, config({}), { manager: 'other' }))['data']).toEqual({ a: '1' });
  });

  it('leaves alone what nobody applied', async () => {
    const live = await update(await apply(undefined, config({ a: '1' })), 'writer', (one) => (one['data'].w = 'x'));
    expect((await apply(live, config({})))['data']).toEqual({ w: 'x' });
  });

  it('shares a field that two apply with the same value', async () => {
    const object = await apply(await apply(undefined, config({ a: '1' })), config({ a: '1' }), { manager: 'b' });
    expect(entry(object, 'a')?.fieldsV1).toEqual(entry(object, 'b')?.fieldsV1);
  });

  it('keeps time and fields when the same is applied again', async () => {
    const first = await apply(undefined, config({ a: '1' }));
    expect(await apply(first, config({ a: '1' }), { nowMs: nowMs + 60_000 })).toEqual(first);
    expect((await apply(first, config({ a: '2' }), { nowMs: nowMs + 60_000 })).metadata.managedFields?.[0]?.time).toBe(
      '2026-01-01T00:01:00Z',
    );
  });

  it('takes an object that was never tracked for the work of one manager', async () => {
    const live = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', uid: 'u' }, data: { a: '1' } };
    const object = await apply(live as KubeObject, config({ a: '1', b: '2' }));
    expect(entry(object, 'before-first-apply')?.fieldsV1).toEqual({ 'f:data': { '.': {}, 'f:a': {} } });
    expect((await failure(() => apply(live as KubeObject, config({ a: '9' })))).message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    );
  });
});

describe('conflicts', async () => {
  const live = await update(await apply(undefined, config({ a: '1', b: '1' })), 'kubectl-edit', (one) => {
    one['data'].a = '2';
    one['data'].b = '2';
  });

  it('names the one manager and field', async () => {
    const error = await failure(() => apply(live, config({ a: '1', b: '2' })));
    expect([error.code, error.reason]).toEqual([409, 'Conflict']);
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .data.a');
    expect(error.status.details?.causes).toEqual([
      { reason: 'FieldManagerConflict', message: 'conflict with "kubectl-edit" using v1', field: '.data.a' },
    ]);
  });

  it('lists many by manager', async () => {
    const other = await apply(live, config({ z: '1' }), { manager: 'zed' });
    expect((await failure(() => apply(other, config({ a: '3', b: '3', z: '3' })))).message).toBe(
      'Apply failed with 3 conflicts: conflicts with "kubectl-edit" using v1:\n- .data.a\n- .data.b\nconflicts with "zed":\n- .data.z',
    );
  });

  it('takes over by force', async () => {
    const object = await apply(live, config({ a: '1', b: '1' }), { force: true });
    expect(object['data']).toEqual({ a: '1', b: '1' });
    expect(entry(object, 'kubectl-edit')).toBeUndefined();
  });

  it('gives a field back that the applier no longer claims', async () => {
    expect((await apply(live, config({ a: '2' })))['data']).toEqual({ a: '2', b: '2' });
  });
});

describe('lists', () => {
  it('merges elements by key, in the order that is applied', async () => {
    const first = await apply(undefined, podOf({ name: 'a', image: 'a:1' }, { name: 'b', image: 'b:1' }));
    const second = await apply(first, podOf({ name: 'side', image: 's:1' }, { name: 'b' }), { manager: 'injector' });
    expect(containers(second).map((one) => one['name'])).toEqual(['a', 'side', 'b']);
    expect(containers(second)[2]).toEqual({ name: 'b', image: 'b:1' });
    const third = await apply(second, podOf({ name: 'b', image: 'b:2' }));
    expect(containers(third).map((one) => one['name'])).toEqual(['side', 'b']);
    expect(containers(third)[1]).toEqual({ name: 'b', image: 'b:2' });
  });

  it('takes a missing key for its default', async () => {
    const service = (ports: JsonObject[]) => ({ kind: 'Service', metadata: { name: 's' }, spec: { ports } });
    const first = await apply(undefined, service([{ port: 80, protocol: 'TCP', name: 'web' }]));
    const second = await apply(first, service([{ port: 80, name: 'www' }]));
    expect(second['spec'].ports).toEqual([{ port: 80, name: 'www' }]);
    expect(JSON.stringify(second.metadata.managedFields)).toContain('k:{\\"port\\":80,\\"protocol\\":\\"TCP\\"}');
  });

  it('merges sets, and replaces lists that are one unit', async () => {
    const meta = (...finalizers: string[]) => ({ kind: 'ConfigMap', metadata: { name: 'c', finalizers } });
    const sets = await apply(await apply(undefined, meta('x/a', 'x/b')), meta('x/c'), { manager: 'b' });
    expect(sets.metadata.finalizers).toEqual(['x/a', 'x/b', 'x/c']);
    expect((await apply(sets, meta('x/b'))).metadata.finalizers).toEqual(['x/b', 'x/c']);

    const args = (...list: string[]) => podOf({ name: 'a', args: list });
    const units = await apply(undefined, args('x', 'y'));
    expect(containers(await apply(units, args('z')))[0]).toEqual({ name: 'a', args: ['z'] });
    expect((await failure(() => apply(units, args('z'), { manager: 'b' }))).message).toBe(
      'Apply failed with 1 conflict: conflict with "a": .spec.template.spec.containers[name="a"].args',
    );
  });

  it('takes selectors and other structs that are one unit whole', async () => {
    const selector = (matchLabels: JsonObject) => spec({ selector: { matchLabels } });
    const object = await apply(await apply(undefined, selector({ a: '1', b: '1' })), selector({ a: '1' }));
    expect(object['spec'].selector).toEqual({ matchLabels: { a: '1' } });
    expect(entry(object, 'a')?.fieldsV1).toEqual({ 'f:spec': { 'f:selector': {} } });
  });
});

describe('structs', () => {
  const strategy = (value: Json) => spec({ strategy: value });
  const rolling = strategy({ type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } });

  it('go with the last of their fields', async () => {
    expect((await apply(await apply(undefined, rolling), spec({ replicas: 1 })))['spec']).toEqual({ replicas: 1 });
    expect((await apply(await apply(undefined, rolling), strategy({})))['spec']).toEqual({ strategy: null });
    expect((await apply(await apply(undefined, rolling), strategy(null)))['spec']).toEqual({ strategy: null });
    expect((await apply(await apply(undefined, rolling), strategy({ type: 'Recreate' })))['spec']).toEqual({
      strategy: { type: 'Recreate' },
    });
  });

  it('stay with the fields that others have', async () => {
    const live = await update(await apply(undefined, rolling), 'controller', (one) => {
      one['spec'].strategy.rollingUpdate.maxUnavailable = 2;
    });
    for (const next of [spec({}), strategy({}), strategy(null)])
      expect((await apply(live, next))['spec']).toEqual({ strategy: { rollingUpdate: { maxUnavailable: 2 } } });
  });

  it('keep what another took over', async () => {
    const live = await update(await apply(undefined, rolling), 'controller', (one) => {
      one['spec'].strategy.rollingUpdate.maxSurge = 5;
    });
    expect((await apply(live, strategy(null)))['spec']).toEqual({ strategy: { rollingUpdate: { maxSurge: 5 } } });
  });
});

it.each<[JsonObject, number, string]>([
  [{ ...config({}), kind: 'Secret' }, 400, 'invalid object type: /v1, Kind=Secret'],
  [{ kind: 'ConfigMap', metadata: { name: 'c', managedFields: [] } }, 400, 'metadata.managedFields must be nil'],
  [
    { kind: 'ConfigMap', metadata: { name: 'c', namespace: 'n' }, dota: {} },
    500,
    'failed to create typed patch object (n/c; /v1, Kind=ConfigMap): .dota: field not declared in schema',
  ],
  [
    config({ a: 1 as never, b: [] }),
    500,
    'failed to create typed patch object (/c; /v1, Kind=ConfigMap): errors:\n  .data.a: expected string, got &value.valueUnstructured{Value:1}\n  .data.b: expected string, got &value.valueUnstructured{Value:[]interface {}{}}',
  ],
])('%j is refused', async (applied, code, message) => {
  const request = {
    schema: schemaOf('ConfigMap'),
    manager: 'a',
    force: true,
    apiVersion: 'v1',
    kind: 'ConfigMap',
    nowMs,
  };
  const error = await failure(() =>
    applyPatch({ ...request, live: undefined, applied: { apiVersion: 'v1', ...applied } }),
  );
  expect([error.code, error.message]).toEqual([code, message]);
});

it('refuses an element twice; keys left out are those of the zero value', async () => {
  const prefix = 'failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.template.spec.containers: ';
  expect((await failure(() => apply(undefined, podOf({ name: 'a' }, { name: 'a' })))).message).toBe(
    `${prefix}duplicate entries for key [name="a"]`,
  );
  const nameless = await apply(undefined, podOf({ image: 'a' }));
  expect(entry(nameless, 'a')?.fieldsV1).toMatchObject({
    'f:spec': { 'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":""}': { 'f:image': {} } } } } },
  });
});

describe('taking over from client-side apply', async () => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
  const last = (data: JsonObject) => JSON.stringify({ apiVersion: 'v1', ...config(data as Record<string, Json>) });
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c', annotations: { [annotation]: last({ a: '1', b: '1' }) } },
    data: { a: '1', b: '1' },
  } as KubeObject;
  const request = { schema: schemaOf('ConfigMap'), manager: 'kubectl-client-side-apply', apiVersion: 'v1', nowMs };
  const managedFields = await trackUpdate({ ...request, old: undefined, object });
  const live = freeze({ ...object, metadata: { ...object.metadata, managedFields } }) as KubeObject;

  it('lets kubectl change what the annotation says, and keeps the annotation true', async () => {
    const after = await apply(live, config({ a: '2', b: '<1>' }), { manager: 'kubectl' });
    expect(after['data']).toEqual({ a: '2', b: '<1>' });
    expect(after.metadata.annotations?.[annotation]).toBe(
      '{"apiVersion":"v1","data":{"a":"2","b":"\\u003c1\\u003e"},"kind":"ConfigMap","metadata":{"name":"c"}}\n',
    );
  });

  it('does not let others, nor over what changed since', async () => {
    expect((await failure(() => apply(live, config({ a: '2' }), { manager: 'helm' }))).code).toBe(409);
    const edited = await update(live, 'kubectl-edit', (one) => (one['data'].a = '5'));
    expect((await failure(() => apply(edited, config({ a: '2', b: '2' }), { manager: 'kubectl' }))).message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .data.a',
    );
  });
});

describe('properties', () => {
  const values = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2'));
  const things = fc.record({
    map: values,
    list: fc.array(fc.constantFrom<Json>('x', 1, { k: 'v' }), { maxLength: 3 }),
    nested: fc.dictionary(fc.constantFrom('m', 'n'), values),
  });

  it('gives what was applied, and nothing new the second time', async () => {
    await fc.assert(
      fc.asyncProperty(things, things, async (one, other) => {
        const first = await apply(undefined, { kind: 'Thing', metadata: { name: 't' }, spec: one as JsonObject });
        const second = await apply(first, { kind: 'Thing', metadata: { name: 't' }, spec: other as JsonObject });
        expect(prune(second['spec'])).toEqual(prune(other));
        const third = await apply(second, { kind: 'Thing', metadata: { name: 't' }, spec: other as JsonObject });
        expect(prune(third)).toEqual(prune(second));
      }),
    );
  });

  it('keeps the fields of two appliers apart', async () => {
    await fc.assert(
      fc.asyncProperty(values, values, values, async (mine, theirs, later) => {
        const prefixed = (map: Record<string, string>, by: string) =>
          Object.fromEntries(Object.entries(map).map(([key, value]) => [by + key, value]));
        const first = await apply(undefined, config(prefixed(mine, 'x')));
        const second = await apply(first, config(prefixed(theirs, 'y')), { manager: 'b' });
        const third = await apply(second, config(prefixed(later, 'x')));
        expect(third['data'] ?? {}).toEqual({ ...prefixed(theirs, 'y'), ...prefixed(later, 'x') });
      }),
    );
  });

  it('answers any configuration with an object or a StatusError', async () => {
    const name = fc.constantFrom(
      'spec',
      'template',
      'containers',
      'name',
      'ports',
      'selector',
      'replicas',
      'metadata',
      '__proto__',
    );
    const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 6 },
        fc.constantFrom<Json>(null, 1, 'a', true),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(name, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(tree, tree, fc.constantFrom('Thing', 'Deployment'), async (one, other, kind) => {
        try {
          const first = await apply(undefined, { kind, metadata: { name: 't' }, spec: one });
          await apply(first, { kind, metadata: { name: 't' }, spec: other }, { force: true, manager: 'b' });
        } catch (error) {
          if (!(error instanceof StatusError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('takes long lists in good time', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => ({ name: `c${index}`, image: 'i' }));
    const before = process.cpuUsage();
    const first = await apply(undefined, podOf(...many));
    const second = await apply(first, podOf(...many.map((one) => ({ ...one, image: 'j' })).reverse()));
    expect(containers(second)[0]!['name']).toBe('c4999');
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(4000);
  });
});

/** Empty maps may go when what was in them goes. */
function prune(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const kept = Object.entries(value).map(([key, child]) => [key, prune(child)] as const);
  return Object.fromEntries(kept.filter(([, child]) => child !== null && JSON.stringify(child) !== '{}'));
}

async function failure(act: () => unknown): Promise<StatusError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
