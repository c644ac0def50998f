import { describe, expect, test } from 'vitest';
import type { ConfigMap, Container, Pod, Secret, Service } from '#api/gen/core-v1.js';
import { notFound } from '#apimachinery/errors.js';
import { type EnvironmentInput, environment } from './environment.js';
import { expand } from './expansion.js';
import { fieldValue, resourceValue } from './field-ref.js';
import { serviceEnvironment } from './service-environment.js';

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', uid: 'u', labels: { app: 'web', tier: 'front "x"' } },
  spec: { nodeName: 'n1', serviceAccountName: 'robot', containers: [] },
};
const fields = {
  pod,
  podIPs: ['10.0.0.1', 'fd00::1'],
  hostIPs: ['192.0.2.1'],
  allocatable: { cpu: '4', memory: '1000Mi' },
};

const objects: Record<string, unknown> = {
  'configmap/settings': { data: { A: 'one', B: 'two' } } satisfies Partial<ConfigMap>,
  'secret/db': { data: { password: Buffer.from('pa$$').toString('base64') } } satisfies Partial<Secret>,
};

function find<T>(resource: string, name: string): T {
  const object = objects[`${resource}/${name}`];
  if (!object) throw notFound({ group: '', resource, name });
  return object as T;
}

async function envOf(container: Partial<Container>, services = new Map<string, string>()) {
  const input: EnvironmentInput = {
    ...fields,
    container: { name: 'main', ...container },
    services,
    source: {
      configMap: async (_namespace, name) => find('configmap', name),
      secret: async (_namespace, name) => find('secret', name),
    },
    file: async (volume, path) =>
      volume === 'none' ? undefined : { path: `/${volume}/${path}`, text: "A='from file'" },
  };
  return Object.fromEntries(await environment(input));
}

describe('$(VAR)', () => {
  test.each([
    ['plain', 'plain'],
    ['$(A)', 'one'],
    ['x$(A)y$(B)', 'xoneytwo'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$one'],
    ['$(MISSING)', '$(MISSING)'],
    ['$A $', '$A $'],
    ['$(A', '$(A'],
  ])('%s becomes %s', (text, wanted) => {
    expect(expand(text, (name) => ({ A: 'one', B: 'two' })[name])).toBe(wanted);
  });
});

describe('environment', () => {
  test('later variables see earlier ones, sources of all first', async () => {
    const env = await envOf(
      {
        envFrom: [{ prefix: 'CFG_', configMapRef: { name: 'settings' } }],
        env: [
          { name: 'X', value: '$(CFG_A)-$(SVC)' },
          { name: 'CFG_B', value: 'mine' },
          { name: 'P', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
        ],
      },
      new Map([['SVC', 'service']]),
    );
    expect(env).toEqual({ CFG_A: 'one', CFG_B: 'mine', X: 'one-service', P: 'pa$$', SVC: 'service' });
  });

  test('what is missing is said in upstream words', async () => {
    const key = (secretKeyRef: object) => envOf({ env: [{ name: 'P', valueFrom: { secretKeyRef } as never }] });
    await expect(key({ name: 'nope', key: 'k' })).rejects.toThrow('secret "nope" not found');
    await expect(key({ name: 'db', key: 'k' })).rejects.toThrow("couldn't find key k in Secret shop/db");
    await expect(key({ name: 'nope', key: 'k', optional: true })).resolves.toEqual({});
    await expect(key({ name: 'db', key: 'k', optional: true })).resolves.toEqual({});
    await expect(envOf({ envFrom: [{ configMapRef: { name: 'nope' } }] })).rejects.toThrow(
      'configmap "nope" not found',
    );
  });
});

describe('a variable from a file', () => {
  const env = (ref: object, volumeName = 'config') => {
    const fileKeyRef = { volumeName, path: 'app.env', key: 'A', optional: false, ...ref };
    return envOf({ env: [{ name: 'V', valueFrom: { fileKeyRef } }] });
  };

  test('has what the file says', async () => {
    expect(await env({})).toEqual({ V: 'from file' });
  });

  test('that says nothing is left out where it is optional', async () => {
    expect(await env({ key: 'B', optional: true })).toEqual({});
    await expect(env({ key: 'B' })).rejects.toThrow('environment variable key "B" not found in file "/config/app.env"');
  });

  test('is left out where volumes have no files', async () => {
    expect(await env({}, 'none')).toEqual({});
  });
});

describe('the downward API', () => {
  test.each([
    ['metadata.name', 'web'],
    ['metadata.namespace', 'shop'],
    ['metadata.uid', 'u'],
    ["metadata.labels['app']", 'web'],
    ["metadata.annotations['none']", ''],
    ['metadata.labels', 'app="web"\ntier="front \\"x\\""'],
    ['spec.nodeName', 'n1'],
    ['spec.serviceAccountName', 'robot'],
    ['status.podIP', '10.0.0.1'],
    ['status.podIPs', '10.0.0.1,fd00::1'],
    ['status.hostIP', '192.0.2.1'],
  ])('%s', (fieldPath, wanted) => {
    expect(fieldValue({ fieldPath }, fields)).toBe(wanted);
  });

  test.each([
    ['limits.cpu', undefined, '1'],
    ['limits.cpu', '1m', '250'],
    ['requests.cpu', '1m', '100'],
    ['limits.memory', '1Mi', '1000'],
    ['requests.memory', '1M', '2'],
  ])('%s in %s', (resource, divisor, wanted) => {
    const resources = { limits: { cpu: '250m' }, requests: { cpu: '100m', memory: '1500k' } };
    const container: Container = { name: 'main', resources };
    expect(resourceValue({ resource, divisor }, { ...fields, container })).toBe(wanted);
  });

  test.each([
    ['limits.cpu', '2'],
    ['limits.memory', '1048576000'],
    ['limits.ephemeral-storage', '0'],
    ['requests.cpu', '0'],
  ])('%s of a container without amounts, in a pod that has some', (resource, wanted) => {
    const resources = { limits: { cpu: '1250m', memory: '0', 'ephemeral-storage': '1' }, requests: { cpu: '1' } };
    const limited = { ...pod, spec: { ...pod.spec, resources } };
    expect(resourceValue({ resource }, { ...fields, pod: limited, container: { name: 'main' } })).toBe(wanted);
  });
});

test('services are told of by host, port and docker-style links', () => {
  const service = (name: string, spec: Service['spec']): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec,
  });
  const env = serviceEnvironment([
    service('my-db', {
      clusterIP: '10.96.0.5',
      ports: [
        { name: 'sql', port: 5432 },
        { name: 'u', port: 53, protocol: 'UDP' },
      ],
    }),
    service('headless', { clusterIP: 'None', ports: [{ port: 80 }] }),
  ]);
  expect(Object.fromEntries(env)).toEqual({
    MY_DB_SERVICE_HOST: '10.96.0.5',
    MY_DB_SERVICE_PORT: '5432',
    MY_DB_SERVICE_PORT_SQL: '5432',
    MY_DB_SERVICE_PORT_U: '53',
    MY_DB_PORT: 'tcp://10.96.0.5:5432',
    MY_DB_PORT_5432_TCP: 'tcp://10.96.0.5:5432',
    MY_DB_PORT_5432_TCP_PROTO: 'tcp',
    MY_DB_PORT_5432_TCP_PORT: '5432',
    MY_DB_PORT_5432_TCP_ADDR: '10.96.0.5',
    MY_DB_PORT_53_UDP: 'udp://10.96.0.5:53',
    MY_DB_PORT_53_UDP_PROTO: 'udp',
    MY_DB_PORT_53_UDP_PORT: '53',
    MY_DB_PORT_53_UDP_ADDR: '10.96.0.5',
  });
});
