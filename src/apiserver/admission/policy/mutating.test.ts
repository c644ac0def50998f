import { describe, expect, it } from 'vitest';
import podResource from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { AdmissionPlugin } from '../admission.js';
import { config, failure, putMutating, setUp } from './test-setup.js';

const apply = (expression: string) => ({ patchType: 'ApplyConfiguration', applyConfiguration: { expression } });
const patch = (expression: string) => ({ patchType: 'JSONPatch', jsonPatch: { expression } });
const denied = (message: string) => `policy 'p' with binding 'b-p' denied request: ${message}`;
const pod = (name: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'ns' },
  spec: { containers: [{ name: 'c', image: 'i' }] },
});

describe('MutatingAdmissionPolicy', () => {
  it('merges configurations as apply does, one mutation after the other', async () => {
    const server = await setUp();
    const container = 'Object.spec.containers{name: object.spec.containers[0].name, imagePullPolicy: "Always"}';
    const sidecar = 'Object.spec.containers{name: "s", image: object.spec.containers[0].imagePullPolicy.lowerAscii()}';
    putMutating(server, {
      mutations: [
        apply(`Object{spec: Object.spec{containers: [${container}]}}`),
        apply(`Object{spec: Object.spec{containers: [${sidecar}]}}`),
      ],
    });
    const { spec } = await server.test.client.of(podResource).create(pod('x'));
    expect(spec?.containers).toMatchObject([
      { name: 'c', image: 'i', imagePullPolicy: 'Always' },
      { name: 's', image: 'always', terminationMessagePath: '/dev/termination-log' },
    ]);
  });

  it('applies JSON patches; a test that fails leaves the object as it is', async () => {
    const server = await setUp();
    const path = '"/metadata/labels/" + jsonpatch.escapeKey("a/b")';
    putMutating(server, {
      variables: [{ name: 'team', expression: "string(namespaceObject.metadata.labels['team'])" }],
      mutations: [
        patch(`[JSONPatch{op: "add", path: ${path}, value: variables.team}]`),
        patch('[JSONPatch{op: "test", path: "/data/a", value: "2"}, JSONPatch{op: "remove", path: "/data/a"}]'),
      ],
    });
    const labelled = config('x', { metadata: { name: 'x', namespace: 'ns', labels: { c: 'd' } } });
    const { data, metadata } = await server.configs.create(labelled);
    expect({ data, labels: metadata.labels }).toEqual({ data: { a: '1' }, labels: { c: 'd', 'a/b': 'a' } });
    const updated = await server.configs.patch('x', { data: { b: '2' } }, { namespace: 'ns', type: 'merge' });
    expect(updated.data).toEqual({ a: '1', b: '2' });
  });

  it.each([
    [
      apply('Object{spec: Object.spec{nothing: 1}}'),
      'error applying patch: failed to convert patch object to typed object: .spec.nothing: field not declared in schema',
    ],
    [
      apply('Object{spec: Object.spec{nodeSelector: {"a": "b"}}}'),
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.nodeSelector',
    ],
    [
      apply('Object{spec: Object.wrong{hostNetwork: true}}'),
      'type mismatch: unexpected type name "Object.wrong", expected "Object.spec", which matches field name path from root Object type',
    ],
    [
      apply('Object{spec: Object.spec{hostname: object.none}}'),
      "expression 'Object{spec: Object.spec{hostname: object.none}}' resulted in error: no such key: none",
    ],
    [
      patch('[JSONPatch{op: "remove", path: "/none"}]'),
      "JSON Patch: error in remove for path: '/none': Unable to remove nonexistent key: none: missing value",
    ],
  ])('refuses what it cannot do, unless it may fail: %j', async (mutation, expected) => {
    const server = await setUp();
    const pods = server.test.client.of(podResource);
    putMutating(server, { mutations: [mutation] });
    const { status } = await failure(pods.create(pod('x')));
    expect(status).toMatchObject({ reason: 'Invalid', code: 403 });
    expect(status.message).toBe(denied(expected));
    expect(status.details?.causes).toEqual([{ message: denied(expected) }]);
    putMutating(server, { mutations: [mutation], failurePolicy: 'Ignore' });
    await pods.create(pod('x'));
  });

  it('fails the request where its patch makes no object of the kind', async () => {
    const server = await setUp();
    putMutating(server, {
      failurePolicy: 'Ignore',
      mutations: [patch('[JSONPatch{op: "add", path: "/nothing", value: 1}]')],
    });
    expect((await failure(server.configs.create(config('x')))).status).toMatchObject({ code: 500 });
  });

  it('goes by conditions and parameters', async () => {
    const server = await setUp();
    await server.configs.create(config('param', { data: { value: 'v' } }));
    putMutating(
      server,
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        matchConditions: [{ name: 'm', expression: "object.metadata.name != 'y'" }],
        mutations: [apply('Object{data: {"from": params.data.value}}')],
      },
      { paramRef: { name: 'param', parameterNotFoundAction: 'Deny' } },
    );
    expect((await server.configs.create(config('x'))).data).toEqual({ a: '1', from: 'v' });
    expect((await server.configs.create(config('y'))).data).toEqual({ a: '1' });
  });

  it('is invoked again, if it wants to be, when a later one has changed the object', async () => {
    const counting = patch('[JSONPatch{op: "add", path: "/data/" + string(size(object.data)), value: "n"}]');
    for (const reinvocationPolicy of ['Never', 'IfNeeded']) {
      const server = await setUp();
      putMutating(server, { reinvocationPolicy, mutations: [counting] }, {}, 'a');
      putMutating(server, { mutations: [apply('Object{data: {"later": "1"}}')] }, {}, 'z');
      const { data } = await server.configs.create(config('x'));
      expect(Object.keys(data!).sort()).toEqual(
        reinvocationPolicy === 'Never' ? ['1', 'a', 'later'] : ['1', '3', 'a', 'later'],
      );
    }
  });

  it('lets plugins see what it changed', async () => {
    const seen: unknown[] = [];
    const plugin: AdmissionPlugin = {
      name: 'Watching',
      handles: ({ resource }) => resource.kind === 'ConfigMap',
      mutate: async ({ object }) => void seen.push(structuredClone((object as { data?: unknown }).data)),
    };
    const server = await setUp([plugin]);
    putMutating(server, { mutations: [apply('Object{data: {"b": "2"}}')] });
    await server.configs.create(config('x'));
    expect(seen.at(-1)).toEqual({ a: '1', b: '2' });
  });
});
