import { describe, expect, test } from 'vitest';
import type { Service, ServiceSpec } from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import services from './service.js';

const ports = [{ port: 80 }];

function serviceOf(spec: ServiceSpec): Service {
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: copy(spec),
  };
  services.default!(service);
  return service;
}

const messagesOf = (spec: ServiceSpec) => services.validate!(serviceOf(spec)).map(({ message }) => message);

describe('defaults', () => {
  test('of a plain service', () => {
    expect(serviceOf({ ports }).spec).toEqual({
      ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
      sessionAffinity: 'None',
      type: 'ClusterIP',
      internalTrafficPolicy: 'Cluster',
    });
  });

  test('of one that is reached from outside', () => {
    expect(serviceOf({ ports, type: 'LoadBalancer', sessionAffinity: 'ClientIP' }).spec).toMatchObject({
      externalTrafficPolicy: 'Cluster',
      allocateLoadBalancerNodePorts: true,
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
    });
  });

  test('of a mere name', () => {
    expect(serviceOf({ type: 'ExternalName', externalName: 'example.com' }).spec).toEqual({
      type: 'ExternalName',
      externalName: 'example.com',
      sessionAffinity: 'None',
    });
  });
});

describe('a service is refused', () => {
  test.each<[string, ServiceSpec, string[]]>([
    ['without ports', {}, ['spec.ports: Required value']],
    ['unless it is headless', { clusterIP: 'None', clusterIPs: ['None'] }, []],
    [
      'with several ports that have no names',
      { ports: [{ port: 80 }, { port: 81 }] },
      ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
    ],
    [
      'with one name for two ports',
      {
        ports: [
          { name: 'a', port: 80 },
          { name: 'a', port: 81 },
        ],
      },
      ['spec.ports[1].name: Duplicate value: "a"'],
    ],
    [
      'with one port twice',
      {
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ],
      },
      [
        'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
      ],
    ],
    [
      'with no port at all',
      { ports: [{ port: 0, targetPort: 80 }] },
      ['spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
    ],
    [
      'with a node port that nothing serves',
      { ports: [{ port: 80, nodePort: 30080 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      'with a type nobody knows',
      { ports, type: 'Magic' },
      [
        'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [
      'that balances load without an address',
      { ports, type: 'LoadBalancer', clusterIP: 'None', clusterIPs: ['None'] },
      [`spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for LoadBalancer services`],
    ],
    [
      'that is a name of nothing',
      { type: 'ExternalName', clusterIPs: ['10.0.0.1'] },
      ['spec.clusterIPs: Forbidden: may not be set for ExternalName services', 'spec.externalName: Required value'],
    ],
    [
      'whose affinity lasts more than a day',
      { ports, sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } } },
      [
        'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400',
      ],
    ],
    [
      'that limits its sources without a balancer',
      { ports, loadBalancerSourceRanges: ['10.0.0.0/8'] },
      ["spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"],
    ],
    [
      'with a policy for traffic that cannot come',
      { ports, externalTrafficPolicy: 'Local' },
      ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
    ],
    [
      'with two addresses of one family',
      { ports, clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', '10.0.0.2'] },
      ['spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family'],
    ],
    [
      'with an address that is none',
      { ports, clusterIP: 'x', clusterIPs: ['x'] },
      ['spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ],
    [
      'with an external address of the node alone',
      { ports, externalIPs: ['127.0.0.1'] },
      ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    ],
  ])('%s', (_, spec, messages) => {
    expect(messagesOf(spec)).toEqual(messages);
  });

  test('when its address changes', () => {
    const withAddress = (address: string) => serviceOf({ ports, clusterIP: address, clusterIPs: [address] });
    const errors = services.validateUpdate!(withAddress('10.0.0.9'), withAddress('10.0.0.1'));
    expect(errors.map(({ message }) => message)).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.0.0.9"]: may not change once set',
    ]);
    const name = serviceOf({ type: 'ExternalName', externalName: 'example.com' });
    expect(services.validateUpdate!(name, withAddress('10.0.0.1'))).toEqual([]);
  });
});

test('warnings name what a headless service does not heed', () => {
  const service = serviceOf({ clusterIP: 'None', clusterIPs: ['None'], sessionAffinity: 'ClientIP' });
  expect(services.warnings!(service, undefined)).toEqual(['spec.SessionAffinity is ignored for headless services']);
  expect(services.warnings!(serviceOf({ ports, sessionAffinity: 'ClientIP' }), undefined)).toEqual([]);
});

test('warnings name what will change its meaning, and addresses that can be written otherwise', () => {
  const warningsOf = (spec: ServiceSpec) => services.warnings!(serviceOf({ ports, ...spec }), undefined);
  expect(warningsOf({ trafficDistribution: 'PreferClose', externalName: 'example.com' })).toEqual([
    'spec.externalName is ignored when spec.type is not "ExternalName"',
    'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
  ]);
  expect(warningsOf({ externalIPs: ['10.0.0.1'] })).toEqual([
    'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
  ]);
  expect(warningsOf({ type: 'ExternalName', externalIPs: ['2001:DB8::0:1'] })).toEqual([
    'spec.externalIPs[0]: IPv6 address "2001:DB8::0:1" should be in RFC 5952 canonical format ("2001:db8::1")',
    'spec.externalIPs is ignored when spec.type is "ExternalName"',
  ]);
  expect(
    warningsOf({ loadBalancerIP: '10.0.0.01', loadBalancerSourceRanges: ['2001:DB8::/32', '10.0.0.0/8'] }),
  ).toEqual([
    'spec.loadBalancerIP: non-standard IP address "10.0.0.01" is invalid: use "10.0.0.1"',
    'spec.loadBalancerSourceRanges[0]: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format ("2001:db8::/32")',
  ]);
  const service = serviceOf({ ports });
  service.metadata.annotations = { 'service.kubernetes.io/topology-aware-hints': 'auto' };
  expect(services.warnings!(service, undefined)).toEqual([
    'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
  ]);
});

test('ranges of a load balancer may still stand in an annotation', () => {
  const of = (ranges: string, spec: ServiceSpec) => {
    const service = serviceOf({ ports, ...spec });
    service.metadata.annotations = { 'service.beta.kubernetes.io/load-balancer-source-ranges': ranges };
    return services.validate!(service).map(({ message }) => message);
  };
  const at = 'metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]';
  expect(of(' 10.0.0.0/8, 192.168.0.0/16 ', { type: 'LoadBalancer' })).toEqual([]);
  expect(of('here', { type: 'LoadBalancer' })).toEqual([
    `${at}: Invalid value: "here": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`,
  ]);
  expect(of('', {})).toEqual([`${at}: Forbidden: may only be used when \`type\` is 'LoadBalancer'`]);
});

describe('columns', () => {
  const show = (spec: ServiceSpec, status?: Service['status']) =>
    services
      .columns!.slice(1, 5)
      .map((column) => column.cell({ ...serviceOf(spec), ...(status && { status }) }, { nowMs: 0 }))
      .join(' ');

  test('show addresses and ports', () => {
    expect(show({ ports, clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'] })).toBe('ClusterIP 10.0.0.1 <none> 80/TCP');
    expect(show({ clusterIP: 'None', clusterIPs: ['None'] })).toBe('ClusterIP None <none> <none>');
    expect(show({ type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] })).toBe(
      'NodePort <none> <none> 80:30080/TCP',
    );
    expect(show({ type: 'LoadBalancer', ports })).toBe('LoadBalancer <none> <pending> 80/TCP');
    expect(
      show(
        { type: 'LoadBalancer', ports, externalIPs: ['9.9.9.9'] },
        { loadBalancer: { ingress: [{ hostname: 'b.example' }, { ip: '1.2.3.4' }] } },
      ),
    ).toBe('LoadBalancer <none> 1.2.3.4,b.example,9.9.9.9 80/TCP');
    expect(show({ type: 'ExternalName', externalName: 'example.com' })).toBe('ExternalName <none> example.com <none>');
  });
});
