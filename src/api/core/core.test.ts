import { describe, expect, test } from 'vitest';
import type { ConfigMap, Endpoints, Event, Namespace, Node, Secret } from '#api/gen/core-v1.js';
import configMaps from './configmap.js';
import endpoints from './endpoints.js';
import events from './event.js';
import namespaces from './namespace.js';
import nodes from './node.js';
import secrets from './secret.js';
import serviceAccounts from './serviceaccount.js';

const metadata = { name: 'one', namespace: 'default' };
const base64 = (text: string) => Buffer.from(text).toString('base64');
const texts = (errors: readonly { message: string }[] | undefined) => errors!.map(({ message }) => message);
const nowMs = Date.parse('2026-01-01T00:10:00Z');

describe('a ConfigMap', () => {
  const of = (more: Partial<ConfigMap>): ConfigMap => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata, ...more });
  const keyRule =
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

  test('has keys that can be file names, each once', () => {
    expect(texts(configMaps.validate!(of({ data: { 'a b': '', '..': '' } })))).toEqual([
      `data[a b]: Invalid value: "a b": ${keyRule}`,
      'data[..]: Invalid value: "..": must not be \'..\'',
    ]);
    expect(texts(configMaps.validate!(of({ data: { a: '1' }, binaryData: { a: 'MQ==' } })))).toEqual([
      'data[a]: Invalid value: "a": duplicate of key present in binaryData',
    ]);
  });

  test('holds a mebibyte at most', () => {
    const text = 'x'.repeat(1024 * 1024);
    expect(texts(configMaps.validate!(of({ data: { a: text } })))).toEqual([]);
    expect(texts(configMaps.validate!(of({ data: { a: text, b: 'x' } })))).toEqual([
      '[]: Too long: may not be more than 1048576 bytes',
    ]);
  });

  test('that is immutable stays so', () => {
    const old = of({ immutable: true, data: { a: '1' } });
    expect(texts(configMaps.validateUpdate!(of({ immutable: true, data: { a: '2' } }), old))).toEqual([
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
    expect(texts(configMaps.validateUpdate!(of({ data: { a: '1' } }), old))).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
    ]);
  });
});

describe('a Secret', () => {
  const of = (more: Partial<Secret>): Secret => {
    const secret: Secret = { apiVersion: 'v1', kind: 'Secret', metadata, ...more };
    secrets.default!(secret);
    return secret;
  };

  test('takes texts as data', () => {
    expect(of({ stringData: { a: 'é' }, data: { b: 'Yg==' } })).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      type: 'Opaque',
      data: { a: base64('é'), b: 'Yg==' },
    });
  });

  test.each<[string, Record<string, string>, string[]]>([
    ['kubernetes.io/tls', {}, ['data[tls.crt]: Required value', 'data[tls.key]: Required value']],
    ['kubernetes.io/tls', { 'tls.crt': '', 'tls.key': '' }, []],
    ['kubernetes.io/basic-auth', {}, ['data[username]: Required value', 'data[password]: Required value']],
    ['kubernetes.io/basic-auth', { username: '' }, []],
    ['kubernetes.io/ssh-auth', { 'ssh-privatekey': '' }, ['data[ssh-privatekey]: Required value']],
    ['kubernetes.io/dockerconfigjson', {}, ['data[.dockerconfigjson]: Required value']],
    ['kubernetes.io/dockerconfigjson', { '.dockerconfigjson': base64('{}') }, []],
    [
      'kubernetes.io/service-account-token',
      {},
      ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
    ],
    ['example.com/mine', {}, []],
  ])('of type %s with %j', (type, data, messages) => {
    expect(texts(secrets.validate!(of({ type, data })))).toEqual(messages);
  });

  test('never shows what it hides in an error', () => {
    const [message] = texts(
      secrets.validate!(of({ type: 'kubernetes.io/dockercfg', data: { '.dockercfg': base64('hunter2') } })),
    );
    expect(message).toMatch(/^data\[\.dockercfg\]: Invalid value: "<secret contents redacted>": /);
    expect(message).not.toContain('hunter2');
  });

  test('keeps its type', () => {
    expect(texts(secrets.validateUpdate!(of({ type: 'x' }), of({})))).toEqual([
      'type: Invalid value: "x": field is immutable',
    ]);
  });
});

describe('a Namespace', () => {
  const of = (more: Partial<Namespace> = {}): Namespace => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'one' },
    spec: {},
    ...more,
  });

  test('is labelled with its name, active, and emptied before it goes', () => {
    const namespace = of();
    namespaces.default!(namespace);
    namespaces.prepareForCreate!(namespace);
    expect(namespace).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'one' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  });

  test('keeps its finalizers through updates', () => {
    const namespace = of({ spec: { finalizers: [] } });
    namespaces.prepareForUpdate!(namespace, of({ spec: { finalizers: ['kubernetes'] } }));
    expect(namespace.spec).toEqual({ finalizers: ['kubernetes'] });
  });

  test('stays, terminating, until its finalizers are gone', () => {
    const { isHeld, begin } = namespaces.deletion!;
    const namespace = of({ spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
    expect(isHeld!(namespace)).toBe(true);
    expect(isHeld!(of({ spec: { finalizers: [] } }))).toBe(false);
    begin!(namespace);
    expect(namespace.status).toEqual({ phase: 'Terminating' });
  });

  test('terminates only when it was deleted', () => {
    expect(texts(namespaces.validateStatusUpdate!(of({ status: { phase: 'Terminating' } }), of()))).toEqual([
      'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
    ]);
  });
});

describe('a Node', () => {
  const of = (more: Partial<Node>): Node => {
    const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'one' }, spec: {}, ...more };
    nodes.default!(node);
    return node;
  };

  test('can give out what it has', () => {
    expect(of({ status: { capacity: { cpu: '2' } } }).status).toEqual({
      capacity: { cpu: '2' },
      allocatable: { cpu: '2' },
    });
    expect(of({ spec: { podCIDR: '10.0.0.0/24' } }).spec.podCIDRs).toEqual(['10.0.0.0/24']);
  });

  test('has each taint once', () => {
    const taint = { key: 'a', effect: 'NoSchedule' };
    expect(texts(nodes.validate!(of({ spec: { taints: [taint, taint] } })))).toEqual([
      'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
    ]);
    expect(texts(nodes.validate!(of({ spec: { taints: [{ key: 'a', effect: 'x' }] } })))).toEqual([
      'metadata.taints[0].effect: Unsupported value: "x": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ]);
  });

  test('keeps its range of pod addresses and its provider', () => {
    const old = of({ spec: { podCIDR: '10.0.0.0/24', providerID: 'a' } });
    expect(texts(nodes.validateUpdate!(of({ spec: { podCIDR: '10.0.1.0/24', providerID: 'b' } }), old))).toEqual([
      'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
      'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
    ]);
    expect(nodes.validateUpdate!(old, of({}))).toEqual([]);
  });

  test('shows its state, roles and addresses', () => {
    const node = of({
      metadata: {
        name: 'one',
        creationTimestamp: '2026-01-01T00:00:00Z',
        labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' },
      },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      },
    });
    expect(nodes.columns!.map((column) => column.cell(node, { nowMs }))).toEqual([
      'one',
      'Ready,SchedulingDisabled',
      'control-plane,worker',
      '10m',
      '',
      '10.0.0.1',
      '<none>',
      '<unknown>',
      '<unknown>',
      '<unknown>',
    ]);
    expect(nodes.columns![1]!.cell(of({}), { nowMs })).toBe('Unknown');
  });
});

describe('Endpoints', () => {
  const of = (subsets: Endpoints['subsets']): Endpoints => {
    const object: Endpoints = { apiVersion: 'v1', kind: 'Endpoints', metadata, ...(subsets && { subsets }) };
    endpoints.default!(object);
    return object;
  };

  test('have addresses that mean the same everywhere', () => {
    expect(texts(endpoints.validate!(of([{}])))).toEqual([
      'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
    ]);
    expect(texts(endpoints.validate!(of([{ addresses: [{ ip: '169.254.169.254' }] }])))).toEqual([
      'subsets[0].addresses[0].ip: Invalid value: "169.254.169.254": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ]);
  });

  test('are shown by the first three', () => {
    const show = (subsets: Endpoints['subsets']) => endpoints.columns![1]!.cell(of(subsets), { nowMs });
    const addresses = ['1', '2', '3', '4'].map((last) => ({ ip: `10.0.0.${last}` }));
    expect(show(undefined)).toBe('<none>');
    expect(show([{ addresses: addresses.slice(0, 1) }])).toBe('10.0.0.1');
    expect(show([{ addresses, ports: [{ port: 80 }] }])).toBe('10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...');
  });
});

describe('an Event', () => {
  const of = (more: Partial<Event>): Event => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata,
    involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' },
    ...more,
  });

  test('stands in the namespace of what it is about', () => {
    expect(texts(events.validate!(of({ involvedObject: { kind: 'Pod', namespace: 'other' } })))).toEqual([
      'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
    ]);
    expect(events.validate!(of({ involvedObject: { kind: 'Node', name: 'one' } }))).toEqual([]);
  });

  test('of the newer sort says who reports it and what was done', () => {
    expect(texts(events.validate!(of({ eventTime: '2026-01-01T00:00:00.000000Z' }))).slice(0, 1)).toEqual([
      'reportingComponent: Required value',
    ]);
  });

  test('is shown by its last time and its object', () => {
    const event = of({
      reason: 'Started',
      type: 'Normal',
      message: ' done \n',
      count: 3,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:09:30Z',
      source: { component: 'kubelet', host: 'one' },
    });
    expect(events.columns!.map((column) => column.cell(event, { nowMs }))).toEqual([
      '30s',
      'Normal',
      'Started',
      'pod/web',
      '',
      'kubelet, one',
      'done',
      '10m',
      3,
      'one',
    ]);
  });
});

test('a ServiceAccount keeps nothing of its secrets but their names', () => {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata, secrets: [{ name: 'a', namespace: 'b' }] };
  serviceAccounts.prepareForCreate!(account);
  expect(account.secrets).toEqual([{ name: 'a' }]);
});
