/** KEP-5532 on a whole kubelet, with the simulated runtime and a virtual clock. */
import { expect, test } from 'vitest';
import type { Container, ContainerStatus, Pod } from '#api/gen/core-v1.js';
import { Kubelet } from './kubelet.js';
import { makePod, setUp, started } from './test-kubelet.js';

const image = 'busybox';
const rule = { action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } };
const source: Container = { name: 'source', image, restartPolicy: 'Never', restartPolicyRules: [rule] };

/** A pod that never restarts, with an init container, a sidecar and a regular container beside the source. */
function podWith(source: Partial<Pod['spec']>): Pod {
  return makePod('web', {
    restartPolicy: 'Never',
    containers: [{ name: 'main', image }, ...(source.containers ?? [])],
    initContainers: [
      { name: 'init', image },
      { name: 'side', image, restartPolicy: 'Always' },
      ...(source.initContainers ?? []),
    ],
  });
}

/** The source ends so in its first runs, and then runs on. */
function setUpWith(ends: number[]) {
  const left = [...ends];
  const lifetime = ({ name }: { name: string }) => {
    if (name === 'init') return { ms: 10, exitCode: 0 };
    if (!name.startsWith('source')) return undefined;
    const exitCode = left.shift();
    return exitCode === undefined ? undefined : { ms: 1000, exitCode };
  };
  return setUp({ runtime: { lifetime } });
}

const all = (status: Pod['status']) => [...status!.initContainerStatuses!, ...status!.containerStatuses!];
const counts = (status: Pod['status']) => Object.fromEntries(all(status).map((one) => [one.name, one.restartCount]));
const condition = (status: Pod['status']) =>
  status!.conditions!.find(({ type }) => type === 'AllContainersRestarting')?.status;

test.each<[string, Partial<Pod['spec']>, number]>([
  ['a regular container', { containers: [source] }, 1],
  ['a regular container, several times', { containers: [source] }, 3],
  ['an init container', { initContainers: [source] }, 1],
])('when %s asks for it, all begin anew', async (_, spec, times) => {
  const isInit = spec.initContainers !== undefined;
  const { api, clock, runtime } = await setUpWith([...Array(times).fill(42), ...(isInit ? [0] : [])]);
  api.put(podWith(spec));
  for (let step = 0; step < 200; step++) await clock.advance(100);

  const status = api.status('web')!;
  expect(status.phase).toBe('Running');
  const began = isInit ? 0 : times;
  expect(counts(status)).toEqual({ init: times, side: times, main: began, source: times });
  const lastEnds = all(status).filter(({ restartCount }) => restartCount > 0);
  const reasonOf = ({ lastState }: ContainerStatus) => lastState?.terminated?.reason;
  expect(new Set(lastEnds.map(reasonOf))).toEqual(new Set(['RestartingAllContainers']));
  expect(condition(status)).toBe('False');
  expect(status.conditions!.find(({ type }) => type === 'Initialized')?.status).toBe('True');
  expect((await runtime.list()).containers.length).toBe(4);
  const phases = api.requests.flatMap(({ method, body }) =>
    method === 'PATCH' ? ((body as Pod).status?.phase ?? []) : [],
  );
  expect(phases).not.toContain('Failed');
  const told = api.requests.flatMap(({ method, body }) =>
    method === 'PATCH' && (body as Pod).status?.conditions ? (condition((body as Pod).status) ?? []) : [],
  );
  expect(told).toContain('True');
});

test('another exit code ends the container alone', async () => {
  const { api, clock } = await setUpWith([1]);
  api.put(podWith({ containers: [source] }));
  for (let step = 0; step < 50; step++) await clock.advance(100);
  expect(counts(api.status('web'))).toEqual({ init: 0, side: 0, main: 0, source: 0 });
  expect(condition(api.status('web'))).toBe('False');
});

test('a kubelet that starts in between goes on with it', async () => {
  const { api, clock, runtime, kubelet, options } = await setUpWith([42]);
  api.put(podWith({ containers: [source] }));
  await clock.advance(900);
  await kubelet.stop();
  await clock.advance(2000);
  await started(new Kubelet(options), clock);
  for (let step = 0; step < 50; step++) await clock.advance(100);
  expect(counts(api.status('web'))).toEqual({ init: 1, side: 1, main: 1, source: 1 });
  expect((await runtime.list()).containers.filter(({ state }) => state === 'running').length).toBe(3);
});
