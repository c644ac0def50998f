import { afterEach, describe, expect, it } from 'vitest';
import configMapResource from '#api/core/configmap.js';
import podResource from '#api/core/pod/index.js';
import type { ConfigMap, Pod, ResourceQuota } from '#api/gen/core-v1.js';
import { defineResource } from '#api/resource.js';
import { VirtualClock } from '#base/clock.js';
import { startTestServer } from '../../test-server.js';
import { resourceQuota } from './index.js';

const quotas = defineResource<ResourceQuota>({
  group: '',
  versions: ['v1'],
  kind: 'ResourceQuota',
  namespaced: true,
  subresources: { status: true },
  keepsStatusOnCreate: true,
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function setUp(hard: Record<string, string>, used: Record<string, string>, spec: object = {}) {
  const plugin = resourceQuota({ registry: () => test.registry, clock: new VirtualClock() });
  const test = startTestServer({ admission: [plugin], definitions: [configMapResource, podResource, quotas] });
  cleanups.push(() => test.close());
  await test.client.of(quotas).create({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'q', namespace: 'ns' },
    spec: { hard, ...spec },
    status: { hard, used },
  } as ResourceQuota);
  const usedNow = async () => (await test.client.of(quotas).get('q', { namespace: 'ns' })).status?.used;
  const messageOf = (work: Promise<unknown>) =>
    work.then(
      () => 'admitted',
      (error: Error) => error.message,
    );
  return { ...test, usedNow, messageOf };
}

const config = (name: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'ns' },
});
const pod = (name: string, requests?: object): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ns' },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests } }] },
  }) as Pod;

describe('ResourceQuota', () => {
  it('never admits more than there is, however many come at once', async () => {
    const { client, usedNow } = await setUp(
      { configmaps: '10', 'count/configmaps': '20' },
      { configmaps: '3', 'count/configmaps': '3' },
    );
    const created = Array.from({ length: 40 }, (_, index) => client.of(configMapResource).create(config(`c${index}`)));
    const results = await Promise.allSettled(created);
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(7);
    expect(await usedNow()).toEqual({ configmaps: '10', 'count/configmaps': '10' });
    const refused = results.find((result) => result.status === 'rejected') as PromiseRejectedResult;
    expect(String(refused.reason.message)).toMatch(
      /^configmaps "c\d+" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=10, limited: configmaps=10$/,
    );
  });

  it('charges over what a controller has recounted meanwhile', async () => {
    const { client, registry, usedNow } = await setUp({ configmaps: '10' }, { configmaps: '0' });
    let races = 2;
    const store = registry.storeOf(quotas);
    const modify = store.modify.bind(store);
    store.modify = async (key, change, write) => {
      if (races-- > 0) {
        const recount = (current: object) => ({
          ...current,
          status: { hard: { configmaps: '10' }, used: { configmaps: `${5 - races}` } },
        });
        await modify(key, recount as never, { ...write, preconditions: undefined });
      }
      return modify(key, change, write);
    };
    await client.of(configMapResource).create(config('c'));
    expect(await usedNow()).toEqual({ configmaps: '6' });
  });

  it.each<[string, Record<string, string>, object | undefined, string]>([
    [
      'what exceeds',
      { cpu: '1', pods: '5' },
      { cpu: '2' },
      'exceeded quota: q, requested: cpu=2, used: cpu=0, limited: cpu=1',
    ],
    [
      'what does not say',
      { 'limits.memory': '1Gi', cpu: '1' },
      undefined,
      'failed quota: q: must specify cpu for: c; limits.memory for: c',
    ],
    ['what is not counted here', { 'requests.storage': '1' }, { cpu: '2' }, 'admitted'],
  ])('judges %s', async (_, hard, requests, text) => {
    const { client, messageOf } = await setUp(hard, Object.fromEntries(Object.keys(hard).map((name) => [name, '0'])));
    const message = await messageOf(client.of(podResource).create(pod('p', requests)));
    expect(message).toBe(text === 'admitted' ? text : `pods "p" is forbidden: ${text}`);
  });

  it('knows only quotas that have been counted', async () => {
    const { client, messageOf } = await setUp({ cpu: '1', pods: '2' }, { pods: '0' });
    expect(await messageOf(client.of(podResource).create(pod('p', { cpu: '1' })))).toBe(
      'pods "p" is forbidden: status unknown for quota: q, resources: cpu,pods',
    );
  });

  it('charges nothing for a dry run, nor for what is in no scope', async () => {
    const { client, transport, usedNow } = await setUp({ pods: '5' }, { pods: '0' }, { scopes: ['Terminating'] });
    await client.of(podResource).create(pod('p'));
    const ending = pod('q');
    ending.spec.activeDeadlineSeconds = 5;
    const path = '/api/v1/namespaces/ns/pods';
    await transport.request({ method: 'POST', path, query: { dryRun: 'All' }, body: ending });
    expect(await usedNow()).toEqual({ pods: '0' });
    await client.of(podResource).create(ending);
    expect(await usedNow()).toEqual({ pods: '1' });
  });

  it('charges a pod whose new deadline moves it into the scope, before the next one is judged', async () => {
    const { client, usedNow, messageOf } = await setUp({ pods: '1' }, { pods: '0' }, { scopes: ['Terminating'] });
    const pods = client.of(podResource);
    const created = await pods.create(pod('p'));
    const relabelled = await pods.update({ ...created, metadata: { ...created.metadata, labels: { a: 'b' } } });
    expect(await usedNow()).toEqual({ pods: '0' });
    await pods.update({ ...relabelled, spec: { ...relabelled.spec, activeDeadlineSeconds: 3600 } });
    expect(await usedNow()).toEqual({ pods: '1' });
    const next = pod('q');
    next.spec.activeDeadlineSeconds = 5;
    expect(await messageOf(pods.create(next))).toBe(
      'pods "q" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    );
  });
});
