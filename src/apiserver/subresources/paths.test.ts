import { afterAll, beforeAll, expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.js';
import { call, statusOf } from '../test-call.js';
import { startTestServer } from '../test-server.js';
import { evictionHandler } from './eviction.js';

const clock = new VirtualClock();
const { server } = startTestServer({ clock, subresources: [evictionHandler({ clock })] });
const namespaces = '/api/v1/namespaces';
const unknown = 'the server could not find the requested resource';
const method = 'the server does not allow this method on the requested resource';

beforeAll(async () => {
  await call(server, 'POST', namespaces, { body: '{"metadata":{"name":"one"}}' });
});
afterAll(() => server.close());

test.each([
  ['HEAD', `${namespaces}/one/pods/p/nothing`, 404, unknown],
  ['GET', `${namespaces}/one/finalize/x`, 404, unknown],
  ['GET', `${namespaces}/one/pods/p/status/x`, 404, unknown],
  ['GET', `${namespaces}/one/finalize`, 405, method],
  ['HEAD', `${namespaces}/one/pods/p/status`, 405, method],
])('%s %s is refused with %s', async (verb, path, code, message) => {
  expect(statusOf(await call(server, verb, path))).toEqual({ code, message });
});

test('the finalizers of a namespace have names of their own kind', async () => {
  const body = JSON.stringify({ metadata: { name: 'one' }, spec: { finalizers: ['example.com/mine', 'nodomain'] } });
  expect(statusOf(await call(server, 'PUT', `${namespaces}/one/finalize`, { body }))).toEqual({
    code: 422,
    message:
      'Namespace "one" is invalid: spec.finalizers[1]: Invalid value: "nodomain": name is neither a standard finalizer name nor is it fully qualified',
  });
});

test.each([
  ['policy/v1', 404, 'pods "p" not found'],
  ['policy/v1beta1', 404, 'pods "p" not found'],
  [
    'policy/v1beta2',
    400,
    'Eviction in version "v1beta2" cannot be handled as a Eviction: no kind "Eviction" is registered for version "policy/v1beta2" in scheme "pkg/api/legacyscheme/scheme.go:30"',
  ],
])('an eviction of %s', async (apiVersion, code, message) => {
  const body = JSON.stringify({ apiVersion, kind: 'Eviction', metadata: { name: 'p' } });
  expect(statusOf(await call(server, 'POST', `${namespaces}/one/pods/p/eviction`, { body }))).toEqual({
    code,
    message,
  });
});
