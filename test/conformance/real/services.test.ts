/** The official names of services, endpoint slices and host ports, on real containers. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { Cluster, freePort } from '../../e2e/cluster.js';
import { healthAppImage } from '../../images/images.js';
import { eventually } from '../../kubectl.js';
import { conformance } from './label.js';
import { ask, service, servingPod, startPods } from './network-pods.js';

let cluster: Cluster;
/** `host:port` of the pod that asks, and of one on the machine's own network. */
let client: string;
let onNode: string;
let nodeIp: string;
/** The addresses of the pods that serve. */
let addresses: string[];

const backends = ['one', 'two', 'three'];
const labels = { app: 'backend' };
const ports = [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }];
const serves = { selector: labels, ports };

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 106, images: [await healthAppImage()] });
  const nodePort = await freePort();
  const [clientIp, , ...rest] = await startPods(
    cluster,
    servingPod('client'),
    servingPod('node', { http: [nodePort], udp: [], spec: { hostNetwork: true } }),
    ...backends.map((name) => servingPod(name, { labels })),
  );
  [client, onNode, addresses] = [`${clientIp}:8080`, `127.0.0.1:${nodePort}`, rest];
  const [node] = (await cluster.json('get nodes')).items;
  nodeIp = node.status.addresses.find((one: { type: string }) => one.type === 'InternalIP').address;
}, 180_000);
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

const specOf = async (name: string) => (await cluster.json(`get service ${name}`)).spec;
const patch = (name: string, spec: object) =>
  cluster.kubectl(['patch', 'service', name, '-p', JSON.stringify({ spec })]);
const get = (hostPort: string, asked = client) => ask(asked, 'http', { url: `http://${hostPort}/hostname` });
const udp = (host: string, port: number, asked = client) => ask(asked, 'udp', { host, port: String(port) });
const remove = (name: string) => cluster.kubectl(`delete service ${name}`);

/** Where a service is to be reached: by its name, its address, and on the node when it has a port there. */
async function placesOf(name: string, index = 0): Promise<string[]> {
  const { clusterIP, ports: its } = await specOf(name);
  const { port, nodePort } = its[index];
  return [`${name}:${port}`, `${clusterIP}:${port}`, ...(nodePort ? [`${nodeIp}:${nodePort}`] : [])];
}

/** Each of these pods answers at each place of the service, and no other does. */
async function reaches(name: string, pods: readonly string[], index = 0): Promise<void> {
  for (const place of await placesOf(name, index))
    await eventually(`${place} leads to ${pods.join(', ')}`, async () => {
      const said = new Set<string>();
      for (let count = 0; count < 20; count++) said.add(await get(place));
      expect([...said].sort()).toEqual([...pods].sort());
    });
}

interface Slice {
  ports: { name: string; port: number }[];
  endpoints: { addresses: string[]; targetRef?: { name: string } }[] | null;
}

/** `pod port-name port` of each endpoint of the service's slices. */
async function endpointsBecome(name: string, expected: string[]): Promise<void> {
  await eventually(`the endpoints of ${name} are ${expected}`, async () => {
    const { items } = await cluster.json(`get endpointslices -l kubernetes.io/service-name=${name}`);
    const found = (items as Slice[]).flatMap((slice) =>
      (slice.endpoints ?? []).flatMap(({ targetRef }) =>
        slice.ports.map((one) => `${targetRef?.name} ${one.name} ${one.port}`),
      ),
    );
    expect(found.sort()).toEqual([...expected].sort());
  });
}

conformance('[sig-network] Services should serve a basic endpoint from pods [Conformance]', async () => {
  const name = 'basic';
  const own = { labels: { app: name }, http: [80] };
  await cluster.apply(service(name, { selector: own.labels, ports: [{ name: 'it', port: 80 }] }));
  await endpointsBecome(name, []);
  for (const pods of [['first'], ['first', 'second'], ['second'], []]) {
    const there: string[] = (await cluster.json(`get pods -l app=${name}`)).items.map(
      (pod: { metadata: { name: string } }) => pod.metadata.name,
    );
    for (const gone of there.filter((one) => !pods.includes(one))) await cluster.kubectl(`delete pod ${gone}`);
    for (const come of pods.filter((one) => !there.includes(one))) await startPods(cluster, servingPod(come, own));
    await endpointsBecome(
      name,
      pods.map((pod) => `${pod} it 80`),
    );
    if (pods.length > 0) await reaches(name, pods);
  }
  await eventually('nothing answers', () => expect(get(`${name}:80`)).rejects.toThrow());
});

conformance('[sig-network] Services should serve multiport endpoints from pods [Conformance]', async () => {
  const name = 'multiport';
  const of = (index: number) => ({ name: `portname${index}`, port: 79 + index, targetPort: `svc${index}` });
  const start = (index: number) => {
    const own = { labels: { app: name }, http: [99 + index] };
    const its = [{ name: `svc${index}`, containerPort: 99 + index }];
    return startPods(cluster, servingPod(`port${index}`, { ...own, ports: its }));
  };
  await cluster.apply(service(name, { selector: { app: name }, ports: [of(1), of(2)] }));
  await endpointsBecome(name, []);
  await start(1);
  await endpointsBecome(name, ['port1 portname1 100']);
  await start(2);
  await endpointsBecome(name, ['port1 portname1 100', 'port2 portname2 101']);
  await reaches(name, ['port1'], 0);
  await reaches(name, ['port2'], 1);
  await cluster.kubectl('delete pod port1');
  await endpointsBecome(name, ['port2 portname2 101']);
  await cluster.kubectl('delete pod port2');
  await endpointsBecome(name, []);
});

conformance(
  '[sig-network] Services should serve endpoints on same port and different protocols [Conformance]',
  async () => {
    const name = 'both';
    const [tcp, datagrams] = ['TCP', 'UDP'].map((protocol) => ({ name: protocol.toLowerCase(), port: 80, protocol }));
    const labelled = { app: name };
    await cluster.apply(service(name, { selector: labelled, ports: [tcp, datagrams] }));
    await startPods(cluster, servingPod(name, { labels: labelled, http: [80], udp: [80] }));
    await endpointsBecome(name, [`${name} tcp 80`, `${name} udp 80`]);
    const { clusterIP } = await specOf(name);
    const over = { tcp: () => get(`${clusterIP}:80`), udp: () => udp(clusterIP, 80) };
    const serve = (what: keyof typeof over) =>
      eventually(`${what} is served`, async () => expect(await over[what]()).toBe(name));
    const fails = (what: keyof typeof over) =>
      eventually(`${what} is not served`, () => expect(over[what]()).rejects.toThrow());
    const only = (port: unknown) =>
      cluster.kubectl(['patch', 'service', name, '--type=merge', '-p', JSON.stringify({ spec: { ports: [port] } })]);
    await serve('tcp');
    await serve('udp');
    await only(tcp);
    await serve('tcp');
    await fails('udp');
    await only(datagrams);
    await serve('udp');
    await fails('tcp');
  },
);

conformance(
  '[sig-network] Services should be able to create a functioning NodePort service [Conformance]',
  async () => {
    await cluster.apply(service('noded', { type: 'NodePort', ...serves }));
    expect(await placesOf('noded')).toHaveLength(3);
    await reaches('noded', backends);
    await remove('noded');
  },
);

for (const type of ['ClusterIP', 'NodePort']) {
  const title = '[sig-network] Services should be able to change the type from';

  conformance(`${title} ExternalName to ${type} [Conformance]`, async () => {
    const name = `to-${type.toLowerCase()}`;
    await cluster.apply(service(name, { type: 'ExternalName', externalName: 'foo.example.com' }));
    expect((await specOf(name)).clusterIP).toBeUndefined();
    await patch(name, { type, externalName: null, ...serves });
    expect(await placesOf(name)).toHaveLength(type === 'NodePort' ? 3 : 2);
    await reaches(name, backends);
    await remove(name);
  });

  conformance(`${title} ${type} to ExternalName [Conformance]`, async () => {
    const name = `from-${type.toLowerCase()}`;
    const target = `${name}-target`;
    await cluster.apply(service(name, { type, ...serves }), service(target, serves));
    expect(await placesOf(name)).toHaveLength(type === 'NodePort' ? 3 : 2);
    await patch(name, { type: 'ExternalName', externalName: `${target}.default.svc.cluster.local` });
    const { clusterIP: none, ports: left = [] } = await specOf(name);
    expect([none, ...left.map((one: { nodePort?: number }) => one.nodePort)].filter(Boolean)).toEqual([]);
    const { clusterIP } = await specOf(target);
    await eventually('the name leads to the other service', async () =>
      expect(JSON.parse(await ask(client, 'lookup', { host: name }))).toEqual([clusterIP]),
    );
    await remove(name);
  });
}

/** Who answers so many requests, one after the other. */
async function answering(place: string): Promise<string[]> {
  const said = new Set<string>();
  for (let count = 0; count < 15; count++) said.add(await get(place));
  return [...said];
}

for (const [type, title] of [
  ['ClusterIP', 'service with type clusterIP'],
  ['NodePort', 'NodePort service'],
] as const) {
  const tags = `${title} [LinuxOnly] [Conformance]`;
  const make = async (name: string) => {
    await cluster.apply(service(name, { type, sessionAffinity: 'ClientIP', ...serves }));
    return (await placesOf(name)).at(-1)!;
  };
  const stays = (place: string) =>
    eventually('one pod answers all', async () => expect(await answering(place)).toHaveLength(1));

  conformance(`[sig-network] Services should have session affinity work for ${tags}`, async () => {
    const name = `stays-${type.toLowerCase()}`;
    await stays(await make(name));
    await remove(name);
  });

  conformance(`[sig-network] Services should be able to switch session affinity for ${tags}`, async () => {
    const name = `switches-${type.toLowerCase()}`;
    const place = await make(name);
    await stays(place);
    await patch(name, { sessionAffinity: 'None' });
    await eventually('others answer too', async () => expect((await answering(place)).length).toBeGreaterThan(1));
    await patch(name, { sessionAffinity: 'ClientIP' });
    await stays(place);
    await remove(name);
  });
}

/** A slice that somebody else than the controller cares for. */
function slice(name: string, of: string, port: string, endpoint: { address: string; port: number }): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { 'kubernetes.io/service-name': of, 'endpointslice.kubernetes.io/managed-by': 'test' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [endpoint.address], conditions: { ready: true } }],
    ports: [{ name: port, port: endpoint.port, protocol: 'TCP' }],
  };
}

const twoPorts = [80, 81].map((port) => ({ name: `port${port}`, port, protocol: 'TCP' }));

conformance(
  '[sig-network] EndpointSlice should support a Service with multiple ports specified in multiple EndpointSlices [Conformance]',
  async () => {
    const name = 'ports';
    const [address = ''] = await startPods(cluster, servingPod('two-ports', { http: [8090, 9090] }));
    await cluster.apply(
      service(name, { ports: twoPorts }),
      slice('ports-80', name, 'port80', { address, port: 8090 }),
      slice('ports-81', name, 'port81', { address, port: 9090 }),
    );
    await reaches(name, ['two-ports'], 0);
    await reaches(name, ['two-ports'], 1);
  },
);

conformance(
  '[sig-network] EndpointSlice should support a Service with multiple endpoint IPs specified in multiple EndpointSlices [Conformance]',
  async () => {
    const name = 'addresses';
    await cluster.apply(
      service(name, { ports: twoPorts }),
      slice('addresses-80', name, 'port80', { address: addresses[0]!, port: 8080 }),
      slice('addresses-81', name, 'port81', { address: addresses[1]!, port: 8080 }),
    );
    await reaches(name, [backends[0]!], 0);
    await reaches(name, [backends[1]!], 1);
  },
);

conformance(
  '[sig-network] EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete [Conformance]',
  async () => {
    const name = 'mirrored';
    const endpoints = (ip: string) => ({
      ...{ apiVersion: 'v1', kind: 'Endpoints', metadata: { name } },
      subsets: [{ ports: [{ port: 80 }], addresses: [{ ip }] }],
    });
    const mirrors = (expected: object[]) =>
      eventually('the slices mirror it', async () => {
        const { items } = await cluster.json(`get endpointslices -l kubernetes.io/service-name=${name}`);
        expect(
          (items as Slice[]).map((one) => ({
            ports: one.ports.map(({ port }) => port),
            addresses: one.endpoints?.map((endpoint) => endpoint.addresses),
          })),
        ).toEqual(expected);
      });
    await cluster.apply(service(name, { ports: [{ name: 'example', port: 80 }] }));
    await cluster.apply(endpoints('10.1.2.3'));
    await mirrors([{ ports: [80], addresses: [['10.1.2.3']] }]);
    await cluster.apply(endpoints('10.2.3.4'));
    await mirrors([{ ports: [80], addresses: [['10.2.3.4']] }]);
    await cluster.kubectl(`delete endpoints ${name}`);
    await mirrors([]);
  },
);

conformance(
  '[sig-network] HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol [LinuxOnly] [Conformance]',
  async () => {
    const hostPort = await freePort();
    const exposes = (name: string, hostIP: string, protocol: string) =>
      servingPod(name, { udp: [8080], ports: [{ containerPort: 8080, hostPort, hostIP, protocol }] });
    await startPods(
      cluster,
      exposes('on-loopback', '127.0.0.1', 'TCP'),
      exposes('on-address', nodeIp, 'TCP'),
      exposes('on-datagrams', nodeIp, 'UDP'),
    );
    const becomes = (asks: () => Promise<string>, pod: string) =>
      eventually(`${pod} answers`, async () => expect(await asks()).toBe(pod));
    await becomes(() => get(`127.0.0.1:${hostPort}`, onNode), 'on-loopback');
    await becomes(() => get(`${nodeIp}:${hostPort}`, onNode), 'on-address');
    await becomes(() => udp(nodeIp, hostPort, onNode), 'on-datagrams');
  },
);
