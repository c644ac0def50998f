/** Reviews, which are answered and not kept, through the whole API server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestCluster, type TestCluster } from '#testing/index.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster({ nodes: 0, scheduler: false, controllers: [] });
});
afterAll(() => cluster.stop());

const local = 'authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews';
const others = 'authorization.k8s.io/v1/subjectaccessreviews';
const path = { path: '/x' };

async function post(url: string, body: object): Promise<Record<string, unknown>> {
  const kind = { localsubjectaccessreviews: 'LocalSubjectAccessReview', subjectaccessreviews: 'SubjectAccessReview' };
  const [group, version] = url.split('/');
  const named = (kind as Record<string, string>)[url.split('/').at(-1)!];
  const whole = { apiVersion: `${group}/${version}`, ...(named && { kind: named }), ...body };
  const request = { method: 'POST' as const, path: `/apis/${url}`, query: {}, body: whole };
  try {
    return (await cluster.client().transport.request(request)).body as Record<string, unknown>;
  } catch (error) {
    return (error as { status: Record<string, unknown> }).status;
  }
}

test('an answer says who set what of the question', async () => {
  const { metadata } = (await post(others, { spec: { user: 'u', nonResourceAttributes: path } })) as {
    metadata: { managedFields: { fieldsV1: unknown }[] };
  };
  const fields = { 'f:spec': { 'f:nonResourceAttributes': { '.': {}, 'f:path': {} }, 'f:user': {} } };
  expect(metadata.managedFields.map(({ fieldsV1 }) => fieldsV1)).toEqual([fields]);
});

test.each([
  [
    others,
    { spec: {} },
    '[spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid value: "": at least one of user or group must be specified]',
  ],
  [
    local,
    { spec: { user: 'u', nonResourceAttributes: path } },
    'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":""}: disallowed on this kind of request',
  ],
])('%s refuses what it cannot answer, and names no kind', async (url, body, why) => {
  expect(await post(url, body)).toMatchObject({ message: `.authorization.k8s.io "" is invalid: ${why}` });
});

test('rules and users are told without what was asked', async () => {
  const labels = { a: 'b' };
  const rules = await post('authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: { namespace: 'default' } });
  expect(rules).toMatchObject({ metadata: {}, spec: {} });
  const self = (await post('authentication.k8s.io/v1/selfsubjectreviews', { metadata: { labels } })) as {
    metadata: object;
  };
  expect(Object.keys(self.metadata)).toEqual(['creationTimestamp']);
});
