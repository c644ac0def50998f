import { expect, test } from 'vitest';
import runtimeClasses from '../node/runtimeclass.js';
import type { AnyResource } from '../resource.js';
import { cells, createErrors, made, updateErrors } from '../test-kind.js';
import ingressClasses from './ingressclass.js';
import addresses from './ipaddress.js';
import policies from './networkpolicy.js';
import ranges from './servicecidr.js';

const ingressFrom = (...from: object[]) => ({ spec: { podSelector: {}, ingress: [{ from }] } });
const ingressPort = (port: object) => ({ spec: { podSelector: {}, ingress: [{ ports: [port] }] } });
const from0 = 'spec.ingress[0].from[0]';
const port0 = 'spec.ingress[0].ports[0]';

test('a policy is of the directions that it has rules for, and of TCP', () => {
  expect(made(policies, { spec: { egress: [{ ports: [{ port: 53 }] }] } })).toMatchObject({
    spec: { policyTypes: ['Ingress', 'Egress'], egress: [{ ports: [{ port: 53, protocol: 'TCP' }] }] },
  });
  expect(made(policies, {})).toMatchObject({ spec: { podSelector: {}, policyTypes: ['Ingress'] } });
});

test('parameters of an ingress class are of the whole cluster', () => {
  const parameters = { kind: 'Config', name: 'a' };
  expect(made(ingressClasses, { spec: { controller: 'a.b/c', parameters } })).toMatchObject({
    spec: { parameters: { scope: 'Cluster' } },
  });
});

test.each<[string, AnyResource, object, string[]]>([
  ['a peer is somebody', policies, ingressFrom({}), [`${from0}: Required value: must specify a peer`]],
  [
    'a range stands alone',
    policies,
    ingressFrom({ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }),
    [`${from0}: Forbidden: may not specify both ipBlock and another peer`],
  ],
  [
    'an exception is a part of its range',
    policies,
    ingressFrom({ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16', '10.0.0.0/8', '10.1.0.0/16'] } }),
    [
      `${from0}.ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of \`cidr\``,
      `${from0}.ipBlock.except[1]: Invalid value: "10.0.0.0/8": must be a strict subset of \`cidr\``,
    ],
  ],
  [
    'a range is one for all who read it',
    policies,
    ingressFrom({ ipBlock: { cidr: '10.0.0.1/8' } }),
    [`${from0}.ipBlock.cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length`],
  ],
  [
    'ports end after they begin',
    policies,
    ingressPort({ port: 80, endPort: 79, protocol: 'ICMP' }),
    [
      `${port0}.protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"`,
      `${port0}.endPort: Invalid value: 80: must be greater than or equal to \`port\``,
    ],
  ],
  [
    'a named port has no end',
    policies,
    ingressPort({ port: 'http', endPort: 90 }),
    [`${port0}.endPort: Invalid value: 90: may not be specified when \`port\` is non-numeric`],
  ],
  [
    'there are two directions',
    policies,
    { spec: { policyTypes: ['Ingress', 'Sideways'] } },
    ['spec.policyTypes[1]: Unsupported value: "Sideways": supported values: "Ingress", "Egress"'],
  ],
  ['a class has a controller', ingressClasses, { spec: {} }, ['spec.controller: Required value']],
  [
    'a controller has a domain',
    ingressClasses,
    { spec: { controller: 'nginx' } },
    ['spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")'],
  ],
  [
    'parameters in a namespace name it',
    ingressClasses,
    { spec: { controller: 'a.b/c', parameters: { kind: 'Config', name: '', scope: 'Namespace' } } },
    [
      'spec.parameters.name: Required value',
      "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
    ],
  ],
  [
    'an address is somebody’s',
    addresses,
    {},
    ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)', 'spec.parentRef: Required value'],
  ],
  ['there is a range', ranges, { spec: {} }, ['spec.cidrs: Required value: at least one CIDR required']],
  [
    'two ranges are of two families',
    ranges,
    { spec: { cidrs: ['10.0.0.0/16', '10.1.0.0/16'] } },
    [
      'spec.cidrs: Invalid value: ["10.0.0.0/16","10.1.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    ],
  ],
  [
    'a range has one form',
    ranges,
    { spec: { cidrs: ['FD00::/64'] } },
    ['spec.cidrs[0]: Invalid value: "FD00::/64": must be in canonical form ("fd00::/64")'],
  ],
  [
    'a runtime has a handler and tells what it costs',
    runtimeClasses,
    { handler: 'A', overhead: { podFixed: { cpu: '-1' } } },
    [
      `handler: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
      'overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ],
  ],
])('%s', (_, kind, fields, messages) => {
  expect(createErrors(kind, made(kind, fields))).toEqual(messages);
});

test('a second range may be added, and no range changed', () => {
  const update = (cidrs: string[], old: string[]) =>
    updateErrors(ranges, made(ranges, { spec: { cidrs } }), made(ranges, { spec: { cidrs: old } }));
  expect(update(['10.0.0.0/16', 'fd00::/64'], ['10.0.0.0/16'])).toEqual([]);
  expect(update(['10.1.0.0/16'], ['10.0.0.0/16'])).toEqual([
    'spec.cidrs[0]: Invalid value: "10.1.0.0/16": field is immutable',
  ]);
  expect(update(['10.0.0.0/16'], ['10.0.0.0/16', 'fd00::/64'])).toEqual([
    'spec.cidrs: Invalid value: ["10.0.0.0/16"]: field is immutable',
  ]);
});

test('controllers and handlers stay', () => {
  const controlled = (controller: string) => made(ingressClasses, { spec: { controller } });
  expect(updateErrors(ingressClasses, controlled('a.b/d'), controlled('a.b/c'))).toEqual([
    'spec.controller: Invalid value: "a.b/d": field is immutable',
  ]);
  const handled = (handler: string) => made(runtimeClasses, { handler });
  expect(updateErrors(runtimeClasses, handled('gvisor'), handled('kata'))).toEqual([
    'handler: Invalid value: "gvisor": field is immutable',
  ]);
});

test('an IPv6 range that is not in its shortest form is warned of', () => {
  const policy = made(policies, ingressFrom({ ipBlock: { cidr: 'FD00::/8', except: ['fd00:1::/32'] } }));
  expect(policies.warnings!(policy as never, undefined)).toEqual([
    `${from0}.ipBlock.cidr: IPv6 CIDR value "FD00::/8" should be in RFC 5952 canonical format ("fd00::/8")`,
  ]);
});

test('columns', () => {
  const podSelector = { matchLabels: { app: 'web' } };
  expect(cells(policies, made(policies, { spec: { podSelector } }))).toEqual(['one', 'app=web', '60m']);
  expect(cells(policies, made(policies, {}))).toEqual(['one', '<none>', '60m']);
  const parameters = { kind: 'Config', name: 'a', apiGroup: 'example.com' };
  const ingressClass = made(ingressClasses, { spec: { controller: 'a.b/c', parameters } });
  expect(cells(ingressClasses, ingressClass)).toEqual(['one', 'a.b/c', 'Config.example.com/a', '60m']);
  const parentRef = { resource: 'services', namespace: 'default', name: 'web' };
  expect(cells(addresses, made(addresses, { spec: { parentRef } }, '10.96.0.1'))).toEqual([
    '10.96.0.1',
    'services/default/web',
  ]);
  expect(cells(ranges, made(ranges, { spec: { cidrs: ['10.0.0.0/16', 'fd00::/64'] } }))).toEqual([
    'one',
    '10.0.0.0/16,fd00::/64',
    '60m',
  ]);
  expect(cells(runtimeClasses, made(runtimeClasses, { handler: 'kata' }))).toEqual(['one', 'kata', '60m']);
});
