/** What writes answer about metadata that does not fit, and what they leave out of objects. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KubeObject } from '#apimachinery/object.js';
import { call, objectOf, type Sent, statusOf } from './test-call.js';
import { startTestServer } from './test-server.js';

let test: ReturnType<typeof startTestServer>;
beforeEach(() => {
  test = startTestServer();
});
afterEach(() => test.close());

const configMaps = '/api/v1/namespaces/default/configmaps';
const send = (method: string, target: string, sent?: Sent) => call(test.server, method, target, sent);
const post = (metadata: object) => send('POST', configMaps, { body: JSON.stringify({ metadata }) });
const put = (metadata: object) => send('PUT', `${configMaps}/a`, { body: JSON.stringify({ metadata }) });
const merge = (metadata: object) =>
  send('PATCH', `${configMaps}/a`, { body: JSON.stringify({ metadata }), type: 'application/merge-patch+json' });
const apply = (metadata: object) => {
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
  return send('PATCH', `${configMaps}/a?fieldManager=m`, { body, type: 'application/apply-patch+yaml' });
};
const nameless = {
  code: 400,
  message: 'the name of the object (a based on URL) was undeterminable: name must be provided',
};

it('wants the name of what is updated', async () => {
  expect(statusOf(await apply({}))).toEqual(nameless);
  await post({ name: 'a' });
  expect(statusOf(await put({}))).toEqual(nameless);
  expect(statusOf(await merge({ name: null }))).toEqual(nameless);
});

it('takes a uid for a precondition of a PUT, and for a change in a patch', async () => {
  await post({ name: 'a' });
  expect(statusOf(await put({ name: 'a', uid: 'x' }))).toEqual({
    code: 409,
    message: expect.stringContaining('Precondition failed: UID in precondition: x, UID in object meta: '),
  });
  const message = 'ConfigMap "a" is invalid: metadata.uid: Invalid value: "x": field is immutable';
  expect(statusOf(await merge({ uid: 'x' }))).toEqual({ code: 422, message });
});

it('does not create for who applies with a uid', async () => {
  expect(statusOf(await apply({ name: 'a', uid: 'x' }))).toEqual({
    code: 409,
    message:
      'Operation cannot be fulfilled on configmaps "a": uid mismatch: the provided object specified uid x, and no existing object was found',
  });
});

it('refuses to create what has a version, once all else is well', async () => {
  const message = 'resourceVersion should not be set on objects to be created';
  expect(statusOf(await post({ name: 'a', resourceVersion: '1' }))).toEqual({ code: 500, message });
  expect(statusOf(await post({ name: '-', resourceVersion: '1' })).code).toBe(422);
  for (const resourceVersion of ['0', '1.2', 'x'])
    expect(objectOf(await post({ generateName: 'a', resourceVersion }))).toMatchObject({ kind: 'ConfigMap' });
});

it('keeps nothing of what only the server sets, and lets nobody own it', async () => {
  const sent = { deletionTimestamp: '2020-01-01T00:00:00Z', deletionGracePeriodSeconds: 5, selfLink: '/x' };
  const { metadata } = objectOf(await post({ name: 'a', ...sent })) as KubeObject;
  expect(Object.keys(metadata).sort()).toEqual(['creationTimestamp', 'name', 'namespace', 'resourceVersion', 'uid']);
  expect(statusOf(await merge({ deletionTimestamp: '2020-01-01T00:00:00Z' })).message).toMatch(/field is immutable$/);
});

it('names an owner once, and tells who named it twice', async () => {
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' };
  const created = await post({ name: 'a', ownerReferences: [owner, owner, { ...owner, name: 'q' }] });
  const warning = (when: string) =>
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u`;
  expect(created.warnings).toEqual([warning('')]);
  expect((objectOf(created) as KubeObject).metadata.ownerReferences).toHaveLength(2);
  const patched = await merge({ ownerReferences: [owner, owner] });
  expect(patched.warnings).toEqual([warning(' after mutating admission happens')]);
});

it('forgets who set what when told so', async () => {
  await post({ name: 'a', labels: { x: 'y' } });
  for (const managedFields of [[], [{}]]) {
    expect((objectOf(await merge({ labels: { x: 'z' } })) as KubeObject).metadata.managedFields).toBeDefined();
    expect((objectOf(await merge({ managedFields })) as KubeObject).metadata.managedFields).toBeUndefined();
    await apply({ name: 'a', labels: { q: 'r' } });
  }
});
