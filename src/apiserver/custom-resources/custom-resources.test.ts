import { afterEach, describe, expect, it } from 'vitest';
import { StatusError } from '#apimachinery/errors.js';
import {
  type CustomResourceServer,
  crdPath,
  startCustomResources,
  widget,
  widgetCrd,
  widgets,
} from './test-custom-resources.js';

let server: CustomResourceServer;
afterEach(() => server.close());

async function start(properties: object = { size: { type: 'integer' } }, version?: object) {
  server = await startCustomResources();
  await server.define(widgetCrd(properties, version));
  return server;
}

async function failure(act: Promise<unknown>): Promise<StatusError> {
  const error = await act.catch((thrown: unknown) => thrown);
  if (error instanceof StatusError) return error;
  throw new Error(`no StatusError: ${JSON.stringify(error)}`);
}

describe('a definition', () => {
  it('is established with its names, and served at once', async () => {
    const { send } = await start();
    const crd = await send('GET', `${crdPath}/widgets.example.com`);
    expect(crd.spec.names).toMatchObject({ singular: 'widget', listKind: 'WidgetList' });
    expect(crd.spec.conversion).toEqual({ strategy: 'None' });
    expect(crd.status).toMatchObject({
      acceptedNames: {
        plural: 'widgets',
        singular: 'widget',
        kind: 'Widget',
        listKind: 'WidgetList',
        shortNames: ['wd'],
      },
      storedVersions: ['v1'],
      conditions: [
        { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
        { type: 'Established', status: 'True', reason: 'InitialNamesAccepted' },
      ],
    });
    expect(await send('POST', widgets, widget({ size: 1 }))).toMatchObject({
      kind: 'Widget',
      metadata: { generation: 1 },
    });
    expect(await send('GET', '/apis/example.com/v1/widgets')).toMatchObject({
      kind: 'WidgetList',
      items: [{ kind: 'Widget' }],
    });
  });

  it('answers when its status says so, and is told of in discovery after that', async () => {
    const seen: unknown[] = [];
    const announced = () => [...server.registry.scheme.announced()].some(({ plural }) => plural === 'widgets');
    const validate = async () => {
      seen.push((await server.send('GET', widgets)).kind, announced());
    };
    const handles = ({ subresource }: { subresource: string }) => subresource === 'status';
    server = await startCustomResources({ admission: [{ name: 'Looking', handles, validate }] });
    await server.define(widgetCrd({}));
    expect(seen).toEqual(['WidgetList', false]);
    await expect.poll(announced).toBe(true);
  });

  it('does not get a name that another has, until that is gone', async () => {
    const { send, define } = await start();
    const other = widgetCrd({});
    Object.assign(other.spec.names, { plural: 'gadgets', kind: 'Gadget', shortNames: ['wd'] });
    other.metadata.name = 'gadgets.example.com';
    await send('POST', crdPath, other);
    await expect
      .poll(async () => (await send('GET', `${crdPath}/gadgets.example.com`)).status.conditions)
      .toMatchObject([
        { type: 'NamesAccepted', status: 'False', reason: 'ShortNamesConflict', message: '"wd" is already in use' },
        { type: 'Established', status: 'False', reason: 'NotAccepted' },
      ]);
    expect((await failure(send('GET', '/apis/example.com/v1/gadgets'))).code).toBe(404);
    await send('DELETE', `${crdPath}/widgets.example.com`);
    await expect
      .poll(async () => (await send('GET', `${crdPath}/gadgets.example.com`)).status.conditions)
      .toMatchObject([
        { type: 'NamesAccepted', status: 'True' },
        { type: 'Established', status: 'True' },
      ]);
    expect(define).toBeDefined();
  });

  it('takes its instances with it', async () => {
    const { send, clock } = await start();
    await send('POST', widgets, widget({ size: 1 }, { metadata: { name: 'a', finalizers: ['example.com/hold'] } }));
    const deleting = await send('DELETE', `${crdPath}/widgets.example.com`);
    expect(deleting.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
    expect(deleting.status.conditions.at(-1)).toMatchObject({ type: 'Terminating', reason: 'InstanceDeletionPending' });
    await expect.poll(async () => (await send('GET', `${widgets}/a`)).metadata.deletionTimestamp).toBeDefined();
    expect((await failure(send('POST', widgets, widget({}, { metadata: { name: 'b' } })))).message).toBe(
      'widgets.example.com "b" is forbidden: create not allowed while custom resource definition is terminating',
    );
    await send('PATCH', `${widgets}/a`, { metadata: { finalizers: null } }, 'application/merge-patch+json');
    await clock.advance(1_000);
    await expect.poll(async () => (await failure(send('GET', `${crdPath}/widgets.example.com`))).code).toBe(404);
    expect((await failure(send('GET', widgets))).code).toBe(404);
  });

  it('may change: what is read is pruned and defaulted by the schema of today', async () => {
    const { send } = await start({ size: { type: 'integer' }, old: { type: 'string' } });
    const created = await send('POST', widgets, widget({ size: 1, old: 'x' }));
    const next = widgetCrd({ size: { type: 'integer' }, color: { type: 'string', default: 'red' } });
    const crd = await send('GET', `${crdPath}/widgets.example.com`);
    await send('PUT', `${crdPath}/widgets.example.com`, {
      ...crd,
      spec: { ...crd.spec, versions: next.spec.versions },
    });
    await expect.poll(async () => (await send('GET', `${widgets}/a`)).spec).toEqual({ size: 1, color: 'red' });
    const read = await send('GET', `${widgets}/a`);
    expect(read.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    const written = await send('PUT', `${widgets}/a`, read);
    expect(written.metadata.resourceVersion).not.toBe(read.metadata.resourceVersion);
  });

  it('is served from the start by a server that finds it in the store', async () => {
    const { store } = await start();
    await server.send('POST', widgets, widget({ size: 1 }));
    const again = await startCustomResources({ store });
    expect(await again.send('GET', `${widgets}/a`)).toMatchObject({ spec: { size: 1 } });
    await again.close();
  });

  it.each<[{ metadata?: object; [field: string]: unknown }, string]>([
    [
      { metadata: { name: 'things.example.com' } },
      'metadata.name: Invalid value: "things.example.com": must be spec.names.plural+"."+spec.group',
    ],
    [{ scope: 'World' }, 'spec.scope: Unsupported value: "World": supported values: "Cluster", "Namespaced"'],
    [
      { versions: [{ name: 'v1', served: true, storage: true }] },
      'spec.versions[0].schema.openAPIV3Schema: Required value',
    ],
    [
      { conversion: { strategy: 'Webhook' } },
      '[spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook, spec.conversion.conversionReviewVersions: Required value]',
    ],
    [
      { preserveUnknownFields: true },
      'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    ],
  ])('that says %j is refused', async (change, message) => {
    server = await startCustomResources();
    const { metadata, ...spec } = change;
    const crd = widgetCrd({});
    const wrong = { ...crd, metadata: metadata ?? crd.metadata, spec: { ...crd.spec, ...spec } };
    const name = (wrong.metadata as { name: string }).name;
    expect((await failure(server.send('POST', crdPath, wrong))).message).toBe(
      `CustomResourceDefinition.apiextensions.k8s.io ${JSON.stringify(name)} is invalid: ${message}`,
    );
  });
});

describe('objects', () => {
  it('lose unknown fields, with a warning or a refusal', async () => {
    const { send } = await start({
      size: { type: 'integer' },
      free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    });
    expect((await send('POST', widgets, widget({ size: 1, x: 1, free: { y: 1 } }))).spec).toEqual({
      size: 1,
      free: { y: 1 },
    });
    const strict = send(
      'POST',
      `${widgets}?fieldValidation=Strict`,
      widget({ size: 1, x: 1 }, { metadata: { name: 'b', q: 1 }, top: 1 }),
    );
    expect((await failure(strict)).message).toBe(
      'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "metadata.q", unknown field "spec.x", unknown field "top"',
    );
  });

  it('must say what they are', async () => {
    const { send } = await start();
    const refused = async (object: object) => (await failure(send('POST', widgets, object))).message;
    expect(await refused({ metadata: {} })).toBe(
      `Widget in version "v1" cannot be handled as a Widget: Object 'Kind' is missing in '{"metadata":{}}'`,
    );
    expect(await refused({ kind: 'Widget', metadata: {} })).toBe(
      'the API version in the data () does not match the expected API version (example.com/v1)',
    );
    expect(await refused(widget({}, { kind: 'Gadget' }))).toBe(
      'Gadget.example.com "a" is invalid: kind: Invalid value: "Gadget": must be Widget',
    );
    expect(await refused(widget({}, { metadata: { name: 'a', labels: { a: 1 } } }))).toBe(
      'Widget in version "v1" cannot be handled as a Widget: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string',
    );
  });

  it('have their generation raised by what is not metadata, and their status by itself', async () => {
    const { send } = await start(undefined, { subresources: { status: {} } });
    const merge = 'application/merge-patch+json';
    const created = await send('POST', widgets, widget({ size: 1 }, { status: { phase: 'x' } }));
    expect(created.status).toBeUndefined();
    const labelled = await send(
      'PATCH',
      `${widgets}/a`,
      { metadata: { labels: { a: 'b' } }, status: { phase: 'y' } },
      merge,
    );
    expect([labelled.metadata.generation, labelled.status]).toEqual([1, undefined]);
    const told = await send(
      'PATCH',
      `${widgets}/a/status`,
      { metadata: { labels: { a: 'c' } }, spec: { size: 2 }, status: { phase: 'y' } },
      merge,
    );
    expect(told).toMatchObject({
      metadata: { generation: 1, labels: { a: 'b' } },
      spec: { size: 1 },
      status: { phase: 'y' },
    });
    const status = send('PATCH', `${widgets}/a/status`, { status: { phase: 3 } }, merge);
    expect((await failure(status)).message).toBe(
      'Widget.example.com "a" is invalid: status.phase: Invalid value: "integer": phase in body must be of type string: "integer"',
    );
    expect((await send('PATCH', `${widgets}/a`, { spec: { size: 3 } }, merge)).metadata.generation).toBe(2);
  });

  it('are scaled through the paths that the definition names', async () => {
    const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };
    const { send } = await start({ replicas: { type: 'integer', minimum: 1 } }, { subresources: { scale } });
    await send('POST', widgets, widget({ replicas: 2 }));
    const scaled = await send('PATCH', `${widgets}/a/scale`, { spec: { replicas: 4 } }, 'application/merge-patch+json');
    expect(scaled).toMatchObject({ kind: 'Scale', spec: { replicas: 4 }, status: { replicas: 0 } });
    const refused = send('PATCH', `${widgets}/a/scale`, { spec: { replicas: 0 } }, 'application/merge-patch+json');
    expect((await failure(refused)).message).toBe(
      'Widget.example.com "a" is invalid: spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1',
    );
  });

  it('are merged by server-side apply as the schema says', async () => {
    const ports = {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      items: {
        type: 'object',
        required: ['port'],
        properties: {
          port: { type: 'integer' },
          protocol: { type: 'string', default: 'TCP' },
          note: { type: 'string' },
        },
      },
    };
    const { send } = await start({
      ports,
      tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    });
    const apply = (manager: string, spec: object) =>
      send('PATCH', `${widgets}/a?fieldManager=${manager}`, widget(spec), 'application/apply-patch+yaml');
    await apply('m1', { ports: [{ port: 1, note: 'x' }], tags: ['a'] });
    const both = await apply('m2', { ports: [{ port: 2 }], tags: ['b'] });
    expect(both.spec).toEqual({
      ports: [
        { port: 1, note: 'x', protocol: 'TCP' },
        { port: 2, protocol: 'TCP' },
      ],
      tags: ['a', 'b'],
    });
    expect((await failure(apply('m2', { ports: [{ port: 1, note: 'y' }] }))).message).toBe(
      'Apply failed with 1 conflict: conflict with "m1": .spec.ports[port=1,protocol="TCP"].note',
    );
    expect((await failure(apply('m1', { q: 1 }))).message).toBe(
      'failed to create typed patch object (/a; example.com/v1, Kind=Widget): .spec.q: field not declared in schema',
    );
    expect((await apply('m1', {})).spec).toEqual({ ports: [{ port: 2, protocol: 'TCP' }], tags: ['b'] });
  });

  it('are selected by fields, and shown in columns', async () => {
    const { send, registry } = await start(undefined, {
      selectableFields: [{ jsonPath: '.spec.size' }],
      additionalPrinterColumns: [
        { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
        { name: 'Text', type: 'string', jsonPath: '.spec' },
        { name: 'Born', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      ],
    });
    await send('POST', widgets, widget({ size: 1 }));
    await send('POST', widgets, widget({ size: 2 }, { metadata: { name: 'b' } }));
    const list = await send('GET', `${widgets}?fieldSelector=spec.size=2`);
    expect(list.items.map((one: { metadata: { name: string } }) => one.metadata.name)).toEqual(['b']);
    expect((await failure(send('GET', `${widgets}?fieldSelector=spec.color=2`))).message).toBe(
      'field label not supported: spec.color',
    );
    const definition = registry.scheme.byPlural({ group: 'example.com', plural: 'widgets' })!;
    const [columns, nowMs] = [registry.storeOf(definition, 'v1').resource.columns!, server.clock.now() + 90_000];
    expect(columns.map((column) => column.cell(list.items[0], { nowMs }))).toEqual(['b', 2, '{"size":2}', '90s']);
  });

  it('that satisfied an older schema may keep what a newer forbids', async () => {
    const { send } = await start({ size: { type: 'integer' }, name: { type: 'string' } });
    await send('POST', widgets, widget({ size: 500, name: 'x' }));
    const next = widgetCrd({ size: { type: 'integer', maximum: 10 }, name: { type: 'string' } });
    const crd = await send('GET', `${crdPath}/widgets.example.com`);
    await send('PUT', `${crdPath}/widgets.example.com`, {
      ...crd,
      spec: { ...crd.spec, versions: next.spec.versions },
    });
    const fresh = () => send('POST', widgets, widget({ size: 500 }, { metadata: { name: 'b' } }));
    await expect
      .poll(() =>
        fresh().then(
          () => 'taken',
          (error: Error) => error.message,
        ),
      )
      .toContain('less than or equal to 10');
    const merge = 'application/merge-patch+json';
    expect((await send('PATCH', `${widgets}/a`, { spec: { name: 'y' } }, merge)).spec).toEqual({
      size: 500,
      name: 'y',
    });
    expect((await failure(send('PATCH', `${widgets}/a`, { spec: { size: 501 } }, merge))).message).toBe(
      'Widget.example.com "a" is invalid: spec.size: Invalid value: 501: spec.size in body should be less than or equal to 10',
    );
  });

  it('are held to rules when they are written, but for what they broke before', async () => {
    const rule = (text: string) => ({ type: 'integer', 'x-kubernetes-validations': [{ rule: text }] });
    const { send } = await start({ size: rule('self > 1'), color: { enum: ['red'], type: 'string' } });
    expect((await failure(send('POST', widgets, widget({ size: 1 })))).message).toBe(
      'Widget.example.com "a" is invalid: spec.size: Invalid value: 1: failed rule: self > 1',
    );
    expect((await failure(send('POST', widgets, widget({ size: 1, color: 'blue' })))).message).toBe(
      'Widget.example.com "a" is invalid: [spec.color: Unsupported value: "blue": supported values: "red", <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]',
    );
    await send('POST', widgets, widget({ size: 2 }));
    const crd = await send('GET', `${crdPath}/widgets.example.com`);
    const { versions } = widgetCrd({ size: rule('self > 5'), color: { type: 'string' } }).spec;
    await send('PUT', `${crdPath}/widgets.example.com`, { ...crd, spec: { ...crd.spec, versions } });
    const fresh = () => send('POST', widgets, widget({ size: 2 }, { metadata: { name: 'b' } }));
    await expect.poll(() => failure(fresh()).then(({ message }) => message)).toContain('failed rule: self > 5');
    const merge = 'application/merge-patch+json';
    const changed = await send('PATCH', `${widgets}/a`, { spec: { color: 'green' } }, merge);
    expect(changed.spec).toEqual({ size: 2, color: 'green' });
  });
});
