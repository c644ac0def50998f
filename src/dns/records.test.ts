/** The cases of the Kubernetes DNS specification 1.1.0, section by section. */
import { describe, expect, test } from 'vitest';
import type { Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { resolve, type ZoneData } from './records.js';

const http = { name: 'https', port: 443, protocol: 'TCP' };

function service(name: string, spec: Partial<Service['spec']>): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { ports: [http], ...spec },
  };
}

const services = [
  service('web', { clusterIP: '10.3.0.100', clusterIPs: ['10.3.0.100'] }),
  service('headless', { clusterIP: 'None', clusterIPs: ['None'] }),
  service('early', { clusterIP: 'None', publishNotReadyAddresses: true }),
  service('alias', { type: 'ExternalName', externalName: 'www.example.com', ports: [] }),
  service('inner', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local', ports: [] }),
];

function slice(owner: string): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${owner}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': owner } },
    addressType: 'IPv4',
    ports: [http],
    endpoints: [
      { addresses: ['10.10.0.1'], hostname: 'My-Pet', conditions: { ready: true } },
      { addresses: ['10.10.0.2'], conditions: { ready: true } },
      { addresses: ['10.10.0.3'], hostname: 'not-ready', conditions: { ready: false } },
    ],
  };
}

const zone: ZoneData = {
  domain: 'cluster.local',
  namespaceExists: (name) => name === 'default',
  service: (namespace, name) =>
    services.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  slices: (_, name) => (name === 'headless' || name === 'early' ? [slice(name)] : []),
  serviceByIp: (ip) => services.find(({ spec }) => spec.clusterIP === ip),
  slicesByIp: (ip) => (ip === '10.10.0.1' ? [slice('headless')] : []),
};

/** As short text: the code, then the data of each answer. */
function ask(name: string, type = 'A'): string {
  const answer = resolve({ name, type }, zone);
  if (!answer) return 'upstream';
  const data = answer.answers.map((record) =>
    record.type === 'SRV'
      ? `${record.data.priority} ${record.data.weight} ${record.data.port} ${record.data.target}`
      : String(record.data),
  );
  return [answer.code, ...data].join(', ');
}

describe('services with a cluster address (2.3)', () => {
  test('have an A record, whatever the case of the question and with or without the final dot', () => {
    expect(ask('web.default.svc.cluster.local')).toBe('NOERROR, 10.3.0.100');
    expect(ask('WEB.Default.svc.cluster.LOCAL.')).toBe('NOERROR, 10.3.0.100');
  });
  test('have no records of other types, but exist', () => {
    expect(ask('web.default.svc.cluster.local', 'AAAA')).toBe('NOERROR');
    expect(ask('default.svc.cluster.local')).toBe('NOERROR');
  });
  test('have an SRV record for each named port', () => {
    expect(ask('_https._tcp.web.default.svc.cluster.local', 'SRV')).toBe(
      'NOERROR, 0 100 443 web.default.svc.cluster.local',
    );
    expect(ask('_https._udp.web.default.svc.cluster.local', 'SRV')).toBe('NXDOMAIN');
    const answer = resolve({ name: '_https._tcp.web.default.svc.cluster.local', type: 'SRV' }, zone);
    expect(answer?.additionals).toEqual([
      { name: 'web.default.svc.cluster.local', type: 'A', ttl: 30, data: '10.3.0.100' },
    ]);
  });
  test('have a reverse record', () => {
    expect(ask('100.0.3.10.in-addr.arpa', 'PTR')).toBe('NOERROR, web.default.svc.cluster.local');
  });
  test('that do not exist are NXDOMAIN, as are those of namespaces that do not', () => {
    expect(ask('nope.default.svc.cluster.local')).toBe('NXDOMAIN');
    expect(ask('web.nope.svc.cluster.local')).toBe('NXDOMAIN');
    expect(ask('a.web.default.svc.cluster.local')).toBe('NXDOMAIN');
  });
});

describe('headless services (2.4)', () => {
  test('have the addresses of their ready endpoints', () => {
    expect(ask('headless.default.svc.cluster.local')).toBe('NOERROR, 10.10.0.1, 10.10.0.2');
    expect(ask('early.default.svc.cluster.local')).toBe('NOERROR, 10.10.0.1, 10.10.0.2, 10.10.0.3');
  });
  test('have a name for each endpoint: its host name, or its address', () => {
    expect(ask('my-pet.headless.default.svc.cluster.local')).toBe('NOERROR, 10.10.0.1');
    expect(ask('10-10-0-2.headless.default.svc.cluster.local')).toBe('NOERROR, 10.10.0.2');
    expect(ask('not-ready.headless.default.svc.cluster.local')).toBe('NXDOMAIN');
  });
  test('have an SRV record for each ready endpoint', () => {
    expect(ask('_https._tcp.headless.default.svc.cluster.local', 'SRV')).toBe(
      'NOERROR, 0 100 443 my-pet.headless.default.svc.cluster.local, 0 100 443 10-10-0-2.headless.default.svc.cluster.local',
    );
  });
  test('have reverse records for endpoints with a host name', () => {
    expect(ask('1.0.10.10.in-addr.arpa', 'PTR')).toBe('NOERROR, my-pet.headless.default.svc.cluster.local');
    expect(ask('9.9.9.9.in-addr.arpa', 'PTR')).toBe('upstream');
  });
});

describe('external names (2.5)', () => {
  test('are aliases, resolved here or upstream', () => {
    expect(ask('alias.default.svc.cluster.local')).toBe('NOERROR, www.example.com');
    expect(resolve({ name: 'alias.default.svc.cluster.local', type: 'A' }, zone)?.chase).toBe('www.example.com');
    expect(ask('inner.default.svc.cluster.local')).toBe('NOERROR, web.default.svc.cluster.local, 10.3.0.100');
  });
});

test('pods have the address that their name holds', () => {
  expect(ask('10-10-0-1.default.pod.cluster.local')).toBe('NOERROR, 10.10.0.1');
  expect(ask('10-10-0-300.default.pod.cluster.local')).toBe('NXDOMAIN');
  expect(ask('10-10-0-1.nope.pod.cluster.local')).toBe('NXDOMAIN');
});

test('the version of the schema is told (2.2), the rest of the domain is empty, and other names go upstream', () => {
  expect(ask('dns-version.cluster.local', 'TXT')).toBe('NOERROR, 1.1.0');
  expect(ask('cluster.local')).toBe('NOERROR');
  expect(ask('nope.cluster.local')).toBe('NXDOMAIN');
  expect(ask('example.com')).toBe('upstream');
  expect(ask('notcluster.local')).toBe('upstream');
});
