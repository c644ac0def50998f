import { expect, test } from 'vitest';
import endpoints from '#api/core/endpoints.js';
import { MetricRegistry } from '#base/metrics.js';
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
