import { describe, expect, it } from 'vitest';
import podResource from '#api/core/pod/index.js';
import { VirtualClock } from '#base/clock.js';
import { type Answering, type Asked, jsonPatch, reviewed } from '../../webhook/test-webhook.js';
import type { WebhookSpec } from './source.js';
import { allow, config, configuration, everything, failure, hook, one, setUp } from './test-setup.js';

describe('ValidatingAdmissionWebhook', () => {
  it('shows the request whole, in the version that the webhook takes', async () => {
    const { configs, validating, test } = setUp();
    const target = await hook(allow);
    validating.put(configuration('c', one(target, { admissionReviewVersions: ['v2', 'v1beta1', 'v1'] })));
    await configs.create(config('x'));
    const [{ path, headers, body }] = target.asked as [Asked];
    expect(path).toBe('/check?timeout=10s');
    expect(headers['content-type']).toBe('application/json');
    expect(body).toMatchObject({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1beta1' });
    expect(body.request).toEqual({
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
      requestResource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'x',
      namespace: 'ns',
      operation: 'CREATE',
      userInfo: { username: 'tester' },
      object: expect.objectContaining({ kind: 'ConfigMap', data: { a: '1' } }),
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    });
    await configs.patch('x', { data: { b: '2' } }, { namespace: 'ns', type: 'merge' });
    await configs.delete('x', { namespace: 'ns' });
    const [, update, remove] = target.asked.map((asked) => asked.body.request);
    expect(update).toMatchObject({ operation: 'UPDATE', options: { kind: 'UpdateOptions' } });
    expect([update.object.data, update.oldObject.data]).toEqual([{ a: '1', b: '2' }, { a: '1' }]);
    expect(remove).toMatchObject({ operation: 'DELETE', object: null, options: { kind: 'DeleteOptions' } });
    expect(remove).toMatchObject({ name: 'x', oldObject: { data: { a: '1', b: '2' } } });
    await configs.create(config('y'));
    await test.transport.request({ method: 'DELETE', path: '/api/v1/namespaces/ns/configmaps' });
    const collective = target.asked.at(-1)!.body.request;
    expect(collective).toMatchObject({ operation: 'DELETE', oldObject: { metadata: { name: 'y' } } });
    expect(collective.name).toBeUndefined();
  });

  it.each<[object, number, string]>([
    [{ allowed: false }, 400, 'denied the request without explanation'],
    [{ allowed: false, status: { message: 'no', code: 403, reason: 'Forbidden' } }, 403, 'denied the request: no'],
    [{ allowed: false, status: { reason: 'Because', code: 200 } }, 400, 'denied the request: Because'],
  ])('refuses as it is told: %j', async (response, code, text) => {
    const { configs, validating, observed } = setUp();
    const target = await hook((asked) => reviewed(asked, response));
    validating.put(configuration('c', one(target)));
    const error = await failure(configs.create(config('x')));
    expect([error.code, error.message]).toEqual([code, `admission webhook "a.example.com" ${text}`]);
    expect(observed).toMatchObject([{ webhook: 'a.example.com', type: 'validating', rejected: true, code }]);
  });

  it.each<[string, Answering, string]>([
    [
      'another uid',
      (asked) => reviewed(asked, { uid: 'x' }),
      'received invalid webhook response: expected response.uid=',
    ],
    ['no response', ({ body }) => ({ apiVersion: body.apiVersion, kind: body.kind }), 'webhook response was absent'],
    [
      'no kind',
      ({ body }) => ({ response: { uid: body.request.uid, allowed: true } }),
      'received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=',
    ],
    [
      'the other version',
      ({ body }) => ({ apiVersion: 'admission.k8s.io/v1beta1', kind: body.kind, response: {} }),
      'failed to call webhook: converting (v1beta1.AdmissionReview) to (v1.AdmissionReview): unknown conversion',
    ],
    ['a patch', (asked) => reviewed(asked, jsonPatch({})), 'validating webhook may not return response.patch'],
    [
      'an error',
      (_, response) => {
        response.writeHead(500, { 'content-type': 'text/plain' }).end('oh\n');
      },
      'failed to call webhook: an error on the server ("oh") has prevented the request from succeeding',
    ],
    [
      'not found',
      (_, response) => {
        response.writeHead(404).end();
      },
      'failed to call webhook: the server could not find the requested resource',
    ],
    [
      'no JSON',
      (_, response) => {
        response.end('<html>');
      },
      "failed to call webhook: couldn't get version/kind; json parse error: ",
    ],
    [
      'nothing',
      (_, response) => {
        response.destroy();
      },
      'EOF',
    ],
  ])('fails closed, or open where it may: %s', async (_, answer, text) => {
    const { configs, validating, annotations } = setUp();
    const target = await hook(answer);
    validating.put(configuration('c', one(target)));
    const error = await failure(configs.create(config('x')));
    expect(error.message).toContain('Internal error occurred: failed calling webhook "a.example.com": ');
    expect(error.message).toContain(text);
    expect([error.code, error.status.details?.causes?.length]).toEqual([500, 1]);
    validating.put(configuration('c', one(target, { failurePolicy: 'Ignore' })));
    await configs.create(config('x'));
    expect(annotations['failed-open.validating.webhook.admission.k8s.io/round_0_index_0']).toBe('a.example.com');
  });

  it('tells why a webhook cannot be reached', async () => {
    const { configs, validating, servicePort } = setUp();
    const target = await hook(allow);
    const told = async (clientConfig: WebhookSpec['clientConfig']) => {
      validating.put(configuration('c', one(target, { clientConfig })));
      return (await failure(configs.create(config('x')))).message.split('failed to call webhook: ')[1];
    };
    const url = `https://127.0.0.1:${target.port}/`;
    expect(await told({ url })).toBe(
      `Post "${url}?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    );
    servicePort.number = target.port;
    const service = { namespace: 'other', name: 'hook', path: '/x' };
    expect(await told({ service, caBundle: target.caBundle })).toBe(
      'Post "https://hook.other.svc:443/x?timeout=10s": tls: failed to verify certificate: x509: certificate is valid for hook.ns.svc, 127.0.0.1, not hook.other.svc',
    );
    await target.close();
    expect(await told({ url })).toBe(
      `Post "${url}?timeout=10s": dial tcp 127.0.0.1:${target.port}: connect: connection refused`,
    );
  });

  it('reaches a service under its own name', async () => {
    const { configs, validating, servicePort } = setUp();
    const target = await hook(allow);
    servicePort.number = target.port;
    const service = { namespace: 'ns', name: 'hook', port: 8443, path: '/y' };
    validating.put(configuration('c', one(target, { clientConfig: { service, caBundle: target.caBundle } })));
    await configs.create(config('x'));
    expect(target.asked[0]).toMatchObject({ path: '/y?timeout=10s' });
  });

  it('waits no longer than the timeout', async () => {
    const clock = new VirtualClock();
    const { configs, validating } = setUp({ clock });
    let arrive = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const target = await hook(() => arrive());
    validating.put(configuration('c', one(target, { timeoutSeconds: 2 })));
    const late = failure(configs.create(config('x')));
    await arrived;
    await clock.advance(2000);
    expect((await late).message).toBe(
      `Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: Post "${target.url}/check?timeout=2s": context deadline exceeded`,
    );
  });

  it('is not asked about a dry run when it has effects', async () => {
    const { test, validating } = setUp();
    const target = await hook(allow);
    const create = () =>
      test.transport.request({
        method: 'POST',
        path: '/api/v1/namespaces/ns/configmaps',
        query: { dryRun: 'All' },
        body: config('x'),
      });
    validating.put(configuration('c', one(target, { sideEffects: 'NoneOnDryRun' })));
    await create();
    expect(target.asked[0]!.body.request.dryRun).toBe(true);
    validating.put(configuration('c', one(target, { sideEffects: 'Some' })));
    expect((await failure(create())).message).toBe('admission webhook "a.example.com" does not support dry run');
    expect(target.asked.length).toBe(1);
  });

  it('is asked with all others at once, and hands on warnings and annotations', async () => {
    const { test, validating, annotations } = setUp();
    let waiting: (() => void)[] = [];
    const both = (asked: Asked, response: Parameters<Answering>[1]) => {
      const tell = () =>
        response.end(JSON.stringify(reviewed(asked, { warnings: ['mind'], auditAnnotations: { k: 'v' } })));
      waiting.push(tell);
      if (waiting.length < 2) return;
      for (const go of waiting) go();
      waiting = [];
    };
    const target = await hook(both);
    validating.put(configuration('c', one(target), one(target, { name: 'b.example.com' })));
    const { warnings } = await test.server.pipeline.handle({
      method: 'POST',
      target: '/api/v1/namespaces/ns/configmaps',
      headers: { 'content-type': 'application/json' },
      credentials: { bearerToken: 'jane' },
      source: '',
      readBody: async () => ({ value: config('x') }),
      signal: new AbortController().signal,
    });
    expect(warnings).toEqual(['mind']);
    expect(annotations).toMatchObject({ 'a.example.com/k': 'v', 'b.example.com/k': 'v' });
  });
});

describe('which requests are shown', () => {
  it('goes by rules and selectors', async () => {
    const { configs, test, validating } = setUp();
    const target = await hook(allow);
    await test.registry
      .of<never>({ group: '', plural: 'namespaces' })
      .create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns', labels: { team: 'a' } } } as never, {
        user: { name: 'x', groups: [] },
        dryRun: false,
        subresource: '',
        manager: 'x',
        admission: 'done',
        options: {},
        warn() {},
        annotate() {},
      });
    let index = 0;
    const isAsked = async (extra: Partial<WebhookSpec>) => {
      validating.put(configuration('c', one(target, extra)));
      const before = target.asked.length;
      await configs.create(config(`x${index++}`, { labels: { app: 'web' } }));
      return target.asked.length > before;
    };
    const rule = (extra: object) => ({ rules: [{ ...everything[0]!, ...extra }] });
    expect(await isAsked(rule({ resources: ['configmaps'] }))).toBe(true);
    expect(await isAsked(rule({ resources: ['*'] }))).toBe(true);
    expect(await isAsked(rule({ resources: ['configmaps/*'] }))).toBe(true);
    expect(await isAsked(rule({ resources: ['configmaps/status', 'pods'] }))).toBe(false);
    expect(await isAsked(rule({ operations: ['UPDATE'] }))).toBe(false);
    expect(await isAsked(rule({ apiGroups: ['apps'] }))).toBe(false);
    expect(await isAsked(rule({ apiVersions: ['v1'], scope: 'Namespaced' }))).toBe(true);
    expect(await isAsked(rule({ scope: 'Cluster' }))).toBe(false);
    expect(await isAsked({ objectSelector: { matchLabels: { app: 'web' } } })).toBe(true);
    expect(await isAsked({ objectSelector: { matchLabels: { app: 'db' } } })).toBe(false);
    expect(await isAsked({ namespaceSelector: { matchLabels: { team: 'a' } } })).toBe(true);
    expect(
      await isAsked({ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] } }),
    ).toBe(false);
  });

  it.each<[string, string, boolean | string]>([
    ['true', 'false', false],
    ["object.metadata.name.startsWith('x')", 'request.operation == "CREATE"', true],
    ["authorizer.group('').resource('configmaps').namespace('ns').check('get').allowed()", 'true', true],
    ["authorizer.requestResource.check('delete').allowed()", 'true', false],
    ['object.nothing == 1', 'false', false],
    ['object.nothing == 1', 'true', "expression 'object.nothing == 1' resulted in error: no such key: nothing"],
  ])('goes by conditions: %s, %s', async (first, second, expected) => {
    const { configs, validating } = setUp();
    const target = await hook(allow);
    const matchConditions = [first, second].map((expression, index) => ({ name: `c${index}`, expression }));
    validating.put(configuration('c', one(target, { matchConditions })));
    const created = configs.create(config('x'));
    if (typeof expected === 'string')
      expect((await failure(created)).message).toBe(`configmaps "x" is forbidden: ${expected}`);
    else await created;
    expect(target.asked.length > 0).toBe(expected === true);
  });

  it('shows a subresource with the kind of its body', async () => {
    const { test, validating } = setUp();
    const target = await hook(allow);
    const pods = test.client.of(podResource);
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await pods.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'ns' }, spec } as never);
    validating.put(configuration('c', one(target, { rules: [{ ...everything[0]!, resources: ['pods/status'] }] })));
    const patch = { status: { phase: 'Running' } };
    await pods.patch('p', patch, { namespace: 'ns', type: 'merge', subresource: 'status' });
    expect(target.asked[0]!.body.request).toMatchObject({
      subResource: 'status',
      requestSubResource: 'status',
      kind: { kind: 'Pod' },
    });
  });
});
