/** What OpenAPI tells of custom kinds, and conversion of their objects by a webhook. */
import { afterAll, beforeAll, expect } from 'vitest';
import definitions from '#api/apiextensions/customresourcedefinition.js';
import { type Asked, startTestWebhook, type TestWebhook } from '#apiserver/webhook/test-webhook.js';
import { conformance, type Scene, useCluster } from './conformance.js';
import { anything, type Custom, type CustomKind, dropKind, makeKind, refOf } from './custom.js';

useCluster({ nodes: 0 });

// biome-ignore lint/suspicious/noExplicitAny: documents are looked into here and there
type Json = any;

const schema = {
  description: 'Foo CRD for Testing',
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      description: 'Specification of Foo',
      properties: {
        bars: {
          description: 'List of Bars and their specs.',
          type: 'array',
          items: {
            type: 'object',
            required: ['name'],
            properties: {
              name: { description: 'Name of Bar.', type: 'string' },
              age: { description: 'Age of Bar.', type: 'string' },
            },
          },
        },
      },
    },
    status: {
      description: 'Status of Foo',
      type: 'object',
      properties: { bars: { type: 'array', items: { type: 'string' } } },
    },
  },
};

/** `com.example.group-1.v1.E2eTest` */
function nameOf({ definition: { spec } }: CustomKind, version: string): string {
  return `${spec.group.split('.').reverse().join('.')}.${version}.${spec.names.kind}`;
}

async function published({ http }: Scene, kind: CustomKind, version: string): Promise<Json> {
  return (await http.send('/openapi/v2')).json.definitions[nameOf(kind, version)];
}

const isPublished = (scene: Scene, kind: CustomKind, version: string) =>
  scene.until(async () => (await published(scene, kind, version)) !== undefined);

const isWithdrawn = (scene: Scene, kind: CustomKind, version: string) =>
  scene.until(async () => (await published(scene, kind, version)) === undefined);

const withSchema = (openAPIV3Schema: object, versions = ['v1']) => ({
  versions: versions.map((name) => ({ name, schema: { openAPIV3Schema } })),
});

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD with validation schema [Conformance]',
  async (scene) => {
    const kind = await makeKind(scene, withSchema(schema));
    await isPublished(scene, kind, 'v1');
    const found = await published(scene, kind, 'v1');
    expect(found.description).toBe('Foo CRD for Testing');
    expect(found.properties.spec).toEqual(schema.properties.spec);
    expect(Object.keys(found.properties)).toEqual(expect.arrayContaining(['apiVersion', 'kind', 'metadata']));
    expect(found['x-kubernetes-group-version-kind']).toEqual([
      { group: kind.definition.spec.group, kind: 'E2eTest', version: 'v1' },
    ]);
    const index = (await scene.http.send('/openapi/v3')).json.paths[`apis/${kind.apiVersion}`];
    const v3 = (await scene.http.send(index.serverRelativeURL)).json.components.schemas[nameOf(kind, 'v1')];
    expect(v3.properties.spec).toEqual(schema.properties.spec);
    await dropKind(scene, kind);
    await isWithdrawn(scene, kind, 'v1');
  },
);

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD without validation schema [Conformance]',
  async (scene) => {
    const kind = await makeKind(scene);
    await isPublished(scene, kind, 'v1');
    const found = await published(scene, kind, 'v1');
    // Nothing is said of its fields, so that clients take all.
    expect(found.properties?.spec).toBeUndefined();
    expect(found['x-kubernetes-preserve-unknown-fields']).toBeUndefined();
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields at the schema root [Conformance]',
  async (scene) => {
    const kind = await makeKind(scene, withSchema({ ...anything, properties: schema.properties }));
    await isPublished(scene, kind, 'v1');
    const found = await published(scene, kind, 'v1');
    expect(found.properties).toBeUndefined();
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields in an embedded object [Conformance]',
  async (scene) => {
    const properties = {
      spec: { ...anything, description: 'preserve-unknown-properties in nested field for Testing' },
    };
    const kind = await makeKind(scene, withSchema({ type: 'object', properties }));
    await isPublished(scene, kind, 'v1');
    const found = await published(scene, kind, 'v1');
    expect(found.properties.spec.description).toBe(properties.spec.description);
    expect(found.properties.spec.properties).toBeUndefined();
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of different groups [Conformance]',
  async (scene) => {
    const kinds = [await makeKind(scene, withSchema(schema)), await makeKind(scene, withSchema(schema))];
    for (const kind of kinds) await isPublished(scene, kind, 'v1');
    for (const kind of kinds) await dropKind(scene, kind);
    for (const kind of kinds) await isWithdrawn(scene, kind, 'v1');
  },
);

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group but different versions [Conformance]',
  async (scene) => {
    const several = await makeKind(scene, withSchema(schema, ['v2', 'v3']));
    await isPublished(scene, several, 'v2');
    await isPublished(scene, several, 'v3');
    const group = 'same-group-versions.example.com';
    const one = await makeKind(scene, { ...withSchema(schema, ['v4']), group, kind: 'One' });
    const other = await makeKind(scene, { ...withSchema(schema, ['v5']), group, kind: 'Other' });
    await isPublished(scene, one, 'v4');
    await isPublished(scene, other, 'v5');
    for (const kind of [several, one, other]) await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group and version but different kinds [Conformance]',
  async (scene) => {
    const group = 'same-group.example.com';
    const kinds = [];
    for (const kind of ['One', 'Other'])
      kinds.push(await makeKind(scene, { ...withSchema(schema, ['v6']), group, kind }));
    for (const kind of kinds) await isPublished(scene, kind, 'v6');
    for (const kind of kinds) await dropKind(scene, kind);
  },
);

const edit = ({ client }: Scene, { definition }: CustomKind, body: object[]) =>
  client.of(definitions).patch(definition.metadata.name!, body, { type: 'json' });

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] updates the published spec when one version gets renamed [Conformance]',
  async (scene) => {
    const kind = await makeKind(scene, withSchema(schema, ['v2', 'v3']));
    await isPublished(scene, kind, 'v3');
    await edit(scene, kind, [
      { op: 'test', path: '/spec/versions/1/name', value: 'v3' },
      { op: 'replace', path: '/spec/versions/1/name', value: 'v4' },
    ]);
    await isPublished(scene, kind, 'v4');
    await isWithdrawn(scene, kind, 'v3');
    expect(await published(scene, kind, 'v2')).toBeDefined();
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] removes definition from spec when one version gets changed to not be served [Conformance]',
  async (scene) => {
    const kind = await makeKind(scene, withSchema(schema, ['v5', 'v6alpha1']));
    await isPublished(scene, kind, 'v6alpha1');
    await edit(scene, kind, [{ op: 'replace', path: '/spec/versions/1/served', value: false }]);
    await isWithdrawn(scene, kind, 'v6alpha1');
    expect(await published(scene, kind, 'v5')).toBeDefined();
    await dropKind(scene, kind);
  },
);

let webhook: TestWebhook;

/** From one field of host and port in v1 to two in v2, and back. */
function convert({ body }: Asked): object {
  const { uid, objects, desiredAPIVersion } = body.request;
  const convertedObjects = objects.map((object: Custom) => {
    if (object.apiVersion === desiredAPIVersion) return object;
    const { hostPort, host, port, ...rest } = object;
    const [name, number] = String(hostPort ?? '').split(':');
    const fields = desiredAPIVersion.endsWith('/v2') ? { host: name, port: number } : { hostPort: `${host}:${port}` };
    return { ...rest, apiVersion: desiredAPIVersion, ...fields };
  });
  const response = { uid, convertedObjects, result: { status: 'Success' } };
  return { apiVersion: body.apiVersion, kind: 'ConversionReview', response };
}

beforeAll(async () => {
  webhook = await startTestWebhook(convert);
});
afterAll(() => webhook.close());

async function makeConverted(scene: Scene): Promise<CustomKind> {
  const text = { type: 'string' };
  const of = (name: string, properties: Record<string, { type: string }>) => ({
    name,
    schema: { openAPIV3Schema: { type: 'object', properties } },
  });
  const { url, caBundle } = webhook;
  const clientConfig = { url: `${url}/crdconvert`, caBundle };
  return await makeKind(scene, {
    versions: [of('v1', { hostPort: text }), of('v2', { host: text, port: text })],
    spec: {
      conversion: { strategy: 'Webhook', webhook: { clientConfig, conversionReviewVersions: ['v1', 'v1beta1'] } },
    },
  });
}

const v1Of = ({ apiVersion }: CustomKind, name: string, namespace: string): Custom => ({
  apiVersion,
  kind: 'E2eTest',
  metadata: { name, namespace },
  hostPort: 'localhost:8080',
});

conformance(
  '[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert from CR v1 to CR v2 [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const kind = await makeConverted(scene);
    await client.of(kind.ref).create(v1Of(kind, 'cr-instance-1', namespace));
    const read = await client.of(refOf(kind.definition, 'v2')).get('cr-instance-1', { namespace });
    expect([read['host'], read['port'], read.apiVersion]).toEqual([
      'localhost',
      '8080',
      `${kind.definition.spec.group}/v2`,
    ]);
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert a non homogeneous list of CRs [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const kind = await makeConverted(scene);
    const v2 = client.of(refOf(kind.definition, 'v2'));
    await client.of(kind.ref).create(v1Of(kind, 'cr-instance-1', namespace));
    // From now on new objects are stored as v2.
    await edit(scene, kind, [
      { op: 'replace', path: '/spec/versions/0/storage', value: false },
      { op: 'replace', path: '/spec/versions/1/storage', value: true },
    ]);
    await until(async () => {
      const { status } = await client.of(definitions).get(kind.definition.metadata.name!);
      return status?.storedVersions?.includes('v2') ?? false;
    });
    await client.of(kind.ref).create(v1Of(kind, 'cr-instance-2', namespace));
    const inV1 = await client.of(kind.ref).list({ namespace });
    expect(inV1.items.map((one) => one['hostPort'])).toEqual(['localhost:8080', 'localhost:8080']);
    const inV2 = await v2.list({ namespace });
    expect(inV2.items.map((one) => [one['host'], one['port'], one['hostPort']])).toEqual([
      ['localhost', '8080', undefined],
      ['localhost', '8080', undefined],
    ]);
    await dropKind(scene, kind);
  },
);
