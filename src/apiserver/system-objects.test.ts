import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import apiServices from '#api/apiregistration/apiservice.js';
import flows from '#api/flowcontrol/flowschema.js';
import levels from '#api/flowcontrol/prioritylevelconfiguration.js';
import resources from '#api/index.gen.js';
import ranges from '#api/networking/servicecidr.js';
import type { AnyResource } from '#api/resource.js';
import { copy } from '#base/json.js';
import { defaultFrontProxy } from './authentication/front-proxy.js';
import { ensureSystemObjects } from './system-objects.js';
import { startTestServer } from './test-server.js';

let server: ReturnType<typeof startTestServer>;

beforeEach(() => {
  server = startTestServer({ definitions: resources as AnyResource[] });
});
afterEach(() => server.close());

const start = () =>
  ensureSystemObjects(server.client, {
    advertiseAddress: '10.0.0.1',
    advertisePort: 6443,
    nowMs: 0,
    serviceAddress: '10.96.0.1',
    serviceRange: '10.96.0.0/12',
    clock: server.clock,
    clientCa: 'client',
    frontProxy: { ...defaultFrontProxy, authorities: 'proxy' },
  });

const revision = async () => (await server.client.of(flows).list()).metadata.resourceVersion;

test('a second start writes nothing', async () => {
  await start();
  const before = await revision();
  await start();
  expect(await revision()).toBe(before);
});

test('each group and version that is served here has an APIService, available at once', async () => {
  await start();
  const service = await server.client.of(apiServices).get('v1.apps');
  expect(service.metadata.labels).toEqual({ 'kube-aggregator.kubernetes.io/automanaged': 'onstart' });
  expect(service.spec).toEqual({ group: 'apps', version: 'v1', groupPriorityMinimum: 17800, versionPriority: 15 });
  expect(service.status?.conditions?.[0]).toMatchObject({ type: 'Available', status: 'True', reason: 'Local' });
});

test('the range of services is a ServiceCIDR that is ready', async () => {
  await start();
  const range = await server.client.of(ranges).get('kubernetes');
  expect(range.spec?.cidrs).toEqual(['10.96.0.0/12']);
  expect(range.status?.conditions).toMatchObject([
    { type: 'Ready', status: 'True', message: 'Kubernetes default Service CIDR is ready' },
  ]);
});

describe('priority levels and flow schemas', () => {
  test('are those of upstream', async () => {
    await start();
    const names = async (kind: typeof flows | typeof levels) =>
      (await server.client.of(kind as AnyResource).list()).items.map(({ metadata }) => metadata.name);
    expect(await names(levels)).toEqual([
      'catch-all',
      'exempt',
      'global-default',
      'leader-election',
      'node-high',
      'system',
      'workload-high',
      'workload-low',
    ]);
    expect(await names(flows)).toEqual([
      'catch-all',
      'exempt',
      'global-default',
      'kube-controller-manager',
      'kube-scheduler',
      'kube-system-service-accounts',
      'probes',
      'service-accounts',
      'system-leader-election',
      'system-node-high',
      'system-nodes',
    ]);
    const { metadata } = await server.client.of(flows).get('probes');
    expect(metadata.managedFields?.map(({ manager }) => manager)).toEqual([
      'api-priority-and-fairness-config-producer-v1',
    ]);
  });

  test('stay as somebody made them who said so, and come back as they were otherwise', async () => {
    await start();
    const client = server.client.of(levels);
    const change = async (name: string, annotation: string) => {
      const level = copy(await client.get(name));
      level.metadata.annotations = { 'apf.kubernetes.io/autoupdate-spec': annotation };
      level.spec!.limited!.nominalConcurrencyShares = 7;
      await client.update(level);
    };
    await change('system', 'false');
    await change('workload-low', 'true');
    await start();
    const shares = async (name: string) => (await client.get(name)).spec?.limited?.nominalConcurrencyShares;
    expect(await shares('system')).toBe(7);
    expect(await shares('workload-low')).toBe(100);
  });

  test('that are fixed come back when they are deleted; those of an older version go', async () => {
    await start();
    await server.client.of(flows).delete('exempt');
    const { spec } = await server.client.of(flows).get('probes');
    const annotations = { 'apf.kubernetes.io/autoupdate-spec': 'true' };
    const { apiVersion, kind } = await server.client.of(flows).get('probes');
    await server.client.of(flows).create({ apiVersion, kind, metadata: { name: 'ancient', annotations }, spec });
    await start();
    const names = (await server.client.of(flows).list()).items.map(({ metadata }) => metadata.name);
    expect(names).toContain('exempt');
    expect(names).not.toContain('ancient');
  });

  test('the seats that what is exempt lends are kept', async () => {
    await start();
    const client = server.client.of(levels);
    const exempt = copy(await client.get('exempt'));
    exempt.spec!.exempt = { nominalConcurrencyShares: 3, lendablePercent: 50 };
    await client.update(exempt);
    await start();
    expect((await client.get('exempt')).spec?.exempt).toEqual({ nominalConcurrencyShares: 3, lendablePercent: 50 });
  });
});
