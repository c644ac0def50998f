/** What the server's metrics tell of controllers and the scheduler, on a cluster in which they have worked. */
import { afterEach, expect, test } from 'vitest';
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';

let cluster: TestCluster | undefined;
afterEach(() => cluster?.stop());

test('looks at Jobs and services, pods that were counted and attempts to schedule are in /metrics', async () => {
  cluster = await startTestCluster({ nodes: 1 });
  const client = cluster.client();
  await client.of(jobs).create({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'work', namespace: 'default' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'v1' }] } } },
  });
  await client.of(services).create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  });
  await cluster.until(async () => {
    const [pod] = (await client.of(pods).list({ namespace: 'default' })).items;
    return pod?.spec.nodeName !== undefined;
  });
  const { body } = await client.transport.request({ method: 'GET', path: '/metrics' });
  const text = String(body);
  for (const line of [
    'job_controller_job_pods_creation_total{reason="new",status="succeeded"} 1',
    'job_controller_job_syncs_total{action="pods_created",completion_mode="NonIndexed",result="success"} 1',
    'endpoint_slice_controller_changes{operation="create"} 1',
    'scheduler_pod_scheduling_attempts_count 1',
    'scheduler_pod_scheduling_sli_duration_seconds_count{attempts="1"} 1',
    'scheduler_cache_size{type="nodes"} 1',
    'scheduler_preemption_attempts_total 0',
    'taint_eviction_controller_pod_deletions_total 0',
    'kubernetes_feature_enabled{name="WatchList",stage="BETA"} 1',
    'apiserver_audit_event_total 0',
  ])
    expect(text).toContain(`${line}\n`);
});
