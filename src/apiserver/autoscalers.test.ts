/** HorizontalPodAutoscalers over HTTP, in both of the versions in which they are served. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import autoscalers from '#api/autoscaling/horizontalpodautoscaler/index.js';
import type { AnyResource } from '#api/resource.js';
import { startTestServer } from './test-server.js';

let test: ReturnType<typeof startTestServer>;
beforeEach(() => {
  test = startTestServer({ definitions: [autoscalers as AnyResource] });
});
afterEach(() => test.close());

const path = (version: string, name = '') =>
  `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers${name && `/${name}`}`;
// biome-ignore lint/suspicious/noExplicitAny: answers of two versions
const read = async (version: string): Promise<any> =>
  (await test.transport.request({ method: 'GET', path: path(version, 'web') })).body;

it('takes one in either version and gives it in both', async () => {
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  const spec = { scaleTargetRef, maxReplicas: 5, targetCPUUtilizationPercentage: 50 };
  const body = { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web' }, spec };
  const created = await test.transport.request({ method: 'POST', path: path('v1'), body });
  expect(created.body).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { ...spec, minReplicas: 1 } });
  const target = { type: 'Utilization', averageUtilization: 50 };
  const metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  expect(await read('v2')).toMatchObject({ apiVersion: 'autoscaling/v2', spec: { scaleTargetRef, metrics } });

  const pods = { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '100' } };
  const contentType = 'application/merge-patch+json';
  const change = { spec: { metrics: [...metrics, { type: 'Pods', pods }], minReplicas: 2 } };
  await test.transport.request({ method: 'PATCH', path: path('v2', 'web'), contentType, body: change });
  const old = await read('v1');
  expect(old.spec).toMatchObject({ minReplicas: 2, targetCPUUtilizationPercentage: 50 });
  expect(Object.keys(old.metadata.annotations)).toEqual(['autoscaling.alpha.kubernetes.io/metrics']);

  await test.transport.request({
    method: 'PATCH',
    path: path('v1', 'web'),
    contentType,
    body: { spec: { targetCPUUtilizationPercentage: 60 } },
  });
  const now = await read('v2');
  expect(now.spec.metrics.map(({ type }: { type: string }) => type)).toEqual(['Pods', 'Resource']);
  expect(now.spec.metrics[1].resource.target.averageUtilization).toBe(60);
  expect(now.metadata.annotations).toBeUndefined();
});

it('writes a status in either version', async () => {
  const spec = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5 };
  await test.transport.request({ method: 'POST', path: path('v2'), body: { metadata: { name: 'web' }, spec } });
  const status = { currentReplicas: 1, desiredReplicas: 2, currentCPUUtilizationPercentage: 30 };
  await test.transport.request({
    method: 'PATCH',
    path: `${path('v1', 'web')}/status`,
    contentType: 'application/merge-patch+json',
    body: { status },
  });
  expect((await read('v2')).status).toMatchObject({
    currentReplicas: 1,
    desiredReplicas: 2,
    currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 30 } } }],
  });
  expect((await read('v1')).status).toMatchObject(status);
});
