/** What is answered to bodies with faults, as callers over HTTP see it. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { call, statusOf } from './test-call.js';
import { startTestServer } from './test-server.js';

let test: ReturnType<typeof startTestServer>;
beforeEach(() => {
  test = startTestServer();
});
afterEach(() => test.close());

const configMaps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const deployment = JSON.stringify({
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'b' }] } },
  },
});

const send = (method: string, target: string, sent: { body: string; type: string }) =>
  call(test.server, method, target, sent);

const yaml = (body: string) => ({ body, type: 'application/yaml' });
const twice = 'metadata:\n  name: a\ndata:\n  x: "1"\n  x: "2"\nfoo: 1\n';

it('tells keys that a YAML body gives twice', async () => {
  const strict = await send('POST', `${configMaps}?fieldValidation=Strict`, yaml(twice));
  expect(statusOf(strict)).toEqual({
    code: 400,
    message:
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:\n  line 5: key "x" already set in map, unknown field "foo"',
  });
  const warn = await send('POST', configMaps, yaml(twice));
  expect(warn.error).toBeUndefined();
  expect(warn.warnings).toEqual(['line 5: key "x" already set in map', 'unknown field "foo"']);
  const ignored = await send('POST', `${configMaps}?fieldValidation=Ignore`, yaml(twice.replace('name: a', 'name: b')));
  expect([ignored.error, ignored.warnings]).toEqual([undefined, []]);
});

it('shows the body that it cannot read', async () => {
  expect(statusOf(await send('POST', configMaps, yaml('- a')))).toEqual({
    code: 400,
    message: expect.stringMatching(
      /^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: json: cannot unmarshal array .* \(2d2061\)$/,
    ),
  });
  expect(statusOf(await send('POST', configMaps, yaml('a: *x')))).toEqual({
    code: 400,
    message:
      "the object provided is unrecognized (must be of type ConfigMap): yaml: unknown anchor 'x' referenced (613a202a78)",
  });
});

it('calls a patch invalid whose outcome cannot be decoded', async () => {
  await send('POST', deployments, { body: deployment, type: 'application/json' });
  const patch = (body: object, type: string, query = '') =>
    send('PATCH', `${deployments}/web${query}`, { body: JSON.stringify(body), type: `application/${type}+json` });
  const wrong = { spec: { replicas: 'many' } };
  const merge = statusOf(await patch(wrong, 'merge-patch'));
  expect(merge.code).toBe(422);
  expect(merge.message).toMatch(
    /^ "" is invalid: patch: Invalid value: "\{.*\\"replicas\\":\\"many\\".*\}": json: cannot/,
  );
  const strategic = statusOf(await patch(wrong, 'strategic-merge-patch'));
  expect(strategic.code).toBe(422);
  expect(strategic.message).toMatch(/^ "" is invalid: patch: Invalid value: "map\[spec:map\[replicas:many\]\]": /);
  const unknown = statusOf(await patch({ spec: { foo: 1 } }, 'merge-patch', '?fieldValidation=Strict'));
  expect(unknown.code).toBe(422);
  expect(unknown.message).toMatch(/": strict decoding error: unknown field "spec.foo"$/);
  const warned = await patch({ spec: { foo: 1 } }, 'strategic-merge-patch');
  expect([warned.error, warned.warnings]).toEqual([undefined, ['unknown field "spec.foo"']]);
});

it('tells keys that a patch gives twice', async () => {
  await send('POST', configMaps, yaml('metadata: {name: a}'));
  const body = '{"data":{"x":"1","x":"2"}}';
  const type = 'application/merge-patch+json';
  const strict = statusOf(await send('PATCH', `${configMaps}/a?fieldValidation=Strict`, { body, type }));
  expect(strict.code).toBe(422);
  expect(strict.message).toMatch(/": strict decoding error: duplicate field "data.x"$/);
  expect((await send('PATCH', `${configMaps}/a`, { body, type })).warnings).toEqual(['duplicate field "data.x"']);
});

it('tells keys that an applied document gives twice', async () => {
  const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata:\n  x: "1"\n  x: "2"\n';
  const type = 'application/apply-patch+yaml';
  const apply = (query: string, text = body) =>
    send('PATCH', `${configMaps}/b?fieldManager=t${query}`, { body: text, type });
  expect(statusOf(await apply('&fieldValidation=Strict'))).toEqual({
    code: 400,
    message:
      'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 6: key "x" already set in map',
  });
  expect((await apply('')).warnings).toEqual(['line 6: key "x" already set in map']);
  expect(statusOf(await apply('', '- a'))).toEqual({
    code: 400,
    message:
      'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}',
  });
});
