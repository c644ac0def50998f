import { afterEach, describe, expect, it, test } from 'vitest';
import { StatusError } from '#apimachinery/errors.js';
import { VirtualClock } from '#base/clock.js';
import { SeededPrng } from '#base/prng.js';
import { WebhookClient } from '../webhook/client.js';
import { startTestWebhook, type TestWebhook } from '../webhook/test-webhook.js';
import { webhookConverters } from './conversion.js';
import {
  type CustomResourceServer,
  crdPath,
  type Loose,
  startCustomResources,
  widget,
  widgetCrd,
  widgets,
} from './test-custom-resources.js';

let server: CustomResourceServer;
let webhook: TestWebhook | undefined;
afterEach(async () => {
  await server.close();
  await webhook?.close();
  webhook = undefined;
});

const widgets2 = widgets.replace('/v1/', '/v2/');

function twoVersions(): Loose {
  const crd: Loose = widgetCrd({ size: { type: 'integer' }, def: { type: 'string', default: 'one' } });
  const properties = { big: { type: 'integer', maximum: 100 }, def: { type: 'string', default: 'two' } };
  const [second] = widgetCrd(properties, { name: 'v2', storage: false }).spec.versions;
  crd.spec.versions.push(second);
  return crd;
}

describe('without a strategy', () => {
  it('each version prunes and defaults what is stored by its own schema', async () => {
    server = await startCustomResources();
    const { send, define } = server;
    await define(twoVersions());
    await send('POST', widgets, widget({ size: 1 }));
    expect((await send('GET', `${widgets2}/a`)).spec).toEqual({ def: 'one' });
    await send('POST', widgets2, { ...widget({ big: 2 }), apiVersion: 'example.com/v2', metadata: { name: 'b' } });
    expect((await send('GET', `${widgets2}/b`)).spec).toEqual({ def: 'two' });
  });

  it('objects are stored anew in the version to store when they are written', async () => {
    server = await startCustomResources();
    const { send, define } = server;
    const crd = structuredClone(await define(twoVersions()));
    await send('POST', widgets, widget({ size: 1 }));
    for (const version of crd.spec.versions) version.storage = version.name === 'v2';
    const changed = await send('PUT', `${crdPath}/widgets.example.com`, crd);
    expect(changed.status.storedVersions).toEqual(['v1', 'v2']);
    await new Promise((resolve) => setImmediate(resolve));
    expect((await send('GET', `${widgets}/a`)).spec).toEqual({ size: 1, def: 'one' });
    await send('PATCH', `${widgets2}/a`, { metadata: { labels: { a: 'b' } } }, 'application/merge-patch+json');
    expect((await send('GET', `${widgets}/a`)).spec).toEqual({ def: 'one' });
  });
});

/** As the webhook answers: every object converted, then spoilt. */
async function startWithWebhook(spoil: (review: Loose) => void) {
  webhook = await startTestWebhook(({ body }) => {
    const { uid, desiredAPIVersion, objects } = body.request;
    const convertedObjects = objects.map((given: Loose) => {
      const { size, big, ...spec } = given.spec;
      if (desiredAPIVersion.endsWith('v2')) spec.big = big ?? size;
      else spec.size = size ?? big;
      return { ...given, apiVersion: desiredAPIVersion, spec };
    });
    const review = {
      apiVersion: body.apiVersion,
      kind: 'ConversionReview',
      response: { uid, convertedObjects, result: { status: 'Success' } },
    };
    spoil(review);
    return review;
  });
  const client = new WebhookClient({
    clock: new VirtualClock(),
    resolveService: () => Promise.reject(new Error('no service')),
  });
  server = await startCustomResources({ converters: webhookConverters({ client, prng: new SeededPrng(3) }) });
  const crd = twoVersions();
  const { url, caBundle } = webhook;
  crd.spec.conversion = {
    strategy: 'Webhook',
    webhook: { conversionReviewVersions: ['v1'], clientConfig: { url, caBundle } },
  };
  await server.define(crd);
  return server;
}

describe('a webhook', () => {
  it('converts what is read and what is written', async () => {
    const { send } = await startWithWebhook(() => {});
    await send('POST', widgets, widget({ size: 1 }));
    expect(webhook!.asked).toHaveLength(0);
    expect(await send('GET', `${widgets2}/a`)).toMatchObject({
      apiVersion: 'example.com/v2',
      spec: { big: 1, def: 'one' },
    });
    const b = { ...widget({ big: 2 }), apiVersion: 'example.com/v2', metadata: { name: 'b' } };
    expect(await send('POST', widgets2, b)).toMatchObject({ spec: { big: 2, def: 'two' } });
    expect((await send('GET', `${widgets}/b`)).spec).toEqual({ size: 2, def: 'two' });
    const calls = webhook!.asked.length;
    const list = await send('GET', widgets2);
    expect(list.items.map(({ spec }: Loose) => spec.big)).toEqual([1, 2]);
    // What has been converted is not asked for again.
    expect(webhook!.asked.length).toBe(calls);
    const patch = { spec: { big: 3 } };
    expect(await send('PATCH', `${widgets2}/a`, patch, 'application/merge-patch+json')).toMatchObject({
      spec: { big: 3 },
      metadata: { generation: 2 },
    });
    expect((await send('GET', `${widgets}/a`)).spec.size).toBe(3);
  });

  it('may change labels and annotations, and nothing else of metadata', async () => {
    const { send } = await startWithWebhook(({ response }) => {
      for (const object of response.convertedObjects)
        object.metadata = { ...object.metadata, labels: { a: 'b' }, finalizers: ['a/b'], resourceVersion: '1' };
    });
    const { metadata: before } = await send('POST', widgets, widget({ size: 1 }));
    const { metadata } = await send('GET', `${widgets2}/a`);
    expect(metadata).toEqual({ ...before, labels: { a: 'b' } });
  });
});

// As the API server of Kubernetes 1.36 answers.
test.each<[string, (review: Loose) => void]>([
  ['returned invalid object: must have the same name: a != x', ({ response }) => rename(response, { name: 'x' })],
  ['returned invalid object: must have the same name: a != ', ({ response }) => rename(response, undefined)],
  [
    'returned invalid object at index 0: invalid kind (expected Widget, received Other)',
    ({ response }) => Object.assign(response.convertedObjects[0], { kind: 'Other' }),
  ],
  [
    'returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v9)',
    ({ response }) => Object.assign(response.convertedObjects[0], { apiVersion: 'example.com/v9' }),
  ],
  ['returned 0 objects, expected 1', ({ response }) => response.convertedObjects.pop()],
  ['failed: sorry', ({ response }) => Object.assign(response.result, { status: 'Failure', message: 'sorry' })],
  [
    "failed: response.result.status was 'Failure', not 'Success'",
    ({ response }) => Object.assign(response.result, { status: 'Failure' }),
  ],
  ['failed: no response provided', (review) => delete review.response],
  [
    'failed: no kind "Foo" is registered for version "apiextensions.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"',
    (review) => Object.assign(review, { kind: 'Foo' }),
  ],
])('conversion %s', async (message, spoil) => {
  const { send } = await startWithWebhook(spoil);
  await send('POST', widgets, widget({ size: 1 }));
  const error = await send('GET', `${widgets2}/a`).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(StatusError);
  expect((error as StatusError).status).toMatchObject({
    code: 500,
    message: `conversion webhook for example.com/v1, Kind=Widget ${message}`,
  });
});

function rename(response: Loose, metadata: object | undefined): void {
  const [object] = response.convertedObjects;
  object.metadata = metadata && { ...object.metadata, ...metadata };
}
