/** What a pod's resolv.conf, host name and hosts file say. */
import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { parseResolvConf, podDns } from './dns.js';
import { hostsFile, podHostname } from './hostname.js';

const podOf = (spec: Partial<Pod['spec']>, name = 'web'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', uid: 'u' },
  spec: { containers: [], ...spec },
});
const cluster = { servers: ['10.96.0.10'], domain: 'cluster.local' };
const host = parseResolvConf('# c\nnameserver 1.1.1.1\nsearch lan\noptions edns0 ndots:1\n');
const clusterSearch = ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'lan'];

describe('DNS', () => {
  test.each<[string, Partial<Pod['spec']>, object]>([
    ['ClusterFirst', {}, { servers: ['10.96.0.10'], searches: clusterSearch, options: ['ndots:5'] }],
    ['on the network of the node', { hostNetwork: true }, host],
    [
      'there too',
      { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
      { servers: ['10.96.0.10'], searches: clusterSearch, options: ['ndots:5'] },
    ],
    ['Default', { dnsPolicy: 'Default' }, host],
    [
      'None',
      { dnsPolicy: 'None', dnsConfig: { nameservers: ['9.9.9.9'] } },
      { servers: ['9.9.9.9'], searches: [], options: [] },
    ],
    [
      'with additions',
      {
        dnsConfig: {
          nameservers: ['9.9.9.9'],
          searches: ['x.org'],
          options: [{ name: 'ndots', value: '2' }, { name: 'rotate' }],
        },
      },
      { servers: ['10.96.0.10', '9.9.9.9'], searches: [...clusterSearch, 'x.org'], options: ['ndots:2', 'rotate'] },
    ],
  ])('%s', (_title, spec, wanted) => {
    expect(podDns(podOf(spec), { cluster, host })).toEqual(wanted);
  });

  test('no more than three servers', () => {
    const dnsConfig = { nameservers: ['1.0.0.1', '1.0.0.2', '1.0.0.3', '1.0.0.4'] };
    expect(podDns(podOf({ dnsConfig }), { cluster, host }).servers).toHaveLength(3);
  });
});

describe('host names', () => {
  test.each<[string, Partial<Pod['spec']>, string, string]>([
    ['web', {}, 'web', ''],
    ['web', { hostname: 'a', subdomain: 'b' }, 'a', 'b.shop.svc.cluster.local'],
    ['web', { subdomain: 'b', setHostnameAsFQDN: true }, 'web.b.shop.svc.cluster.local', 'b.shop.svc.cluster.local'],
    [`${'x'.repeat(62)}.y`, {}, 'x'.repeat(62), ''],
  ])('of %s', (name, spec, hostname, domain) => {
    expect(podHostname(podOf(spec, name), 'cluster.local')).toEqual({ hostname, domain });
  });

  test('a full name that is too long is refused', () => {
    const spec = { subdomain: 'b'.repeat(50), setHostnameAsFQDN: true };
    expect(() => podHostname(podOf(spec), 'cluster.local')).toThrow('is too long (64 characters is the max');
  });
});

test('the hosts file names the pod and its aliases', () => {
  const spec = { subdomain: 'b', hostAliases: [{ ip: '1.2.3.4', hostnames: ['x', 'y'] }] };
  const file = hostsFile({
    pod: podOf(spec),
    podIPs: ['10.0.0.1'],
    clusterDomain: 'cluster.local',
    nodeHosts: 'NODE\n',
  });
  expect(file.startsWith('# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n')).toBe(true);
  expect(file).toContain('\n10.0.0.1\tweb.b.shop.svc.cluster.local\tweb\n');
  expect(file.endsWith('\n# Entries added by HostAliases.\n1.2.3.4\tx\ty\n')).toBe(true);
  const onNode = hostsFile({ pod: podOf({ hostNetwork: true }), podIPs: [], clusterDomain: '', nodeHosts: 'NODE\n' });
  expect(onNode).toBe('# Kubernetes-managed hosts file (host network).\nNODE\n');
});
