import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ManagedFieldsEntry } from '#apimachinery/object.js';
import { call, objectOf, statusOf } from '../test-call.js';
import { startTestServer } from '../test-server.js';
import { scaleHandler } from './scale.js';

const path = '/apis/apps/v1/namespaces/default/deployments';
let server: ReturnType<typeof startTestServer>;
beforeEach(() => {
  server = startTestServer({ subresources: [scaleHandler] });
});
afterEach(() => server.close());

const labels = { app: 'web' };
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
};

const apply = (target: string, body: unknown) =>
  call(server.server, 'PATCH', target, { type: 'application/apply-patch+yaml', body: JSON.stringify(body) });
const scale = (query: string, spec: object) =>
  apply(`${path}/web/scale?${query}`, {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'web' },
    spec,
  });

async function managers(): Promise<[name: string, subresource: string | undefined, hasReplicas: boolean][]> {
  const { metadata } = objectOf(await call(server.server, 'GET', `${path}/web`)) as {
    metadata: { managedFields: ManagedFieldsEntry[] };
  };
  return metadata.managedFields.map(({ manager, subresource, fieldsV1 }) => [
    manager!,
    subresource,
    JSON.stringify(fieldsV1).includes('f:replicas'),
  ]);
}

test('an apply of a Scale takes the replicas of the object from their manager, by force or by saying the same', async () => {
  await apply(`${path}/web?fieldManager=owner`, deployment);
  expect(statusOf(await scale('fieldManager=scaler', { replicas: 5 }))).toEqual({
    code: 409,
    message: 'Apply failed with 1 conflict: conflict with "owner": .spec.replicas',
  });
  expect(objectOf(await scale('fieldManager=scaler', { replicas: 2 }))).toMatchObject({ spec: { replicas: 2 } });
  expect(await managers()).toEqual([
    ['scaler', 'scale', true],
    ['owner', undefined, true],
  ]);
  expect(objectOf(await scale('fieldManager=scaler&force=true', { replicas: 5 }))).toMatchObject({
    kind: 'Scale',
    spec: { replicas: 5 },
  });
  expect(await managers()).toEqual([
    ['scaler', 'scale', true],
    ['owner', undefined, false],
  ]);
});

test('who updated the object holds the replicas apart once its Scale is applied', async () => {
  await call(server.server, 'POST', `${path}?fieldManager=owner`, { body: JSON.stringify(deployment) });
  await scale('fieldManager=scaler', { replicas: 2 });
  expect(await managers()).toEqual([
    ['scaler', 'scale', true],
    ['owner', undefined, true],
    ['owner', undefined, false],
  ]);
});

test('a Scale of none leaves the replicas out', async () => {
  await apply(`${path}/web?fieldManager=owner`, { ...deployment, spec: { ...deployment.spec, replicas: 0 } });
  expect(objectOf(await call(server.server, 'GET', `${path}/web/scale`))).toMatchObject({ kind: 'Scale', spec: {} });
  expect(objectOf(await call(server.server, 'GET', `${path}/web/scale`))).not.toHaveProperty('spec.replicas');
});

test('an update of a Scale moves the replicas to its manager, once, and takes none along that are the same', async () => {
  await call(server.server, 'POST', `${path}?fieldManager=owner`, { body: JSON.stringify(deployment) });
  const put = (replicas: number) => {
    const body = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'web' }, spec: { replicas } };
    return call(server.server, 'PUT', `${path}/web/scale?fieldManager=scaler`, { body: JSON.stringify(body) });
  };
  await put(3);
  expect(await managers()).toEqual([
    ['scaler', 'scale', true],
    ['owner', undefined, false],
  ]);
  await put(3);
  expect(await managers()).toHaveLength(2);
});
