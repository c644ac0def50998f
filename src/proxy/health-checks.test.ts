/** Health check ports: what is counted, what is answered, and which ports are open. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { silentLog } from '#base/log.js';
import { HealthCheckPorts, healthChecks } from './health-checks.js';

const balanced = (port: number): Service =>
  ({
    metadata: { name: 'web', namespace: 'shop' },
    spec: { type: 'LoadBalancer', clusterIP: '10.96.0.7', externalTrafficPolicy: 'Local', healthCheckNodePort: port },
  }) as Service;

const slice = (...endpoints: NonNullable<EndpointSlice['endpoints']>): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web-x', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  endpoints,
  ports: [{ name: '', port: 8080 }],
});

const endpoint = (ip: string, nodeName: string, ready = true) => ({
  addresses: [ip],
  nodeName,
  conditions: { ready, serving: true, terminating: !ready },
});

const here = { nodeName: 'here' };
const counted = (...slices: EndpointSlice[]) => healthChecks([balanced(30_500)], slices, here).get('shop/web');

test('ready addresses on this node count, each once; those that end do not', () => {
  const ending = endpoint('10.244.0.4', 'here', false);
  const local = endpoint('10.244.0.2', 'here');
  expect(counted(slice(local, endpoint('10.244.1.3', 'there'), ending), slice(local))?.localEndpoints).toBe(1);
  expect(counted(slice(ending))?.localEndpoints).toBe(0);
  expect(counted()).toEqual({ namespace: 'shop', name: 'web', port: 30_500, localEndpoints: 0 });
});

test('services that ask for none, or are those of another proxy, have none', () => {
  const others = balanced(30_500);
  others.metadata.labels = { 'service.kubernetes.io/service-proxy-name': 'other' };
  const plain = balanced(30_500);
  delete plain.spec.healthCheckNodePort;
  expect(healthChecks([others, plain], [slice(endpoint('10.244.0.2', 'here'))], here).size).toBe(0);
});

let isProxyHealthy = true;
const ports = new HealthCheckPorts({ log: silentLog, isProxyHealthy: () => isProxyHealthy });
afterEach(() => ports.stop());

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a port answers as things are, until the service is gone', async () => {
  const port = await freePort();
  const check = (...endpoints: NonNullable<EndpointSlice['endpoints']>) =>
    ports.sync(healthChecks([balanced(port)], [slice(...endpoints)], here));
  const ask = () => fetch(`http://127.0.0.1:${port}/healthz`);
  await check(endpoint('10.244.0.2', 'here'));
  const well = await ask();
  expect([well.status, well.headers.get('x-load-balancing-endpoint-weight')]).toEqual([200, '1']);
  expect(await well.json()).toEqual({
    service: { namespace: 'shop', name: 'web' },
    localEndpoints: 1,
    serviceProxyHealthy: true,
  });
  isProxyHealthy = false;
  expect((await ask()).status).toBe(503);
  isProxyHealthy = true;
  await check(endpoint('10.244.1.3', 'there'));
  expect((await ask()).status).toBe(503);
  await ports.sync(new Map());
  await expect(ask()).rejects.toThrow();
});

test('a port that is taken is tried again with the next change', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '0.0.0.0', resolve));
  const { port } = taken.address() as AddressInfo;
  const checks = healthChecks([balanced(port)], [slice(endpoint('10.244.0.2', 'here'))], here);
  await ports.sync(checks);
  await new Promise((resolve) => taken.close(resolve));
  await ports.sync(checks);
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
});
