import { describe, expect, it } from 'vitest';
import serviceResource from '#api/core/service.js';
import type { Service } from '#api/gen/core-v1.js';
import { VirtualClock } from '#base/clock.js';
import { copy } from '#base/json.js';
import { SeededPrng } from '#base/prng.js';
import { refused, request, run, Shelf } from '../test-admission.js';
import { ServiceAddresses } from './index.js';

describe('ServiceAddresses', () => {
  const make = (shelf: Shelf, extra: object = {}) =>
    new ServiceAddresses({ registry: shelf.registry, clock: new VirtualClock(), prng: new SeededPrng(3), ...extra });
  const service = (name: string, spec: object = {}): Service => {
    const object = { metadata: { name, namespace: 'ns' }, spec: { type: 'ClusterIP', ports: [{ port: 80 }], ...spec } };
    serviceResource.default!(object as Service);
    return object as Service;
  };
  const create = async (plugin: ServiceAddresses, shelf: Shelf, object: Service) => {
    await run(plugin, request(serviceResource, object));
    shelf.put('services', object);
    return object.spec!;
  };

  it('gives addresses of the range, with the fields of a cluster of IPv4', async () => {
    const shelf = new Shelf();
    const spec = await create(make(shelf), shelf, service('a'));
    expect(spec).toMatchObject({ ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', clusterIPs: [spec.clusterIP] });
    expect(spec.clusterIP).toMatch(/^10\.(9[6-9]|10\d|11[01])\./);
    expect(await create(make(shelf), shelf, service('n', { type: 'ExternalName' }))).not.toHaveProperty('clusterIP');
    const none = await create(make(shelf), shelf, service('h', { clusterIP: 'None', selector: { a: 'b' } }));
    expect(none).toMatchObject({ clusterIPs: ['None'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
    const bare = await create(make(shelf), shelf, service('i', { clusterIP: 'None' }));
    expect(bare).toMatchObject({ ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' });
  });

  it('gives an address and a port once, even to two that ask at once', async () => {
    const shelf = new Shelf();
    const plugin = make(shelf);
    const wanted = { clusterIP: '10.96.0.10' };
    const results = await Promise.allSettled(
      ['a', 'b'].map((name) => run(plugin, request(serviceResource, service(name, wanted)))),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await refused(plugin, request(serviceResource, service('c', wanted)))).toBe(
      'Service "c" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    );
    const ports = { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] };
    await create(plugin, shelf, service('d', ports));
    expect(await refused(plugin, request(serviceResource, service('e', copy(ports))))).toBe(
      'Service "e" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    );
  });

  it('gives every address of a range, then says that it is full', async () => {
    const shelf = new Shelf();
    const plugin = make(shelf, { serviceRange: '10.0.0.0/28' });
    const given = new Set<string>();
    for (let index = 0; index < 14; index++) {
      given.add((await create(plugin, shelf, service(`s${index}`))).clusterIP!);
    }
    expect(given.size).toBe(14);
    expect(given.has('10.0.0.0') || given.has('10.0.0.15')).toBe(false);
    expect(await refused(plugin, request(serviceResource, service('more')))).toMatch('range is full');
    expect(await refused(plugin, request(serviceResource, service('out', { clusterIP: '10.0.1.1' })))).toMatch(
      'failed to allocate IP 10.0.1.1: the provided network does not match the current range',
    );
  });

  it('gives back what a failed write took, and what a deleted service had, at once', async () => {
    const shelf = new Shelf();
    const plugin = make(shelf);
    const failed = request(serviceResource, service('a', { clusterIP: '10.96.0.9' }));
    await run(plugin, failed);
    plugin.abandoned(failed);
    const stored = service('b', { clusterIP: '10.96.0.9' });
    await create(plugin, shelf, stored);
    await run(plugin, request(serviceResource, undefined, { operation: 'DELETE', old: stored as never }));
    expect(await refused(plugin, request(serviceResource, service('c', { clusterIP: '10.96.0.9' })))).toMatch(
      'already',
    );
    shelf.objects.delete('services ns/b');
    await create(plugin, shelf, service('c', { clusterIP: '10.96.0.9' }));
  });

  it('takes nothing in a dry run, and knows after a restart what is stored', async () => {
    const shelf = new Shelf();
    const wanted = { clusterIP: '10.96.0.9' };
    await run(make(shelf), request(serviceResource, service('a', wanted), { dryRun: true }));
    await create(make(shelf), shelf, service('b', wanted));
    expect(await refused(make(shelf), request(serviceResource, service('c', wanted)))).toMatch('already allocated');
  });

  it('keeps addresses and ports over updates, and drops them with the type that had them', async () => {
    const shelf = new Shelf();
    const plugin = make(shelf);
    const old = service('a', { type: 'NodePort', ports: [{ name: 'x', port: 80 }] });
    const { clusterIP, ports } = copy(await create(plugin, shelf, old));
    const update = async (spec: object) => {
      const object = service('a', spec);
      await run(plugin, request(serviceResource, object, { operation: 'UPDATE', old: old as never }));
      return object.spec!;
    };
    const kept = await update({ type: 'NodePort', ports: [{ name: 'x', port: 81 }] });
    expect(kept).toMatchObject({ clusterIP, clusterIPs: [clusterIP], ports: [{ nodePort: ports![0]!.nodePort }] });
    const plain = await update({ type: 'ClusterIP', clusterIP, ports: copy(ports!) });
    expect(plain).toMatchObject({ clusterIP, ports: [{ name: 'x', port: 80 }] });
    expect(plain.ports![0]).not.toHaveProperty('nodePort');
    const external = await update({ type: 'ExternalName', clusterIP, clusterIPs: [clusterIP!], ports: [] });
    expect(external).not.toHaveProperty('clusterIP');
    expect(external).not.toHaveProperty('clusterIPs');
  });

  it('shares a node port between protocols of one port', async () => {
    const shelf = new Shelf();
    const both = {
      type: 'NodePort',
      ports: [
        { port: 53, protocol: 'TCP' },
        { port: 53, protocol: 'UDP' },
      ],
    };
    const { ports } = await create(make(shelf), shelf, service('dns', both));
    expect(ports![0]!.nodePort).toBe(ports![1]!.nodePort);
    expect(ports![0]!.nodePort).toBeGreaterThanOrEqual(30086);
  });

  it('notes whose each address is, and gives no address that somebody else has noted', async () => {
    const shelf = new Shelf();
    const plugin = make(shelf, { serviceRange: '10.0.0.0/29' });
    const spec = await create(plugin, shelf, service('a'));
    expect(shelf.objects.get(`ipaddresses /${spec.clusterIP}`)).toMatchObject({
      metadata: {
        labels: {
          'ipaddress.kubernetes.io/ip-family': 'IPv4',
          'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
        },
      },
      spec: { parentRef: { resource: 'services', namespace: 'ns', name: 'a' } },
    });
    const mine = Array.from({ length: 6 }, (_, index) => `10.0.0.${index + 1}`).filter((one) => one !== spec.clusterIP);
    const [last, ...others] = mine;
    const parentRef = { resource: 'gateways', name: 'mine' };
    for (const name of others) shelf.put('ipaddresses', { metadata: { name }, spec: { parentRef } });
    expect((await create(plugin, shelf, service('b'))).clusterIP).toBe(last);
    expect(await refused(plugin, request(serviceResource, service('c', { clusterIP: others[0] })))).toMatch(
      'provided IP is already allocated',
    );
    expect(await refused(plugin, request(serviceResource, service('d')))).toMatch('range is full');
  });

  it('names a service whose name is to be made up, for its address says whose it is', async () => {
    const shelf = new Shelf();
    const object = service('');
    object.metadata = { generateName: 'web-', namespace: 'ns' };
    const { clusterIP } = await create(make(shelf), shelf, object);
    expect(object.metadata.name).toMatch(/^web-.{5}$/);
    const { name } = object.metadata;
    expect(shelf.objects.get(`ipaddresses /${clusterIP}`)).toMatchObject({ spec: { parentRef: { name } } });
  });

  it('takes addresses from the ranges that are added, as long as they are ready', async () => {
    const shelf = new Shelf();
    const plugin = make(shelf, { serviceRange: '10.0.0.0/30' });
    const range = (conditions: object[] = []) => ({
      metadata: { name: 'more' },
      spec: { cidrs: ['10.0.8.0/28', 'fd00::/112'] },
      status: { conditions },
    });
    await create(plugin, shelf, service('a'));
    await create(plugin, shelf, service('b'));
    expect(await refused(plugin, request(serviceResource, service('c')))).toMatch('range is full');
    shelf.put('servicecidrs', range());
    expect((await create(plugin, shelf, service('c'))).clusterIP).toMatch(/^10\.0\.8\./);
    shelf.put('servicecidrs', range([{ type: 'Ready', status: 'False' }]));
    expect(await refused(plugin, request(serviceResource, service('d', { clusterIP: '10.0.8.2' })))).toMatch(
      'the provided network does not match the current range',
    );
  });

  it('refuses families that there are not, or twice, and looks at no port of a type that has none', async () => {
    const shelf = new Shelf();
    const asked = (spec: object) => refused(make(shelf), request(serviceResource, service('a', spec)));
    expect(await asked({ ipFamilies: ['IPv5'] })).toMatch(
      'Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
    );
    expect(await asked({ ipFamilies: ['IPv4', 'IPv4'] })).toMatch('spec.ipFamilies[1]: Duplicate value: "IPv4"');
    const spec = await create(make(shelf), shelf, service('b', { ports: [{ port: 80, nodePort: 5 }] }));
    expect(spec.ports![0]!.nodePort).toBe(5);
  });

  it('refuses families that the cluster does not have', async () => {
    const asked = request(serviceResource, service('a', { ipFamilies: ['IPv6'] }));
    expect(await refused(make(new Shelf()), asked)).toMatch('spec.ipFamilies[0]: Invalid value: "IPv6"');
  });
});
