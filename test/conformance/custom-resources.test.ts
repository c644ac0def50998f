/** Custom resource definitions: coming, going, defaults, discovery, watches, selectors, and their fields held to a schema. */
import { expect } from 'vitest';
import definitions from '#api/apiextensions/customresourcedefinition.js';
import { copy } from '#base/json.js';
import { conformance, type Scene, useCluster } from './conformance.js';
import { type Custom, type CustomKind, dropKind, makeKind } from './custom.js';
import { refusal } from './objects.js';

useCluster({ nodes: 0 });

conformance(
  '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition creating/deleting custom resource definition objects works [Conformance]',
  async (scene) => {
    const kind = await makeKind(scene);
    await dropKind(scene, kind);
    const { name = '' } = kind.definition.metadata;
    await scene.until(() =>
      scene.client
        .of(definitions)
        .get(name)
        .then(
          () => false,
          () => true,
        ),
    );
    await refusal(scene.client.of(definitions).get(name), 'NotFound');
  },
);

conformance(
  '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition listing custom resource definition objects works [Conformance]',
  async (scene) => {
    const { client, until } = scene;
    const labels = { 'e2e-list': 'listing' };
    for (let at = 0; at < 5; at++) await makeKind(scene, { labels });
    const selection = { labelSelector: 'e2e-list=listing' };
    expect((await client.of(definitions).list(selection)).items.length).toBe(5);
    await client.of(definitions).deleteCollection(selection);
    await until(async () => (await client.of(definitions).list(selection)).items.length === 0);
  },
);

conformance(
  '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works [Conformance]',
  async (scene) => {
    const { client, http, until } = scene;
    const kind = await makeKind(scene);
    const { name = '' } = kind.definition.metadata;
    const read = await http.send(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}/status`);
    expect(read.json.status.conditions.length).toBeGreaterThan(0);
    const condition = { message: 'updated', type: 'Terminating', status: 'Unknown', reason: 'E2E' };
    await until(async () => {
      const changed = copy(await client.of(definitions).get(name));
      changed.status!.conditions!.push(condition);
      const updated = await client.of(definitions).updateStatus(changed);
      return updated.status!.conditions!.some(({ message }) => message === 'updated');
    });
    const body = { status: { conditions: [{ ...condition, message: 'patched' }] } };
    const patched = await client.of(definitions).patch(name, body, { type: 'merge', subresource: 'status' });
    expect(patched.status?.conditions).toMatchObject([{ message: 'patched' }]);
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] should include custom resource definition resources in discovery documents [Conformance]',
  async ({ http }) => {
    interface Named {
      name: string;
      versions: { groupVersion: string }[];
    }
    const groups: Named[] = (await http.send('/apis')).json.groups;
    const group = groups.find(({ name }) => name === 'apiextensions.k8s.io');
    expect(group?.versions.map(({ groupVersion }) => groupVersion)).toContain('apiextensions.k8s.io/v1');
    const own: Named = (await http.send('/apis/apiextensions.k8s.io')).json;
    expect(own.versions.map(({ groupVersion }) => groupVersion)).toContain('apiextensions.k8s.io/v1');
    const { resources } = (await http.send('/apis/apiextensions.k8s.io/v1')).json;
    expect(resources.map(({ name }: Named) => name)).toContain('customresourcedefinitions');
  },
);

conformance(
  '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] custom resource defaulting for requests and from storage works [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const properties = (defaulted: Record<string, string>) => ({
      type: 'object',
      properties: Object.fromEntries(
        ['a', 'b'].map((name) => [name, { type: 'string', ...(defaulted[name] && { default: defaulted[name] }) }]),
      ),
    });
    const kind = await makeKind(scene, { versions: [{ name: 'v1', schema: { openAPIV3Schema: properties({}) } }] });
    const objects = client.of(kind.ref);
    const object = (name: string): Custom => ({
      apiVersion: kind.apiVersion,
      kind: 'E2eTest',
      metadata: { name, namespace },
    });
    await objects.create(object('first'));
    const setDefault = async (defaulted: Record<string, string>) => {
      const value = properties(defaulted);
      const body = [{ op: 'replace', path: '/spec/versions/0/schema/openAPIV3Schema', value }];
      await client.of(definitions).patch(kind.definition.metadata.name!, body, { type: 'json' });
    };
    await setDefault({ a: 'A' });
    // What is stored without it is read with it, and so is what is made from now on.
    await until(async () => (await objects.get('first', { namespace }))['a'] === 'A');
    expect((await objects.create(object('second')))['a']).toBe('A');
    await setDefault({ a: 'A', b: 'B' });
    await until(async () => (await objects.get('second', { namespace }))['b'] === 'B');
    const updated = await objects.update(copy(await objects.get('first', { namespace })));
    expect([updated['a'], updated['b']]).toEqual(['A', 'B']);
    const patched = await objects.patch('second', { metadata: { labels: { x: 'y' } } }, { type: 'merge', namespace });
    expect([patched['a'], patched['b']]).toEqual(['A', 'B']);
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] CustomResourceDefinition Watch [Privileged:ClusterAdmin] CustomResourceDefinition Watch watch on custom resource definition objects [Conformance]',
  async (scene) => {
    const { client, observe } = scene;
    const kind = await makeKind(scene, { namespaced: false });
    const select = (name: string) => observe(kind.ref, { fieldSelector: `metadata.name=${name}` });
    const [a, b] = [select('name1'), select('name2')];
    const object = (name: string): Custom => ({
      apiVersion: kind.apiVersion,
      kind: 'E2eTest',
      metadata: { name },
      content: 1,
    });
    await client.of(kind.ref).create(object('name1'));
    await a.next({ type: 'ADDED' });
    await client.of(kind.ref).create(object('name2'));
    await b.next({ type: 'ADDED' });
    for (const [name, watch] of [
      ['name1', a],
      ['name2', b],
    ] as const) {
      await client.of(kind.ref).patch(name, { content: 2 }, { type: 'merge' });
      await watch.next({ type: 'MODIFIED' });
    }
    for (const [name, watch] of [
      ['name1', a],
      ['name2', b],
    ] as const) {
      await client.of(kind.ref).delete(name);
      await watch.next({ type: 'DELETED' });
    }
    expect(a.events.length).toBe(3);
    expect(b.events.length).toBe(3);
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] CustomResourceFieldSelectors [Privileged:ClusterAdmin] CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector [Conformance]',
  async (scene) => {
    const { client, namespace, observe } = scene;
    const schema = {
      openAPIV3Schema: {
        type: 'object',
        properties: { hostPort: { type: 'string' }, frequency: { type: 'integer' } },
      },
    };
    const selectableFields = [{ jsonPath: '.hostPort' }, { jsonPath: '.frequency' }];
    const kind = await makeKind(scene, { versions: [{ name: 'v1', schema, selectableFields }] });
    const object = (name: string, hostPort: string, frequency: number): Custom => ({
      apiVersion: kind.apiVersion,
      kind: 'E2eTest',
      metadata: { name, namespace },
      hostPort,
      frequency,
    });
    const selection = { namespace, fieldSelector: 'hostPort=host1:80,frequency=5' };
    const watch = observe(kind.ref, selection);
    await client.of(kind.ref).create(object('a', 'host1:80', 5));
    await client.of(kind.ref).create(object('b', 'host1:80', 6));
    await client.of(kind.ref).create(object('c', 'host2:80', 5));
    expect((await client.of(kind.ref).list(selection)).items.map(({ metadata }) => metadata.name)).toEqual(['a']);
    await watch.next({ type: 'ADDED', where: ({ metadata }) => metadata.name === 'a' });
    await client.of(kind.ref).patch('b', { frequency: 5 }, { type: 'merge', namespace });
    await watch.next({ type: 'ADDED', where: ({ metadata }) => metadata.name === 'b' });
    await client.of(kind.ref).patch('a', { hostPort: 'other' }, { type: 'merge', namespace });
    await watch.next({ type: 'DELETED', where: ({ metadata }) => metadata.name === 'a' });
    await client.of(kind.ref).deleteCollection(selection);
    await watch.next({ type: 'DELETED', where: ({ metadata }) => metadata.name === 'b' });
    expect((await client.of(kind.ref).list({ namespace })).items.map(({ metadata }) => metadata.name).sort()).toEqual([
      'a',
      'c',
    ]);
    await refusal(client.of(kind.ref).list({ namespace, fieldSelector: 'other=1' }), 'BadRequest');
    await dropKind(scene, kind);
  },
);

const ports = {
  type: 'array',
  'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
  'x-kubernetes-list-type': 'map',
  items: {
    type: 'object',
    required: ['containerPort', 'protocol'],
    properties: {
      containerPort: { type: 'integer', format: 'int32' },
      hostIP: { type: 'string' },
      hostPort: { type: 'integer', format: 'int32' },
      name: { type: 'string' },
      protocol: { type: 'string' },
    },
  },
};

const cronSpec = { type: 'string', pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$' };
const strictSpec = { type: 'object', properties: { foo: { type: 'string' }, cronSpec, ports } };

const withSpec = (scene: Scene, spec: object) =>
  makeKind(scene, {
    namespaced: false,
    versions: [{ name: 'v1beta1', schema: { openAPIV3Schema: { type: 'object', properties: { spec } } } }],
  });

const goodSpec = `  foo: foo1
  cronSpec: "* * * * */5"
  ports:
  - name: x
    containerPort: 80
    protocol: TCP`;

async function applyYaml(
  { http }: Scene,
  { ref, apiVersion }: CustomKind,
  parts: { head?: string; metadata?: string; spec?: string },
) {
  const body = `
apiVersion: ${apiVersion}
kind: ${ref.kind}
${parts.head ?? ''}
metadata:
  name: mytest
${parts.metadata ?? ''}
spec:
${parts.spec ?? goodSpec}`;
  const query = 'fieldManager=field_validation_mgr&fieldValidation=Strict';
  const headers = { 'content-type': 'application/apply-patch+yaml' };
  return await http.send(`/apis/${apiVersion}/${ref.plural}/mytest?${query}`, { method: 'PATCH', headers, body });
}

conformance(
  '[sig-api-machinery] FieldValidation should create/apply a valid CR for CRD with validation schema [Conformance]',
  async (scene) => {
    const kind = await withSpec(scene, strictSpec);
    expect((await applyYaml(scene, kind, {})).status).toBe(201);
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema [Conformance]',
  async (scene) => {
    const kind = await makeKind(scene, { namespaced: false });
    expect((await applyYaml(scene, kind, { spec: goodSpec.replace('foo: foo1', 'unknown: uk1') })).status).toBe(201);
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema [Conformance]',
  async (scene) => {
    const kind = await withSpec(scene, strictSpec);
    const { text } = await applyYaml(scene, kind, { head: 'unknownField: unknown' });
    expect(text).toContain('.unknownField: field not declared in schema');
    await dropKind(scene, kind);
  },
);

const template = {
  type: 'object',
  'x-kubernetes-embedded-resource': true,
  properties: {
    metadata: { type: 'object', properties: { name: { type: 'string' } } },
    spec: { type: 'object' },
  },
};

conformance(
  '[sig-api-machinery] FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR [Conformance]',
  async (scene) => {
    const properties = { template, foo: { type: 'string' }, cronSpec, ports };
    const kind = await withSpec(scene, { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties });
    const spec = `  template:
    apiVersion: foo/v1
    kind: Sub
    metadata:
      unknownSubMeta: unknown
      name: subobject
      namespace: ${scene.namespace}
${goodSpec}`;
    const { text } = await applyYaml(scene, kind, { metadata: '  unknownMeta: unknown', spec });
    expect(text).toContain('.metadata.unknownMeta: field not declared in schema');
    // Server-side apply stops at the first; a create tells of both.
    const object = {
      apiVersion: kind.apiVersion,
      kind: kind.ref.kind,
      metadata: { name: 'mytest', unknownMeta: 'x' },
      spec: { template: { apiVersion: 'foo/v1', kind: 'Sub', metadata: { name: 'a', unknownSubMeta: 'x' } } },
    };
    const path = `/apis/${kind.apiVersion}/${kind.ref.plural}?fieldValidation=Strict`;
    const created = await scene.http.send(path, { method: 'POST', body: object });
    expect(created.json.message).toContain('unknown field "metadata.unknownMeta"');
    expect(created.json.message).toContain('unknown field "spec.template.metadata.unknownSubMeta"');
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] FieldValidation should detect duplicates in a CR when preserving unknown fields [Conformance]',
  async (scene) => {
    const properties = { foo: { type: 'string' }, cronSpec, ports };
    const kind = await withSpec(scene, { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties });
    const { status, text } = await applyYaml(scene, kind, { spec: `  unknown: uk1\n  foo: foo2\n${goodSpec}` });
    expect(status).toBe(400);
    expect(text).toMatch(/already set in map|duplicate/);
    await dropKind(scene, kind);
  },
);
