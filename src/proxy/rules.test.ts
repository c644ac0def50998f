/** Which packets go where: routes from services and slices, and the text of the table. */
import { expect, test } from 'vitest';
import type { Pod, Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { hostPortRoutes } from './host-ports.js';
import { renderRules } from './rules.js';
import { serviceRoutes } from './service-ports.js';

const http = { name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' };

function service(name: string, spec: Partial<Service['spec']> = {}, status: Service['status'] = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'ClusterIP', clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'], ports: [http], ...spec },
    status,
  };
}

function slice(name: string, endpoints: NonNullable<EndpointSlice['endpoints']>, port = 8080): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-x`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'http', port, protocol: 'TCP' }],
  };
}

const ready = (ip: string, nodeName = 'here') => ({ addresses: [ip], conditions: { ready: true }, nodeName });

function routes(one: Service, ...endpoints: NonNullable<EndpointSlice['endpoints']>) {
  return serviceRoutes([one], [slice(one.metadata.name!, endpoints)], { nodeName: 'here' });
}

test('joins a service port with the ready endpoints of its slices by port name', () => {
  const [route] = routes(service('web'), ready('10.244.0.3'), ready('10.244.0.2', 'there'));
  expect(route).toMatchObject({
    name: 'default/web:http',
    protocol: 'tcp',
    port: 80,
    clusterIps: ['10.96.0.7'],
    internal: [
      { ip: '10.244.0.2', port: 8080, local: false },
      { ip: '10.244.0.3', port: 8080, local: true },
    ],
  });
  const other = { ...http, name: 'other' };
  expect(routes(service('web', { ports: [other] }), ready('10.244.0.3'))[0]!.internal).toEqual([]);
});

test('leaves headless services and external names alone', () => {
  expect(routes(service('web', { clusterIP: 'None' }), ready('10.244.0.3'))).toEqual([]);
  expect(routes(service('web', { type: 'ExternalName', clusterIP: '' }), ready('10.244.0.3'))).toEqual([]);
});

test('leaves services of other proxies and slices that are for DNS alone', () => {
  const web = service('web');
  const others = { ...web, metadata: { ...web.metadata, labels: { 'service.kubernetes.io/service-proxy-name': '' } } };
  expect(routes(others, ready('10.244.0.3'))).toEqual([]);
  const told = slice('web', [ready('10.244.0.3')]);
  told.metadata.labels!['service.kubernetes.io/headless'] = '';
  expect(serviceRoutes([web], [told], { nodeName: 'here' })[0]!.internal).toEqual([]);
});

test('uses endpoints that end but still serve only when no ready one is left', () => {
  const ending = { addresses: ['10.244.0.9'], conditions: { ready: false, serving: true, terminating: true } };
  const gone = { addresses: ['10.244.0.8'], conditions: { ready: false, serving: false, terminating: true } };
  expect(routes(service('web'), ready('10.244.0.3'), ending)[0]!.internal.map(({ ip }) => ip)).toEqual(['10.244.0.3']);
  expect(routes(service('web'), ending, gone)[0]!.internal.map(({ ip }) => ip)).toEqual(['10.244.0.9']);
});

test('keeps traffic on the node where a policy says Local', () => {
  const spec = { type: 'NodePort', ports: [{ ...http, nodePort: 30080 }], externalTrafficPolicy: 'Local' };
  const [route] = routes(service('web', spec), ready('10.244.0.3'), ready('10.244.1.3', 'there'));
  expect(route!.internal).toHaveLength(2);
  expect(route!.external).toEqual([{ ip: '10.244.0.3', port: 8080, local: true }]);
  expect(route!.keepsSource).toBe(true);
});

function render(one: Service, ...endpoints: NonNullable<EndpointSlice['endpoints']>): string {
  const input = { hostPorts: [], podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/12' };
  return renderRules({ ...input, routes: routes(one, ...endpoints) }).body;
}

test('spreads connections over the endpoints, and refuses what has none', () => {
  const text = render(service('web'), ready('10.244.0.2'), ready('10.244.0.3'));
  expect(text).toMatch(/10\.96\.0\.7 \. tcp \. 80 : goto svc-[0-9a-f]{20}/);
  expect(text).toContain(
    'meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.244.0.2 . 8080, 1 : 10.244.0.3 . 8080 }',
  );
  expect(text).toContain('10.244.0.2 . 10.244.0.2');
  const empty = render(service('web'));
  expect(empty).toMatch(/set refused \{[^}]*10\.96\.0\.7 \. tcp \. 80/);
  expect(empty).not.toContain('svc-');
});

test('masquerades traffic from outside unless its source must stay visible', () => {
  const spec = { type: 'NodePort', ports: [{ ...http, nodePort: 30080 }] };
  const cluster = render(service('web', spec), ready('10.244.0.2'));
  expect(cluster).toMatch(/tcp \. 30080 : goto ext-/);
  expect(cluster).toMatch(/chain ext-\w+ \{\n\t\tcomment "default\/web:http"\n\t\tmeta mark set meta mark \| 0x4000/);
  const local = render(service('web', { ...spec, externalTrafficPolicy: 'Local' }), ready('10.244.0.2'));
  expect(local).toMatch(/chain ext-\w+ \{\n\t\tcomment "default\/web:http"\n\t\tgoto svc-/);
});

test('guards the address of a load balancer by its source ranges', () => {
  const status = { loadBalancer: { ingress: [{ ip: '192.0.2.9' }] } };
  const one = service('web', { type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/24'] }, status);
  const text = render(one, ready('10.244.0.2'));
  expect(text).toMatch(/192\.0\.2\.9 \. tcp \. 80 : goto lb-/);
  expect(text).toMatch(/ip saddr \{ 203\.0\.113\.0\/24 \} goto ext-\w+\n\t\tdrop/);
});

test('remembers for as long as a service says which endpoint a client went to', () => {
  const spec = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 90 } } };
  const text = render(service('web', spec), ready('10.244.0.2'), ready('10.244.0.3'));
  const [first, second] = [
    ...text.matchAll(/set (clients-\w+-90s) \{\n\t\ttype ipv4_addr\n\t\tflags dynamic,timeout\n/g),
  ];
  expect(text).toContain(`\t\tupdate @${first![1]} { ip saddr }\n\t\tmeta l4proto tcp dnat to 10.244.0.2:8080`);
  const chains = [first, second].map((match) => match![1]!.replace('clients', 'ep').replace('-90s', ''));
  expect(text).toContain(
    [
      `\t\tip saddr @${first![1]} goto ${chains[0]}`,
      `\t\tip saddr @${second![1]} goto ${chains[1]}`,
      `\t\tnumgen random mod 2 vmap { 0 : goto ${chains[0]}, 1 : goto ${chains[1]} }`,
    ].join('\n'),
  );
});

test('maps host ports of pods that have an address', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 8080, hostIP: '127.0.0.1' }] }] },
    status: { podIP: '10.244.0.5' },
  } as Pod;
  expect(hostPortRoutes([pod])).toEqual([
    { name: 'default/p/c', protocol: 'tcp', hostPort: 8080, hostIp: '127.0.0.1', ip: '10.244.0.5', port: 80 },
  ]);
  expect(hostPortRoutes([{ ...pod, status: {} }])).toEqual([]);
  const input = { routes: [], podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/12' };
  const text = renderRules({ ...input, hostPorts: hostPortRoutes([pod]) }).body;
  // From this machine's loopback address nobody could be answered.
  expect(text).toContain('ip daddr 127.0.0.1 tcp dport 8080 ip saddr 127.0.0.0/8 meta mark set meta mark | 0x4000');
  expect(text).toContain('ip daddr 127.0.0.1 tcp dport 8080 dnat to 10.244.0.5:80 comment "default/p/c"');
  expect(text).toMatch(/chain refuse-input \{[^}]*iifname != "lo" ip daddr 127\.0\.0\.0\/8 .* drop/);
});
