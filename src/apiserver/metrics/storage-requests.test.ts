import { expect, test } from 'vitest';
import configmaps from '#api/core/configmap.js';
import { VirtualClock } from '#base/clock.js';
import { MetricRegistry } from '#base/metrics.js';
import { openMemoryStore } from '#storage/memory.js';
import { observedStore } from '../registry/observed-store.js';
import { startTestServer } from '../test-server.js';
import { StorageRequests } from './storage-requests.js';
import { addStoreMetrics } from './store-metrics.js';

test('requests to the store are counted by operation and resource, and what failed among them', async () => {
  const metrics = new MetricRegistry();
  const requests = new StorageRequests(metrics, new VirtualClock());
  const store = observedStore(openMemoryStore(), requests.of(configmaps));
  const { revision } = (await store.put('/a', new Uint8Array([1]), 0)) as { revision: number };
  await store.put('/a', new Uint8Array([2]), revision);
  await store.get('/a');
  await store.range('/');
  await expect(store.get('/a', { revision: 99 })).rejects.toThrow();
  const text = metrics.expose();
  for (const [operation, count] of Object.entries({ create: 1, update: 1, get: 2, list: 1 })) {
    expect(text).toContain(`etcd_requests_total{group="",operation="${operation}",resource="configmaps"} ${count}\n`);
    expect(text).toContain(
      `etcd_request_duration_seconds_count{group="",operation="${operation}",resource="configmaps"} ${count}\n`,
    );
  }
  expect(text).toContain('etcd_request_errors_total{group="",operation="get",resource="configmaps"} 1\n');
  await store.close();
});

test('lists tell what they looked at and what they gave, from memory and from the store', async () => {
  const server = startTestServer();
  try {
    const metrics = new MetricRegistry();
    addStoreMetrics(metrics, () => server.registry);
    const maps = server.client.of(configmaps);
    for (const name of ['a', 'b', 'c'])
      await maps.create({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'default', labels: { name } },
      });
    await maps.list({ labelSelector: 'name=a' });
    await server.transport.request({
      method: 'GET',
      path: '/api/v1/configmaps',
      query: { limit: '2', labelSelector: 'name!=x' },
    });
    const text = metrics.expose();
    const of = (name: string, index = '') => `${name}{group="",${index}resource="configmaps"}`;
    expect(text).toContain(`${of('apiserver_cache_list_total', 'index="",')} 2\n`);
    expect(text).toContain(`${of('apiserver_cache_list_fetched_objects_total', 'index="",')} 6\n`);
    expect(text).toContain(`${of('apiserver_cache_list_returned_objects_total')} 4\n`);
    expect(text).toContain(`${of('apiserver_storage_list_total')} 2\n`);
    // To fill the memory was a list of three.
    expect(text).toContain(`${of('apiserver_storage_list_returned_objects_total')} 5\n`);
    expect(text).toContain(`${of('apiserver_watch_cache_initializations_total')} 1\n`);
  } finally {
    await server.close();
  }
});
