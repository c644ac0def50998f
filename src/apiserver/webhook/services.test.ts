import { expect, test } from 'vitest';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { SeededPrng } from '#base/prng.js';
import { ownWrite } from '../registry/own-write.js';
import { startTestServer } from '../test-server.js';
import { clusterAddresses, endpointAddresses } from './services.js';

const namespace = 'default';
const name = 'hooks';

async function setUp(spec: Partial<Service['spec']>, slices: Partial<EndpointSlice>[] = []) {
  const { registry, server } = startTestServer({ definitions: [services, endpointSlices] });
  const metadata = { name, namespace };
  const ports = [
    { name: 'web', port: 80 },
    { name: 'hook', port: 443 },
  ];
  const cluster = spec.externalName ? {} : { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] };
  const service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ...cluster, ports, ...spec } };
  await registry.of(services).create(service as Service, ownWrite);
  for (const [index, slice] of slices.entries()) {
    const labels = { 'kubernetes.io/service-name': name };
    await registry.of(endpointSlices).create(
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        addressType: 'IPv4',
        endpoints: [],
        ...slice,
        metadata: { name: `${name}-${index}`, namespace, labels },
      },
      ownWrite,
    );
  }
  const options = { registry: () => registry, prng: new SeededPrng(1) };
  return { byCluster: clusterAddresses(options), byEndpoint: endpointAddresses(options), close: () => server.close() };
}

test('at the cluster IP, with the port of the service', async () => {
  const { byCluster, close } = await setUp({});
  expect(await byCluster({ namespace, name, port: 443 })).toEqual({ host: '10.96.0.9', port: 443 });
  await expect(byCluster({ namespace, name, port: 1 })).rejects.toMatchObject({
    status: { code: 503, message: 'no service port 1 found for service "hooks"' },
  });
  await expect(byCluster({ namespace, name: 'none', port: 1 })).rejects.toThrow('service "none" not found');
  await close();
});

test('at any ready endpoint, with the port that it has under the name of the port of the service', async () => {
  const { byEndpoint, close } = await setUp({}, [
    { ports: [{ name: 'web', port: 8080 }], endpoints: [{ addresses: ['10.0.0.1'] }] },
    {
      ports: [{ name: 'hook', port: 9443 }],
      endpoints: [
        { addresses: ['10.0.0.2'], conditions: { ready: false } },
        { addresses: ['10.0.0.3'], conditions: { ready: true } },
        { addresses: ['10.0.0.4'] },
      ],
    },
  ]);
  const found = new Set<string>();
  for (let n = 0; n < 20; n++) {
    const { host, port } = await byEndpoint({ namespace, name, port: 443 });
    found.add(`${host}:${port}`);
  }
  expect([...found].sort()).toEqual(['10.0.0.3:9443', '10.0.0.4:9443']);
  await expect(byEndpoint({ namespace, name, port: 1 })).rejects.toMatchObject({
    status: { code: 503, message: 'no service port 1 found for service "hooks"' },
  });
  await close();
});

test('nowhere, where no endpoint is ready', async () => {
  const { byEndpoint, close } = await setUp({}, [{ ports: [{ name: 'hook', port: 9443 }] }]);
  await expect(byEndpoint({ namespace, name, port: 443 })).rejects.toMatchObject({
    status: { code: 503, message: 'no endpoints available for service "hooks"' },
  });
  await close();
});

test('under its external name', async () => {
  const { byCluster, byEndpoint, close } = await setUp({
    type: 'ExternalName',
    externalName: 'example.com',
  });
  for (const resolve of [byCluster, byEndpoint])
    expect(await resolve({ namespace, name, port: 443 })).toEqual({ host: 'example.com', port: 443 });
  await close();
});
