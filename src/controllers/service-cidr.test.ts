import { afterEach, describe, expect, it, test } from 'vitest';
import services from '#api/core/service.js';
import type { IPAddress, ServiceCIDR } from '#api/gen/networking-v1.js';
import ipAddresses from '#api/networking/ipaddress.js';
import { addressOfService } from '#api/networking/service-range.js';
import serviceCidrs from '#api/networking/servicecidr.js';
import { isReason } from '#apimachinery/errors.js';
import { copy } from '#base/json.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';
import { canGo } from './service-cidr.js';

const namespace = 'default';
const web = (name: string, clusterIP?: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { ports: [{ port: 80 }], ...(clusterIP && { clusterIP }) },
});
const range = (name: string, ...cidrs: string[]): ServiceCIDR => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name },
  spec: { cidrs },
});

describe('in a cluster', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.stop());
  const start = async () => {
    cluster = await startTestCluster({ nodes: 0, controllers: ['service-cidrs-controller'], scheduler: false });
    return cluster.client();
  };
  const gone = async (get: () => Promise<unknown>) => {
    try {
      await get();
      return false;
    } catch (error) {
      return isReason(error, 'NotFound');
    }
  };

  it('each address of a service has an IPAddress, for as long as the service has it', async () => {
    const client = await start();
    const parentOf = async (address: string) => (await client.of(ipAddresses).get(address)).spec?.parentRef;
    await cluster.until(async () => (await parentOf('10.96.0.1'))?.name === 'kubernetes');
    const { spec } = await client.of(services).create(web('a'));
    const address = spec!.clusterIP!;
    expect(await parentOf(address)).toEqual({ resource: 'services', namespace, name: 'a' });
    await client.of(ipAddresses).delete(address);
    await cluster.until(async () => !(await gone(() => parentOf(address))));
    await client.of(services).delete('a', { namespace });
    await client.of(services).create(web('b', address));
    expect(await parentOf(address)).toMatchObject({ name: 'b' });
    const changed = copy(await client.of(services).get('b', { namespace }));
    changed.spec = { type: 'ExternalName', externalName: 'example.com' };
    await client.of(services).update(changed);
    await cluster.until(() => gone(() => parentOf(address)));
  });

  it('an IPAddress that nobody came for goes after a minute; one of somebody else stays', async () => {
    const client = await start();
    await client.of(ipAddresses).create(addressOfService('10.96.5.5', { namespace, name: 'lost' }));
    const parentRef = { resource: 'gateways', group: 'example.com', name: 'mine' };
    const mine: IPAddress = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IPAddress',
      metadata: { name: '10.96.5.6' },
      spec: { parentRef },
    };
    await client.of(ipAddresses).create(mine);
    await cluster.advance(30_000);
    expect(await gone(() => client.of(ipAddresses).get('10.96.5.5'))).toBe(false);
    await cluster.advance(40_000);
    await cluster.until(() => gone(() => client.of(ipAddresses).get('10.96.5.5')));
    expect(await gone(() => client.of(ipAddresses).get('10.96.5.6'))).toBe(false);
  });

  it('a range is ready, and goes when nothing has an address of it any more', async () => {
    const client = await start();
    await client.of(serviceCidrs).create(range('more', '10.200.0.0/24'));
    const get = () => client.of(serviceCidrs).get('more');
    const ready = async () => (await get()).status?.conditions?.find(({ type }) => type === 'Ready');
    await cluster.until(async () => (await ready())?.status === 'True');
    expect((await get()).metadata.finalizers).toEqual(['networking.k8s.io/service-cidr-finalizer']);
    expect((await ready())?.message).toBe('Kubernetes Service CIDR is ready');
    await client.of(services).create(web('a', '10.200.0.7'));
    await client.of(serviceCidrs).delete('more');
    await cluster.until(async () => (await ready())?.reason === 'Terminating');
    expect(await ready()).toMatchObject({
      status: 'False',
      message:
        'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
    });
    await expect(client.of(services).create(web('b', '10.200.0.8'))).rejects.toThrow(
      'failed to allocate IP 10.200.0.8: the provided network does not match the current range',
    );
    await client.of(services).delete('a', { namespace });
    await cluster.advance(15_000);
    await cluster.until(() => gone(get));
  });
});

test('a range may go while another one holds its addresses', () => {
  const own = range('a', '10.0.0.0/24');
  const taken = [addressOfService('10.0.0.9', { namespace, name: 'web' })];
  expect(canGo(own, [own], [])).toBe(true);
  expect(canGo(own, [own], taken)).toBe(false);
  expect(canGo(own, [own, range('b', '10.0.0.0/16')], taken)).toBe(true);
  expect(canGo(own, [own, range('b', '10.0.0.0/29')], taken)).toBe(false);
  expect(canGo(range('c', 'fd00::/64'), [], taken)).toBe(true);
});
