import { expect, test } from 'vitest';
import type { Pod, Service } from '#api/gen/core-v1.js';
import { subsetsOf, truncate } from './subsets.js';

function service(spec: Partial<Service['spec']> = {}): Service {
  const whole = {
    clusterIP: '10.0.0.1',
    ipFamilies: ['IPv4'],
    ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }],
    ...spec,
  };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'default' }, spec: whole };
}

function pod(ip: string, { ready = true, port = 8080 } = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: ip, namespace: 'default', uid: ip },
    spec: {
      nodeName: 'n',
      containers: [{ name: 'c', ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }] }],
    },
    status: { phase: 'Running', podIP: ip, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

const ips = (addresses: { ip: string }[] | undefined) => addresses?.map(({ ip }) => ip);

test('addresses with the same ports share a subset, ready apart from not ready', () => {
  const subsets = subsetsOf(service(), [pod('10.1.0.3'), pod('10.1.0.1'), pod('10.1.0.2', { ready: false })]);
  expect(subsets).toHaveLength(1);
  expect(ips(subsets[0]?.addresses)).toEqual(['10.1.0.1', '10.1.0.3']);
  expect(ips(subsets[0]?.notReadyAddresses)).toEqual(['10.1.0.2']);
  expect(subsets[0]?.ports).toEqual([{ port: 8080, protocol: 'TCP' }]);
});

test('a pod that answers on another number is another subset; one without the port is left out', () => {
  expect(subsetsOf(service(), [pod('10.1.0.1'), pod('10.1.0.2', { port: 9090 })])).toHaveLength(2);
  const other = service({ ports: [{ port: 80, targetPort: 'none', protocol: 'TCP' }] });
  expect(subsetsOf(other, [pod('10.1.0.1')])).toEqual([]);
});

test('a headless service without ports publishes addresses alone', () => {
  const subsets = subsetsOf(service({ clusterIP: 'None', ports: undefined }), [pod('10.1.0.1')]);
  expect(subsets).toMatchObject([{ addresses: [{ ip: '10.1.0.1' }] }]);
  expect(subsets[0]?.ports).toBeUndefined();
});

test('over 1000 addresses, ready ones are kept first', () => {
  const many = Array.from({ length: 900 }, (_, index) => ({ ip: `ready${index}` }));
  const more = Array.from({ length: 900 }, (_, index) => ({ ip: `other${index}` }));
  const { subsets, isTruncated } = truncate([{ addresses: many, notReadyAddresses: more }]);
  expect(isTruncated).toBe(true);
  expect([subsets[0]?.addresses?.length, subsets[0]?.notReadyAddresses?.length]).toEqual([900, 100]);
  expect(truncate([{ addresses: many }]).isTruncated).toBe(false);
});

test('ports that lead to the same addresses share a subset; one that leads to fewer has its own', () => {
  const both = service({
    ports: [
      { name: 'a', port: 80, targetPort: 80, protocol: 'TCP' },
      { name: 'b', port: 81, targetPort: 'http', protocol: 'TCP' },
    ],
  });
  const without = { ...pod('10.1.0.2'), spec: { nodeName: 'n', containers: [{ name: 'c' }] } };
  const subsets = subsetsOf(both, [pod('10.1.0.1'), without]);
  expect(subsets.map(({ addresses, ports }) => [ips(addresses), ports?.map(({ name }) => name)]).sort()).toEqual([
    [['10.1.0.1', '10.1.0.2'], ['a']],
    [['10.1.0.1'], ['b']],
  ]);
});
