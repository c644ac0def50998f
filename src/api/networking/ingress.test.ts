import { expect, test } from 'vitest';
import type { Ingress, IngressSpec } from '#api/gen/networking-v1.js';
import ingresses from './ingress.js';

const backend = { service: { name: 'web', port: { number: 80 } } };
const of = (spec: IngressSpec, annotations?: Record<string, string>): Ingress => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: {
    name: 'web',
    namespace: 'default',
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...(annotations && { annotations }),
  },
  spec,
});
const withPath = (path: string | undefined, pathType = 'Prefix', to: IngressSpec['defaultBackend'] = backend) => ({
  rules: [{ http: { paths: [{ ...(path !== undefined && { path }), pathType, backend: to! }] } }],
});
const at = 'spec.rules[0].http.paths[0]';

test.each<[string, IngressSpec, string[]]>([
  ['leads somewhere', {}, ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified']],
  ['may have a default only', { defaultBackend: backend }, []],
  ['has absolute paths', withPath('a'), [`${at}.path: Invalid value: "a": must be an absolute path`]],
  ['has plain paths', withPath('/a/../b'), [`${at}.path: Invalid value: "/a/../b": must not contain '/../'`]],
  [
    'says how a path is meant',
    { rules: [{ http: { paths: [{ path: '/', backend } as never] } }] },
    [`${at}.pathType: Required value: pathType must be specified`],
  ],
  [
    'knows three ways to mean a path',
    withPath('/', 'Regex'),
    [`${at}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`],
  ],
  [
    'names one port',
    withPath('/', 'Prefix', { service: { name: 'web', port: { name: 'http', number: 80 } } }),
    [`${at}.backend: Invalid value: "": cannot set both port name & port number`],
  ],
  [
    'names some port',
    withPath('/', 'Prefix', { service: { name: 'web' } }),
    [`${at}.backend: Required value: port name or number is required`],
  ],
  [
    'has names for hosts',
    { defaultBackend: backend, rules: [{ host: '1.2.3.4' }] },
    ['spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address'],
  ],
  ['may have all names of a domain', { defaultBackend: backend, rules: [{ host: '*.example.com' }] }, []],
])('an ingress %s', (_, spec, messages) => {
  expect(ingresses.validate!(of(spec)).map(({ message }) => message)).toEqual(messages);
});

test('an ingress is of one class', () => {
  const ingress = of({ defaultBackend: backend, ingressClassName: 'a' }, { 'kubernetes.io/ingress.class': 'b' });
  expect(ingresses.validateCreate!(ingress).map(({ message }) => message)).toEqual([
    'annotations.kubernetes.io/ingress.class: Invalid value: "b": must match `ingressClassName` when both are specified',
  ]);
});

test('columns show hosts, addresses and ports', () => {
  const rules = ['a', 'b', 'c', 'd'].map((host) => ({ host: `${host}.example` }));
  const ingress = of({ rules, tls: [{}] });
  ingress.status = { loadBalancer: { ingress: [{ ip: '9.9.9.9' }, { hostname: 'lb.example' }] } };
  const nowMs = Date.parse('2026-01-01T00:00:05Z');
  expect(ingresses.columns!.map((column) => column.cell(ingress, { nowMs }))).toEqual([
    'web',
    '<none>',
    'a.example,b.example,c.example + 1 more...',
    '9.9.9.9,lb.example',
    '80, 443',
    '5s',
  ]);
  expect(ingresses.columns![2]!.cell(of({}), { nowMs })).toBe('*');
});
