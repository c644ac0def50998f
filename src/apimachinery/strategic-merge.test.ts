import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtinSchemas as table } from '#api/schema-table.js';
import { copy, freeze, type Json } from '#base/json.js';
import { StatusError } from './errors.js';
import type { JsonObject } from './patch.js';
import { applyStrategicMergePatch } from './strategic-merge.js';

const type = (kind: string, group = '', version = 'v1') => table.kind({ group, version, kind });
const pod = { table, type: type('Pod') };
const podSpec = { table, type: table.type('io.k8s.api.core.v1.PodSpec') };
const deployment = { table, type: type('Deployment', 'apps') };

const spec = freeze({
  containers: [
    { name: 'a', image: 'a:1', ports: [{ containerPort: 80 }], command: ['x', 'y'] },
    { name: 'b', image: 'b:1' },
    { name: 'c', image: 'c:1' },
  ],
  nodeSelector: { disk: 'ssd', zone: 'z1' },
  tolerations: [{ key: 'k' }],
}) as unknown as JsonObject;

const names = (result: JsonObject) => (result['containers'] as JsonObject[]).map((one) => one['name']);
const merge = (patch: JsonObject) => applyStrategicMergePatch(spec, freeze(patch), podSpec);

describe('lists with a merge key', () => {
  it('merges elements of the same key and puts new ones with the patch', () => {
    const merged = merge({
      containers: [
        { name: 'b', image: 'b:2' },
        { name: 'd', image: 'd:1' },
      ],
    });
    expect(names(merged)).toEqual(['a', 'b', 'd', 'c']);
    expect((merged['containers'] as JsonObject[])[1]).toEqual({ name: 'b', image: 'b:2' });
    expect((merged['containers'] as JsonObject[])[0]).toEqual((spec['containers'] as JsonObject[])[0]);
  });

  it('deletes by directive, and lets the missing be missing', () => {
    expect(names(merge({ containers: [{ name: 'b', $patch: 'delete' }] }))).toEqual(['a', 'c']);
    expect(names(merge({ containers: [{ name: 'zz', $patch: 'delete' }] }))).toEqual(['a', 'b', 'c']);
  });

  it('replaces the whole list by directive', () => {
    expect(names(merge({ containers: [{ $patch: 'replace' }, { name: 'z' }] }))).toEqual(['z']);
  });

  it('obeys the order of $setElementOrder', () => {
    const order = (...wanted: string[]) => wanted.map((name) => ({ name }));
    expect(names(merge({ '$setElementOrder/containers': order('c', 'a', 'b') }))).toEqual(['c', 'a', 'b']);
    expect(names(merge({ '$setElementOrder/containers': order('c', 'a') }))).toEqual(['b', 'c', 'a']);
    const added = merge({
      '$setElementOrder/containers': order('d', 'a', 'b', 'c'),
      containers: [{ name: 'd', image: 'd:1' }],
    });
    expect(names(added)).toEqual(['d', 'a', 'b', 'c']);
    expect(JSON.stringify(added)).not.toContain('$');
  });

  it('puts a new element in the place of a deleted one', () => {
    const patch = (kept: string[], added: string): JsonObject => ({
      '$setElementOrder/containers': [...kept, added].map((name) => ({ name })),
      containers: [{ name: added }, { name: 'a', $patch: 'delete' }] as JsonObject[],
    });
    expect(names(merge(patch(['b'], 'd')))).toEqual(['b', 'c', 'd']);
    expect(names(merge(patch(['b', 'c'], 'd')))).toEqual(['b', 'c', 'd']);
  });

  it('merges lists inside elements', () => {
    const merged = merge({ containers: [{ name: 'a', ports: [{ containerPort: 80, hostPort: 1 }] }] });
    expect((merged['containers'] as JsonObject[])[0]!['ports']).toEqual([{ containerPort: 80, hostPort: 1 }]);
  });
});

describe('other fields', () => {
  it('replaces lists without a strategy', () => {
    expect(merge({ tolerations: [{ key: 'other' }] })['tolerations']).toEqual([{ key: 'other' }]);
    const merged = merge({ containers: [{ name: 'a', command: ['z'] }] });
    expect((merged['containers'] as JsonObject[])[0]!['command']).toEqual(['z']);
  });

  it('merges maps, deletes by null, and replaces by directive', () => {
    expect(merge({ nodeSelector: { zone: null, arch: 'arm' } })['nodeSelector']).toEqual({ disk: 'ssd', arch: 'arm' });
    expect(merge({ nodeSelector: { $patch: 'replace', arch: 'arm' } })['nodeSelector']).toEqual({ arch: 'arm' });
    expect(merge({ nodeSelector: { $patch: 'delete' } })['nodeSelector']).toEqual({});
    expect(merge({ affinity: { nodeAffinity: null, podAffinity: {} } })['affinity']).toEqual({ podAffinity: {} });
    expect(merge({ nodeSelector: null })).not.toHaveProperty('nodeSelector');
  });

  it('keeps only the retained keys', () => {
    const before = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } };
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
    expect(applyStrategicMergePatch(before, patch, deployment)).toEqual({ spec: { strategy: { type: 'Recreate' } } });
  });

  it('adds to and deletes from lists of scalars', () => {
    const before = { metadata: { finalizers: ['a/x', 'a/y', 'a/z'] } };
    const patched = (metadata: JsonObject) =>
      (applyStrategicMergePatch(before, { metadata }, pod)['metadata'] as JsonObject)['finalizers'];
    expect(patched({ finalizers: ['a/w', 'a/y'] })).toEqual(['a/w', 'a/x', 'a/y', 'a/z']);
    expect(patched({ '$deleteFromPrimitiveList/finalizers': ['a/y'] })).toEqual(['a/x', 'a/z']);
    expect(
      patched({
        '$setElementOrder/finalizers': ['a/z', 'a/x'],
        '$deleteFromPrimitiveList/finalizers': ['a/y'],
      }),
    ).toEqual(['a/z', 'a/x']);
  });
});

it.each<[JsonObject, number, string]>([
  [{ containers: [{ image: 'x' }] }, 500, 'map: map[image:x] does not contain declared merge key: name'],
  [{ containers: ['x'] }, 500, 'list element types are not identical: '],
  [{ containers: [['x']] }, 422, 'the server rejected our request due to an error in our request'],
  [{ nodeSelector: { $patch: 'merge' } }, 500, 'unknown patch type: merge in map: map[$patch:merge]'],
  [{ containers: [{ name: 'a', $patch: 'merge' }] }, 500, 'merging lists cannot yet be specified in the patch'],
  [{ $retainKeys: 'x' }, 400, 'invalid patch format of retainKeys'],
  [{ $retainKeys: ['containers'], hostname: 'h' }, 400, 'invalid patch format of retainKeys'],
  [{ $deleteFromPrimitiveList: ['x'] }, 400, 'invalid patch format of primitive list'],
  [{ $setElementOrder: [] }, 400, 'invalid patch format of setElementOrder list'],
  [
    { '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }], containers: [{ name: 'b' }, { name: 'a' }] },
    500,
    "The order in patch list:\n[map[name:b] map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:a] map[name:b]]\n",
  ],
  [
    { '$setElementOrder/conainers': [] },
    500,
    'unable to find api field in struct PodSpec for the json field "conainers"',
  ],
])('%j is refused', (patch, code, message) => {
  const error = failure(() => merge(patch));
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
});

it('does not serve kinds without a schema', () => {
  const error = failure(() => applyStrategicMergePatch({}, {}, { table, type: undefined }));
  expect(error.code).toBe(415);
  expect(failure(() => applyStrategicMergePatch({}, [], pod)).code).toBe(400);
});

describe('properties', () => {
  const container = fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    image: fc.string(),
    args: fc.array(fc.string(), { maxLength: 3 }),
  });
  const specs = fc.record({
    containers: fc.uniqueArray(container, { selector: (one) => one.name, minLength: 1 }),
    nodeSelector: fc.dictionary(fc.string(), fc.string()),
  }) as unknown as fc.Arbitrary<JsonObject>;

  it('changes nothing by an empty patch or by the object itself', () => {
    fc.assert(
      fc.property(specs, (one) => {
        expect(applyStrategicMergePatch(one, {}, podSpec)).toEqual(one);
        expect(applyStrategicMergePatch(one, copy(one), podSpec)).toEqual(one);
      }),
    );
  });

  it('restores by the difference that a client makes', () => {
    fc.assert(
      fc.property(specs, specs, (before, after) => {
        const containers = (of: JsonObject) => of['containers'] as JsonObject[];
        const wanted = new Set(containers(after).map((one) => one['name']));
        const gone = containers(before).filter((one) => !wanted.has(one['name']!));
        const labels = (of: JsonObject) => of['nodeSelector'] as Record<string, Json>;
        const patch = {
          '$setElementOrder/containers': containers(after).map((one) => ({ name: one['name']! })),
          containers: [...containers(after), ...gone.map((one) => ({ name: one['name']!, $patch: 'delete' }))],
          nodeSelector: {
            ...Object.fromEntries(Object.keys(labels(before)).map((key) => [key, null])),
            ...labels(after),
          },
        };
        const once = applyStrategicMergePatch(before, patch, podSpec);
        expect(once).toEqual(after);
        expect(applyStrategicMergePatch(once, patch, podSpec)).toEqual(after);
      }),
    );
  });

  it('answers any patch with an object or a StatusError', () => {
    const name = fc.constantFrom(
      'containers',
      'nodeSelector',
      'name',
      'ports',
      '$patch',
      '$retainKeys',
      '$setElementOrder/containers',
      '$deleteFromPrimitiveList/containers',
      '__proto__',
    );
    const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<Json>(null, 1, 'a', 'delete', 'replace', true),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(name, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(tree, tree, (before, patch) => {
        try {
          applyStrategicMergePatch((isPlain(before) ? before : { containers: before }) as JsonObject, patch, podSpec);
        } catch (error) {
          if (!(error instanceof StatusError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('takes long lists in good time', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => ({ name: `c${index}`, image: 'i' }));
    const containers = many.map(({ name }) => ({ name, image: 'j' })).reverse();
    const start = process.cpuUsage();
    const patch = { containers, '$setElementOrder/containers': containers.map(({ name }) => ({ name })) };
    expect(names(applyStrategicMergePatch({ containers: many }, patch, podSpec))[0]).toBe('c19999');
    const wrong = failure(() =>
      applyStrategicMergePatch({ containers: many }, { ...patch, containers: many }, podSpec),
    );
    expect(wrong.message.length).toBeLessThan(3000);
    // Of processor time: the machine may have more to do.
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(5000);
  });
});

function isPlain(value: Json): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function failure(act: () => unknown): StatusError {
  try {
    act();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
