import { afterEach, expect, test } from 'vitest';
import type { ManagedFieldsEntry } from '#apimachinery/object.js';
import type { AdmissionPlugin } from '../admission/admission.js';
import { call, objectOf } from '../test-call.js';
import { startTestServer } from '../test-server.js';

let server: ReturnType<typeof startTestServer>;
afterEach(() => server.close());

/** Of a webhook that knows nothing of them. */
function leaving(entries: ManagedFieldsEntry[] | undefined): AdmissionPlugin {
  return {
    name: 'Test',
    handles: ({ operation }) => operation === 'CREATE',
    mutate({ object }) {
      object!.metadata.managedFields = entries;
    },
  };
}

const create = async (entries: ManagedFieldsEntry[] | undefined) => {
  server = startTestServer({ admission: [leaving(entries)] });
  const body = '{"metadata":{"name":"a"},"data":{"x":"1"}}';
  const outcome = await call(server.server, 'POST', '/api/v1/namespaces/default/configmaps', { body });
  const { metadata } = objectOf(outcome) as { metadata: { managedFields?: ManagedFieldsEntry[] } };
  return { warnings: outcome.warnings, managedFields: metadata.managedFields };
};

test('managedFields that admission leaves unreadable are as they were before, with a warning', async () => {
  const { warnings, managedFields } = await create([{ manager: 'm', operation: 'Bogus', apiVersion: 'v1' }]);
  expect(managedFields).toMatchObject([{ operation: 'Update', fieldsV1: { 'f:data': { 'f:x': {} } } }]);
  expect(warnings).toEqual([
    expect.stringMatching(/^\.metadata\.managedFields was in an invalid state after admission; .* fix your requests: /),
  ]);
});

test('managedFields that admission takes away are gone', async () => {
  expect(await create(undefined)).toEqual({ warnings: [], managedFields: undefined });
});
