import { expect, test } from 'vitest';
import endpoints from '#api/core/endpoints.js';
import { MetricRegistry } from '#base/metrics.js';
import { parseRequestInfo } from '../request-info.js';
import { startTestServer } from '../test-server.js';
import { RequestMetrics } from './request-metrics.js';

test('requests are counted by what they ask for; what is not served gets no series', async () => {
  const registry = new MetricRegistry();
  const { client, transport, close } = startTestServer({ metrics: new RequestMetrics(registry) });
  const maps = { group: '', versions: ['v1'], plural: 'configmaps', kind: 'ConfigMap', namespaced: true } as const;
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } };
  await client.of(maps).create(map, { dryRun: true });
  await client.of(maps).create(map);
  await client
    .of(maps)
    .create(map)
    .catch(() => {});
  await client.of(maps).get('a', { namespace: 'default' });
  await client.of(maps).list({ namespace: 'default' });
  await client.of(maps).list();
  await client
    .of(maps)
    .patch('a', { ...map, data: { a: 'b' } }, { type: 'apply', namespace: 'default', fieldManager: 'm' });
  const path = '/api/v1/namespaces/default/configmaps/a/nonsense';
  await transport.request({ method: 'GET', path }).catch(() => {});
  await transport.request({ method: 'GET', path: '/apis/none/v1/things' }).catch(() => {});
  const lines = registry
    .expose()
    .split('\n')
    .filter((line) => line.startsWith('apiserver_request_total'));
  const series = (verb: string, scope: string, { code, dryRun = '' }: { code: number; dryRun?: string }) =>
    `apiserver_request_total{code="${code}",component="apiserver",dry_run="${dryRun}",group="",resource="configmaps",` +
    `scope="${scope}",subresource="",verb="${verb}",version="v1"} 1`;
  expect(lines.sort()).toEqual(
    [
      series('APPLY', 'resource', { code: 200 }),
      series('GET', 'resource', { code: 200 }),
      series('LIST', 'cluster', { code: 200 }),
      series('LIST', 'namespace', { code: 200 }),
      series('POST', 'resource', { code: 201 }),
      series('POST', 'resource', { code: 201, dryRun: 'All' }),
      series('POST', 'resource', { code: 409 }),
    ].sort(),
  );
  await close();
});

test('sizes are counted of bodies, of answers to GET and LIST, and of events', () => {
  const registry = new MetricRegistry();
  const metrics = new RequestMetrics(registry);
  const ask = (method: string, path: string, bodyBytes?: number) => {
    const info = parseRequestInfo(method, path);
    return { info, sizes: metrics.answered(info, { code: 200, seconds: 0.02, isApply: false, bodyBytes }) };
  };
  const maps = '/api/v1/namespaces/one/configmaps';
  ask('GET', `${maps}/a`).sizes!.observe(300);
  ask('GET', maps).sizes!.observe(30_000);
  const made = ask('POST', maps, 70_000);
  expect(made.sizes).toBeUndefined();
  const events = metrics.sizes.ofEvents(made.info.resource!);
  for (const bytes of [200, 2000]) events.observe(bytes);
  metrics.handshakeFailed();
  metrics.ofClients('GET', { code: 404, seconds: 0.1 });
  metrics.ofClients('GET', { code: 404, seconds: 0.1 });
  metrics.access.certificate(3 * 24 * 3600);
  const text = registry.expose();
  const labels = (verb: string, scope: string) =>
    `{component="apiserver",group="",resource="configmaps",scope="${scope}",subresource="",verb="${verb}",version="v1"`;
  for (const line of [
    `apiserver_response_sizes_bucket${labels('GET', 'resource')},le="1000"} 1`,
    `apiserver_response_sizes_bucket${labels('LIST', 'namespace')},le="10000"} 0`,
    `apiserver_response_sizes_bucket${labels('LIST', 'namespace')},le="100000"} 1`,
    `apiserver_request_slo_duration_seconds_bucket${labels('GET', 'resource')},le="0.05"} 1`,
    'apiserver_request_body_size_bytes_bucket{group="",resource="configmaps",verb="create",le="50000"} 0',
    'apiserver_request_body_size_bytes_bucket{group="",resource="configmaps",verb="create",le="150000"} 1',
    'apiserver_watch_events_sizes_bucket{group="",resource="configmaps",version="v1",le="1024"} 1',
    'apiserver_watch_events_total{group="",resource="configmaps",version="v1"} 2',
    'apiserver_tls_handshake_errors_total 1',
    'rest_client_requests_total{code="404",host="loopback",method="GET"} 2',
    'apiserver_client_certificate_expiration_seconds_bucket{le="172800"} 0',
    'apiserver_client_certificate_expiration_seconds_bucket{le="345600"} 1',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
});

test('a watch is counted while it lasts', async () => {
  const registry = new MetricRegistry();
  const { client, close } = startTestServer({ metrics: new RequestMetrics(registry) });
  const maps = { group: '', versions: ['v1'], plural: 'configmaps', kind: 'ConfigMap', namespaced: true } as const;
  const running = () => /^apiserver_longrunning_requests\{.*verb="WATCH".*\} (\d+)$/m.exec(registry.expose())?.[1];
  const stop = new AbortController();
  await client.of(maps).create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } });
  for await (const _ of client.of(maps).watch({ signal: stop.signal })) {
    expect(running()).toBe('1');
    stop.abort();
  }
  expect(running()).toBe('0');
  await close();
});

test('what is decided of requests is counted, by result, and what they ask for that will go', async () => {
  const registry = new MetricRegistry();
  const metrics = new RequestMetrics(registry);
  const { client, close } = startTestServer({ metrics, definitions: [endpoints] });
  await client.of(endpoints).list();
  metrics.access.authenticated('success', { seconds: 0.0015, user: 'jane@example.com' });
  metrics.access.authenticated('success', { seconds: 0.1, user: 'system:node:a' });
  metrics.access.authenticated('failure', { seconds: 0 });
  metrics.access.authorized({ decision: 'no opinion', reason: '' }, 0);
  metrics.access.authorized({ decision: 'deny', reason: '', error: new Error('x') }, 0);
  const text = registry.expose();
  const wanted = [
    'apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",version="v1"} 1',
    'authenticated_user_requests{username="email_id"} 1',
    'authenticated_user_requests{username="other"} 1',
    'authentication_attempts{result="failure"} 1',
    'authentication_attempts{result="success"} 2',
    'authentication_duration_seconds_bucket{result="success",le="0.001"} 0',
    'authentication_duration_seconds_bucket{result="success",le="0.002"} 1',
    'authorization_attempts_total{result="allowed"} 1',
    'authorization_attempts_total{result="error"} 1',
    'authorization_attempts_total{result="no-opinion"} 1',
  ];
  expect(text.split('\n').filter((line) => wanted.includes(line))).toEqual(wanted);
  await close();
});
