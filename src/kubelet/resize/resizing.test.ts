/** Pods that are given other resources while they run: granted, brought to their containers, or made to wait. */
import { expect, test } from 'vitest';
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
