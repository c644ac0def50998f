/** Pods that are given other resources while they run: granted, brought to their containers, or made to wait. */
import { describe, expect, test } from 'vitest';
import type { Container, ContainerResizePolicy, Pod } from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import { simulatedFacts } from '../node-facts.js';
import { main, makePod, setUp } from '../test-kubelet.js';

const withCpu = (cpu: string, resizePolicy?: ContainerResizePolicy[]): Container => ({
  ...main,
  resources: { requests: { cpu, memory: '64Mi' }, limits: { cpu, memory: '64Mi' } },
  ...(resizePolicy && { resizePolicy }),
});

/** As a user's request to the pod's `resize`. */
function resized(pod: Pod, cpu: string): Pod {
  const next = copy(pod);
  for (const container of next.spec.containers)
    container.resources = {
      ...container.resources,
      requests: { cpu, memory: '64Mi' },
      limits: { cpu, memory: '64Mi' },
    };
  next.metadata.generation = (pod.metadata.generation ?? 0) + 1;
  return next;
}

const facts = simulatedFacts('n1', { cpus: 2 });

async function begin(containers: Container[]) {
  const kubelet = await setUp({ kubelet: { facts } });
  const { api, clock } = kubelet;
  api.put(makePod('web', { containers }));
  await clock.advance(500);
  const status = (name = 'web') => api.status(name)!.containerStatuses![0]!;
  const resizing = (name = 'web') => api.status(name)!.conditions!.filter(({ type }) => type.startsWith('PodResize'));
  return { ...kubelet, status, resizing };
}

test('what fits is granted and brought to the running container', async () => {
  const { api, clock, events, runtime, status, resizing } = await begin([withCpu('100m')]);
  const { containerID } = status();
  api.put(resized(api.pods.get('web')!, '200m'));
  await clock.advance(500);
  expect(status()).toMatchObject({ containerID, restartCount: 0, allocatedResources: { cpu: '200m' } });
  expect(status().resources).toEqual({
    requests: { cpu: '200m', memory: '64Mi' },
    limits: { cpu: '200m', memory: '64Mi' },
  });
  expect(runtime.resourcesOf(containerID!.split('//')[1]!)).toMatchObject({ cpuQuotaUs: 20_000, cpuShares: 204 });
  expect(resizing()).toEqual([]);
  const what =
    '{"containers":[{"name":"main","resources":{"limits":{"cpu":"200m","memory":"64Mi"},"requests":{"cpu":"200m","memory":"64Mi"}}}],"generation":2}';
  expect(events.filter((text) => text.startsWith('Resize'))).toEqual([
    `ResizeStarted: Pod resize started: ${what}`,
    `ResizeCompleted: Pod resize completed: ${what}`,
  ]);
});

test('a container that wants to start anew for it does, and only then', async () => {
  const policy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }];
  const { api, clock, events, status } = await begin([withCpu('100m', policy)]);
  const { containerID } = status();
  api.put(resized(api.pods.get('web')!, '200m'));
  await clock.advance(60_000);
  expect(status()).toMatchObject({ restartCount: 1, resources: { limits: { cpu: '200m' } } });
  expect(status().containerID).not.toBe(containerID);
  expect(events).toContain('Killing: Container main resize requires restart');
  expect(events.some((text) => text.startsWith('ResizeCompleted: '))).toBe(true);
});

test('what does not fit waits, with what the pod has, until there is room', async () => {
  const { api, clock, events, status, resizing } = await begin([withCpu('100m')]);
  api.put(makePod('other', { containers: [withCpu('1500m')] }));
  await clock.advance(500);
  api.put(resized(api.pods.get('web')!, '1'));
  await clock.advance(500);
  const message = "Node didn't have enough resource: cpu, requested: 1000, used: 1500, capacity: 2000";
  expect(resizing()).toMatchObject([
    { type: 'PodResizePending', status: 'True', reason: 'Deferred', message, observedGeneration: 2 },
  ]);
  expect(status().allocatedResources?.['cpu']).toBe('100m');
  expect(events.filter((text) => text.startsWith('ResizeDeferred'))).toHaveLength(1);
  api.markDeleted('other', 0);
  await clock.advance(5_000);
  expect(resizing()).toEqual([]);
  expect(status().allocatedResources?.['cpu']).toBe('1');
});

test('a resize that is taken back while it waits is no more', async () => {
  const { api, clock, resizing } = await begin([withCpu('100m')]);
  api.put(resized(api.pods.get('web')!, '3'));
  await clock.advance(500);
  expect(resizing()).toMatchObject([{ type: 'PodResizePending' }]);
  api.put(resized(api.pods.get('web')!, '100m'));
  await clock.advance(500);
  expect(resizing()).toEqual([]);
});

test('what the runtime refuses is told and tried again', async () => {
  const faults: { updateContainerResources?: () => { reason: 'failed'; message: string } | undefined } = {};
  const { api, clock, events } = await setUp({ kubelet: { facts }, runtime: { faults } });
  api.put(makePod('web', { containers: [withCpu('100m')] }));
  await clock.advance(500);
  faults.updateContainerResources = () => ({ reason: 'failed', message: 'busy' });
  api.put(resized(api.pods.get('web')!, '200m'));
  await clock.advance(500);
  const progress = () => api.status('web')!.conditions!.find(({ type }) => type === 'PodResizeInProgress');
  expect(progress()).toMatchObject({ status: 'True', reason: 'Error', message: 'busy', observedGeneration: 2 });
  expect(events.find((text) => text.startsWith('ResizeError'))).toContain('"generation":2,"error":"busy"}');
  delete faults.updateContainerResources;
  await clock.advance(11_000);
  expect(progress()).toBeUndefined();
});

describe('a pod that asks for resources as a whole', () => {
  const whole = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });
  const share: Container = { ...main, name: 'share' };
  const own: Container = { ...main, name: 'own', resources: { limits: { cpu: '100m' }, requests: { cpu: '100m' } } };

  async function beginWhole(more: Partial<Container> = {}) {
    const kubelet = await setUp({ kubelet: { facts } });
    const { api, clock, runtime } = kubelet;
    api.put(makePod('web', { containers: [{ ...share, ...more }, own], resources: whole('500m', '64Mi') }));
    await clock.advance(500);
    const status = () => api.status('web')!;
    const limitsOf = (name: string) => {
      const { containerID } = status().containerStatuses!.find((one) => one.name === name)!;
      const { cpuQuotaUs, memoryLimitBytes } = runtime.resourcesOf(containerID!.split('//')[1]!);
      return { cpuQuotaUs, memoryLimitBytes };
    };
    return { ...kubelet, status, limitsOf };
  }

  test('gives it to containers that have no limits of their own, and tells of it', async () => {
    const { status, limitsOf } = await beginWhole();
    expect(limitsOf('share')).toEqual({ cpuQuotaUs: 50_000, memoryLimitBytes: 64 * 2 ** 20 });
    expect(limitsOf('own')).toEqual({ cpuQuotaUs: 10_000, memoryLimitBytes: 64 * 2 ** 20 });
    expect(status()).toMatchObject({
      qosClass: 'Guaranteed',
      resources: whole('500m', '64Mi'),
      allocatedResources: { cpu: '500m', memory: '64Mi' },
    });
  });

  test('is given more while it runs', async () => {
    const { api, clock, events, status, limitsOf } = await beginWhole();
    const ids = () => status().containerStatuses!.map(({ containerID }) => containerID);
    const before = ids();
    const next = copy(api.pods.get('web')!);
    next.spec.resources = whole('1', '128Mi');
    next.metadata.generation = 2;
    api.put(next);
    await clock.advance(500);
    expect(ids()).toEqual(before);
    expect(limitsOf('share')).toEqual({ cpuQuotaUs: 100_000, memoryLimitBytes: 128 * 2 ** 20 });
    expect(limitsOf('own')).toEqual({ cpuQuotaUs: 10_000, memoryLimitBytes: 128 * 2 ** 20 });
    expect(status()).toMatchObject({
      resources: whole('1', '128Mi'),
      allocatedResources: { cpu: '1', memory: '128Mi' },
    });
    expect(events.map((text) => text.split(':')[0])).toEqual(
      expect.arrayContaining(['ResizeStarted', 'ResizeCompleted']),
    );
    expect(status().conditions!.filter(({ type }) => type.startsWith('PodResize'))).toEqual([]);
  });

  test('has been given it once what wants to start anew for it has', async () => {
    const { api, clock, events, status } = await beginWhole({
      resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }],
    });
    const next = copy(api.pods.get('web')!);
    next.spec.resources = whole('1', '64Mi');
    next.metadata.generation = 2;
    api.put(next);
    await clock.advance(500);
    const restarts = status().containerStatuses!.map(({ name, restartCount }) => `${name} ${restartCount}`);
    expect(restarts).toEqual(['share 1', 'own 0']);
    const told = events
      .filter((text) => /^(Killing|Started|ResizeCompleted)/.test(text))
      .map((text) => text.split(':')[0]);
    expect(told.slice(2)).toEqual(['Killing', 'Started', 'ResizeCompleted']);
  });

  test('waits for room with what it has', async () => {
    const { api, clock, status, limitsOf } = await beginWhole();
    const next = copy(api.pods.get('web')!);
    next.spec.resources = whole('3', '64Mi');
    next.metadata.generation = 2;
    api.put(next);
    await clock.advance(500);
    expect(status().conditions!.find(({ type }) => type === 'PodResizePending')).toMatchObject({ reason: 'Deferred' });
    expect(status().resources).toEqual(whole('500m', '64Mi'));
    expect(limitsOf('share').cpuQuotaUs).toBe(50_000);
  });
});
