import { expect, test } from 'vitest';
import type { Node, Pod, Service } from '#api/gen/core-v1.js';
import { wantedGroups } from './endpoints.js';

const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n', labels: { 'topology.kubernetes.io/zone': 'z' } },
  spec: {},
};

function service(spec: Partial<Service['spec']> = {}): Service {
  const ports = [{ name: 'web', port: 80, targetPort: 'http', protocol: 'TCP', appProtocol: 'h2c' }];
  const whole = { clusterIP: '10.0.0.1', ipFamilies: ['IPv4'], selector: { app: 'a' }, ports, ...spec };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'default' }, spec: whole };
}

function pod({
  ready = true,
  deleted = false,
  phase = 'Running',
  port = 8080,
  hostname = '',
  nodeName = 'n',
} = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      namespace: 'default',
      uid: 'u',
      deletionTimestamp: deleted ? '2026-01-01T00:00:00Z' : undefined,
    },
    spec: {
      nodeName,
      hostname: hostname || undefined,
      subdomain: hostname ? 's' : undefined,
      containers: [{ name: 'c', ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }] }],
    },
    status: {
      phase,
      podIP: '10.1.0.1',
      podIPs: [{ ip: '10.1.0.1' }, { ip: 'fd00::1' }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

const groupsOf = (one: Service, ...pods: Pod[]) =>
  wantedGroups(one, pods, (name) => (name === 'n' ? node : undefined)).groups;
const conditions = (one: Service, only: Pod) => groupsOf(one, only)[0]?.endpoints[0]?.conditions;

test('an endpoint says where and what it is', () => {
  expect(groupsOf(service(), pod({ hostname: 'h' }))).toEqual([
    {
      addressType: 'IPv4',
      ports: [{ name: 'web', port: 8080, protocol: 'TCP', appProtocol: 'h2c' }],
      endpoints: [
        {
          addresses: ['10.1.0.1'],
          conditions: { ready: true, serving: true, terminating: false },
          hostname: 'h',
          targetRef: { kind: 'Pod', namespace: 'default', name: 'p', uid: 'u' },
          nodeName: 'n',
          zone: 'z',
        },
      ],
    },
  ]);
});

test('a terminating pod serves while it is ready, but is not ready', () => {
  expect(conditions(service(), pod({ deleted: true }))).toEqual({ ready: false, serving: true, terminating: true });
  expect(conditions(service(), pod({ ready: false }))).toEqual({ ready: false, serving: false, terminating: false });
});

test('publishNotReadyAddresses makes all ready, even while they terminate', () => {
  const all = service({ publishNotReadyAddresses: true });
  expect(conditions(all, pod({ ready: false, deleted: true }))).toEqual({
    ready: true,
    serving: false,
    terminating: true,
  });
});

test('finished pods have no endpoint; pods on an unknown node have none yet', () => {
  expect(groupsOf(service(), pod({ phase: 'Succeeded' }))).toEqual([]);
  const { groups, missing } = wantedGroups(service(), [pod({ nodeName: 'other' })], () => undefined);
  expect([groups, missing]).toEqual([[], ['skipping Pod p for Service default/s: Node other Not Found']]);
});

test('a named port may lead to different numbers, and each has its group; two families have one each', () => {
  expect(groupsOf(service(), pod(), pod({ port: 9090 })).map(({ ports }) => ports[0]?.port)).toEqual([8080, 9090]);
  const dual = groupsOf(service({ ipFamilies: ['IPv4', 'IPv6'] }), pod());
  expect(dual.map(({ endpoints }) => endpoints[0]?.addresses)).toEqual([['10.1.0.1'], ['fd00::1']]);
});

test('traffic distribution gives hints to ready endpoints', () => {
  const hints = (trafficDistribution: string, ready = true) =>
    groupsOf(service({ trafficDistribution }), pod({ ready }))[0]?.endpoints[0]?.hints;
  expect(hints('PreferClose')).toEqual({ forZones: [{ name: 'z' }] });
  expect(hints('PreferSameNode')).toEqual({ forZones: [{ name: 'z' }], forNodes: [{ name: 'n' }] });
  expect(hints('PreferClose', false)).toBeUndefined();
});
