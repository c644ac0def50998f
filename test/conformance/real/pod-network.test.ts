/** The official names of DNS and of traffic between pods, on real containers. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { Cluster, freePort } from '../../e2e/cluster.js';
import { healthAppImage } from '../../images/images.js';
import { conformance } from './label.js';
import { ask, says, service, servingPod, startPods } from './network-pods.js';

let cluster: Cluster;
/** The pods' addresses. */
let querier: string;
let other: string;
/** Where the pod on the machine's own network serves. */
let nodePort: number;

const labels = { app: 'queried' };
const ports = [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }];

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 104, images: [await healthAppImage()] });
  nodePort = await freePort();
  await cluster.apply(
    service('headless', { clusterIP: 'None', selector: labels, ports }),
    service('regular', { selector: labels, ports }),
  );
  const named = { hostname: 'querier-host', subdomain: 'headless' };
  [querier = '', other = ''] = await startPods(
    cluster,
    servingPod('querier', { labels, spec: named }),
    servingPod('other'),
    servingPod('node', { http: [nodePort], udp: [], spec: { hostNetwork: true } }),
  );
}, 180_000);
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

const clusterIpOf = async (name: string): Promise<string> => (await cluster.json(`get service ${name}`)).spec.clusterIP;
const answers = (expected: unknown) => (answer: string) => expect(JSON.parse(answer)).toEqual(expected);
const resolves = (host: string, type: string, expected: unknown) =>
  says(`${querier}:8080`, 'resolve', { host, type }, answers(expected));
const searches = (host: string, type: string, expected: unknown) =>
  says(`${querier}:8080`, 'search', { host, type }, answers(expected));
const looksUp = (host: string, addresses: string[]) => says(`${querier}:8080`, 'lookup', { host }, answers(addresses));

const fqdn = (name: string) => `${name}.default.svc.cluster.local`;
const podHost = fqdn('querier-host.headless');
/** As Node's resolver tells an SRV record. */
const srv = (name: string, port: number) => [expect.objectContaining({ name, port })];

conformance('[sig-network] DNS should provide DNS for the cluster [Conformance]', async () => {
  await resolves(fqdn('kubernetes'), 'A', [await clusterIpOf('kubernetes')]);
});

conformance('[sig-network] DNS should provide /etc/hosts entries for the cluster [Conformance]', async () => {
  const lines = (await ask(`${querier}:8080`, 'hosts')).split('\n').map((line) => line.split(/\s+/));
  expect(lines).toContainEqual([querier, podHost, 'querier-host']);
  expect(lines).toContainEqual(['127.0.0.1', 'localhost']);
});

conformance('[sig-network] DNS should provide DNS for services [Conformance]', async () => {
  const address = await clusterIpOf('regular');
  await resolves(fqdn('headless'), 'A', [querier]);
  await resolves(fqdn('_http._tcp.headless'), 'SRV', srv(podHost, 8080));
  await resolves(fqdn('_http._tcp.regular'), 'SRV', srv(fqdn('regular'), 80));
  await resolves(`${address.split('.').reverse().join('.')}.in-addr.arpa`, 'PTR', [fqdn('regular')]);
  // And over TCP, which the C library is told to use.
  const overTcp = `require('dns').lookup('${fqdn('headless')}.', (failure, address) => console.log(failure ?? address))`;
  const command = ['env', 'RES_OPTIONS=use-vc', '/usr/bin/node', '-e', overTcp];
  expect(await cluster.kubectl(['exec', 'querier', '--', ...command])).toBe(`${querier}\n`);
});

conformance(
  '[sig-network] DNS should resolve DNS of partial qualified names for services [LinuxOnly] [Conformance]',
  async () => {
    for (const name of ['headless', 'headless.default', 'headless.default.svc']) {
      await searches(name, 'A', [querier]);
      await looksUp(name, [querier]);
    }
    await searches('_http._tcp.headless.default.svc', 'SRV', srv(podHost, 8080));
    await searches('_http._tcp.regular.default.svc', 'SRV', srv(fqdn('regular'), 80));
  },
);

conformance('[sig-network] DNS should provide DNS for pods for Hostname [Conformance]', async () => {
  await looksUp(podHost, [querier]);
  await looksUp('querier-host', [querier]);
  await resolves(podHost, 'A', [querier]);
});

conformance('[sig-network] DNS should provide DNS for pods for Subdomain [Conformance]', async () => {
  await resolves(podHost, 'A', [querier]);
  await resolves(fqdn('headless'), 'A', [querier]);
});

conformance('[sig-network] DNS should provide DNS for ExternalName services [Conformance]', async () => {
  await cluster.apply(service('external', { type: 'ExternalName', externalName: 'foo.example.com' }));
  await resolves(fqdn('external'), 'CNAME', ['foo.example.com']);
  const patch = (spec: object) => cluster.kubectl(['patch', 'service', 'external', '-p', JSON.stringify({ spec })]);
  await patch({ externalName: 'bar.example.com' });
  await resolves(fqdn('external'), 'CNAME', ['bar.example.com']);
  await patch({ type: 'ClusterIP', externalName: null, ports });
  await resolves(fqdn('external'), 'A', [await clusterIpOf('external')]);
});

conformance('[sig-network] DNS should support configurable pod DNS nameservers [Conformance]', async () => {
  const dnsConfig = { nameservers: ['1.1.1.1'], searches: ['resolv.conf.local'] };
  await startPods(cluster, servingPod('configured', { spec: { dnsPolicy: 'None', dnsConfig } }));
  const lines = (await cluster.kubectl('exec configured -- cat /etc/resolv.conf')).trim().split('\n');
  expect(lines.sort()).toEqual(['nameserver 1.1.1.1', 'search resolv.conf.local']);
});

const checks = '[sig-network] Networking Granular Checks: Pods should function for';
const tags = '[Conformance] [NodeConformance]';

for (const [path, asked] of [
  ['intra-pod communication', () => `${querier}:8080`],
  ['node-pod communication', () => `127.0.0.1:${nodePort}`],
] as const) {
  const linux = path.startsWith('node') ? '[LinuxOnly] ' : '';
  const targets = () => Object.entries({ other, querier });
  conformance(`${checks} ${path}: http ${linux}${tags}`, async () => {
    for (const [name, address] of targets())
      expect(await ask(asked(), 'http', { url: `http://${address}:8080/hostname` })).toBe(name);
  });
  conformance(`${checks} ${path}: udp ${linux}${tags}`, async () => {
    for (const [name, host] of targets()) expect(await ask(asked(), 'udp', { host, port: '8081' })).toBe(name);
  });
}
