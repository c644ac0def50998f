/** Endpoints written by hand, seen as slices. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import endpointsResource from '#api/core/endpoints.js';
import events from '#api/core/event.js';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { Endpoints } from '#api/gen/core-v1.js';
import { TestCluster } from './test-cluster.js';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.start();
});
afterEach(() => cluster.end());

const metadata = { name: 'db', namespace: 'default', labels: { team: 'a' }, annotations: { note: 'n' } };
const written: Endpoints = {
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata,
  subsets: [
    { addresses: [{ ip: '10.1.2.3' }], notReadyAddresses: [{ ip: '10.1.2.4' }], ports: [{ name: 'sql', port: 5432 }] },
  ],
};
const service = (selector?: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'db', namespace: 'default' },
  spec: { ports: [{ port: 5432 }], selector },
});
const slices = async () =>
  (await cluster.list(endpointSlices)).filter((one) => one.metadata.labels?.['kubernetes.io/service-name'] === 'db');

test('Endpoints of a service without a selector are mirrored, followed, and no more when they go', async () => {
  await cluster.client.of(endpointsResource).create(written);
  await cluster.advance(1000);
  expect(await slices()).toEqual([]);
  await cluster.client.of(services).create(service());
  await cluster.until(async () => (await slices()).length === 1);
  const [slice] = await slices();
  expect(slice).toMatchObject({
    addressType: 'IPv4',
    ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
    endpoints: [
      { addresses: ['10.1.2.3'], conditions: { ready: true } },
      { addresses: ['10.1.2.4'], conditions: { ready: false } },
    ],
  });
  expect(slice!.metadata).toMatchObject({
    labels: {
      team: 'a',
      'kubernetes.io/service-name': 'db',
      'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
    },
    annotations: { note: 'n' },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Endpoints', name: 'db', controller: true }],
  });
  expect(slice!.metadata.name).toMatch(/^db-/);
  const subsets = [{ addresses: [{ ip: '10.1.2.9' }, { ip: 'fd00::9' }], ports: [{ name: 'sql', port: 5432 }] }];
  await cluster.client.of(endpointsResource).update({ ...written, subsets });
  await cluster.until(async () => (await slices()).length === 2);
  const found = (await slices()).map(({ addressType, endpoints }) => [addressType, endpoints?.[0]?.addresses[0]]);
  expect(found.sort()).toEqual([
    ['IPv4', '10.1.2.9'],
    ['IPv6', 'fd00::9'],
  ]);
  await cluster.client.of(endpointsResource).delete('db', { namespace: 'default' });
  await cluster.until(async () => (await slices()).length === 0);
});

test('what says not to be mirrored is not, and too many addresses are told of', async () => {
  await cluster.client.of(services).create(service());
  const labels = { 'endpointslice.kubernetes.io/skip-mirror': 'true' };
  await cluster.client.of(endpointsResource).create({ ...written, metadata: { ...metadata, labels } });
  await cluster.advance(2000);
  expect(await slices()).toEqual([]);
  const addresses = Array.from({ length: 1005 }, (_, at) => ({ ip: `10.2.${at >> 8}.${at & 255}` }));
  await cluster.client.of(endpointsResource).update({ ...written, subsets: [{ addresses, ports: [{ port: 80 }] }] });
  await cluster.until(async () => (await slices())[0]?.endpoints?.length === 1000);
  const told = async () => (await cluster.list(events)).find(({ reason }) => reason === 'TooManyAddressesToMirror');
  await cluster.until(async () => (await told()) !== undefined);
  expect(await told()).toMatchObject({
    message: 'A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 5 addresses were skipped',
    source: { component: 'endpoint-slice-mirroring-controller' },
  });
});
