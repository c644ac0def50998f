/** Scenarios of a whole kubelet on a virtual clock, with the simulated runtime and a scripted API. */
import { expect, test, vi } from 'vitest';
import type { Container, Pod } from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import { Kubelet } from './kubelet.js';
import { main, makePod, setUp, started } from './test-kubelet.js';
import { CheckedVolumes } from './volumes/volumes.js';

test('a pod runs without any time passing, and tells how', async () => {
  const { api, clock, events } = await setUp();
  api.put(makePod('web', { containers: [main] }));
  await clock.advance(0);
  await clock.advance(0);

  const status = api.status('web')!;
  expect(status.phase).toBe('Running');
  expect(status.podIP).toBe('10.0.0.1');
  expect(status.hostIP).toBe('192.0.2.1');
  expect(status.qosClass).toBe('BestEffort');
  expect(status.containerStatuses).toMatchObject([{ name: 'main', ready: true, started: true, restartCount: 0 }]);
  expect(status.conditions!.map(({ type, status: value }) => `${type}=${value}`).sort()).toEqual([
    'ContainersReady=True',
    'Initialized=True',
    'PodReadyToStartContainers=True',
    'PodScheduled=True',
    'Ready=True',
  ]);
  expect(events.filter((text) => /^(Pulled|Created|Started):/.test(text))).toEqual([
    'Pulled: Container image "busybox" already present on machine and can be accessed by the pod',
    'Created: Container created',
    'Started: Container started',
  ]);
});

test('at most three status writes bring a pod to Running', async () => {
  const { api, clock } = await setUp();
  api.put(makePod('web', { containers: [main] }));
  await clock.advance(0);
  await clock.advance(0);
  expect(api.status('web')!.phase).toBe('Running');
  const writes = api.requests.filter(({ method, path }) => method === 'PATCH' && path.endsWith('/pods/web/status'));
  expect(writes.length).toBeLessThanOrEqual(3);
});

test('a deleted pod is stopped, then deleted for good with its uid as precondition', async () => {
  const { api, clock, runtime, events } = await setUp();
  api.put(makePod('web', { containers: [main] }));
  await clock.advance(10);
  api.markDeleted('web', 30);
  await clock.advance(31_000);

  expect(api.pods.size).toBe(0);
  const deletion = api.requests.find(({ method }) => method === 'DELETE')!;
  expect(deletion.body).toMatchObject({ gracePeriodSeconds: 0, preconditions: { uid: 'uid-web' } });
  expect(events).toContain('Killing: Stopping container main');
  const left = await runtime.list();
  expect(left.containers).toEqual([]);
  expect(left.sandboxes).toEqual([]);
});

test('a pod that has ended does not go back while its volumes are taken away', async () => {
  const { api, clock, runtime } = await setUp();
  const tearDown = vi.spyOn(CheckedVolumes.prototype, 'tearDown').mockImplementation(() => clock.sleep(1000));
  // It is made, and never starts.
  vi.spyOn(runtime, 'startContainer').mockRejectedValue(new Error('no'));
  api.put(makePod('web', { containers: [main], restartPolicy: 'Never' }));
  await clock.advance(10);
  api.markDeleted('web', 30);
  await clock.advance(100);
  api.put({ ...api.pods.get('web')!, metadata: { ...api.pods.get('web')!.metadata, labels: { a: 'b' } } });
  await clock.advance(5000);
  tearDown.mockRestore();

  expect(api.pods.size).toBe(0);
  const written = api.requests.filter(({ method }) => method === 'PATCH').map(({ body }) => body as Pod);
  const phases = written.flatMap(({ status }) => status?.phase ?? []);
  expect(phases).toEqual(['Failed']);
  const states = written.flatMap(({ status }) => status?.containerStatuses?.map(({ state }) => state) ?? []);
  expect(states.at(-1)).toHaveProperty('terminated');
});

test('a pod runs by the handler of its RuntimeClass, and not at all while there is no such class', async () => {
  const { api, clock, runtime, events } = await setUp();
  const run = vi.spyOn(runtime, 'runSandbox');
  const request = api.request.bind(api);
  const body = { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'strong' }, handler: 'runsc' };
  vi.spyOn(api, 'request').mockImplementation(async (one) =>
    one.path.endsWith('/runtimeclasses/strong') ? { status: 200, body } : await request(one),
  );
  api.put(makePod('safe', { containers: [main], runtimeClassName: 'strong' }));
  api.put(makePod('lost', { containers: [main], runtimeClassName: 'none' }));
  await clock.advance(10);

  expect(run.mock.calls.map(([{ name, runtimeHandler }]) => [name, runtimeHandler])).toEqual([['safe', 'runsc']]);
  expect(events.find((text) => text.startsWith('FailedCreatePodSandBox'))).toContain('"none" not found');
});

test('a container that keeps failing waits 10 s, then 20 s, between restarts', async () => {
  const { api, clock, events } = await setUp({ runtime: { lifetime: () => ({ ms: 1000, exitCode: 3 }) } });
  api.put(makePod('crash', { containers: [main] }));
  await clock.advance(500);
  const restarts = () => api.status('crash')!.containerStatuses![0]!.restartCount;
  const waiting = () => api.status('crash')!.containerStatuses![0]!.state?.waiting;
  expect(restarts()).toBe(0);
  await clock.advance(1000);
  expect(restarts()).toBe(1);
  await clock.advance(1000);
  expect(waiting()).toEqual({
    reason: 'CrashLoopBackOff',
    message: 'back-off 10s restarting failed container=main pod=crash_default(uid-crash)',
  });
  expect(api.status('crash')!.phase).toBe('Running');
  expect(api.status('crash')!.containerStatuses![0]!.lastState?.terminated).toMatchObject({
    exitCode: 3,
    reason: 'Error',
  });
  expect(events).toContain('BackOff: Back-off restarting failed container main in pod crash_default(uid-crash)');
  await clock.advance(9_000);
  expect(restarts()).toBe(1);
  await clock.advance(1500);
  expect(restarts()).toBe(2);
  await clock.advance(5_000);
  expect(waiting()?.message).toContain('back-off 20s');
  // Another image may well do better, and does not wait.
  const mended = copy(api.pods.get('crash')!);
  mended.spec.containers[0]!.image = 'busybox:2';
  api.put(mended);
  await clock.advance(500);
  expect(restarts()).toBe(3);
  await clock.advance(2_000);
  expect(waiting()?.message).toContain('back-off 10s');
});

test('a container that cannot be started waits like one that failed', async () => {
  const fault = { reason: 'failed' as const, message: 'no such file' };
  const { api, clock, events } = await setUp({ runtime: { faults: { startContainer: () => fault } } });
  api.put(makePod('broken', { containers: [main] }));
  await clock.advance(500);
  expect(api.status('broken')!.containerStatuses![0]).toMatchObject({
    restartCount: 1,
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: 128, reason: 'StartError', message: 'no such file' } },
  });
  expect(events).toContain('Failed: Error: no such file');
  await clock.advance(60_000);
  expect(api.status('broken')!.containerStatuses![0]!.restartCount).toBe(3);
});

test('a pod that need not restart ends as its containers end', async () => {
  const lifetime = ({ name }: { name: string }) => ({ ms: 1000, exitCode: name === 'bad' ? 1 : 0 });
  const { api, clock } = await setUp({ runtime: { lifetime } });
  api.put(makePod('good', { restartPolicy: 'Never', containers: [main] }));
  api.put(makePod('bad', { restartPolicy: 'Never', containers: [main, { ...main, name: 'bad' }] }));
  await clock.advance(2000);
  expect(api.status('good')!.phase).toBe('Succeeded');
  expect(api.status('good')!.conditions).toContainEqual(
    expect.objectContaining({ type: 'Ready', status: 'False', reason: 'PodCompleted' }),
  );
  expect(api.status('good')!.containerStatuses![0]!.state?.terminated).toMatchObject({
    exitCode: 0,
    reason: 'Completed',
  });
  expect(api.status('bad')!.phase).toBe('Failed');
});

test('init containers run one after the other, and a sidecar stays', async () => {
  const lifetime = ({ name }: { name: string }) => (name.startsWith('init') ? { ms: 1000, exitCode: 0 } : undefined);
  const { api, clock } = await setUp({ runtime: { lifetime } });
  const initContainers: Container[] = [
    { ...main, name: 'init-a' },
    { ...main, name: 'side', restartPolicy: 'Always' },
    { ...main, name: 'init-b' },
  ];
  api.put(makePod('app', { initContainers, containers: [main] }));
  await clock.advance(500);
  const names = () => api.status('app')!.initContainerStatuses!.map(({ state }) => Object.keys(state!)[0]);
  expect(names()).toEqual(['running', 'waiting', 'waiting']);
  expect(api.status('app')!.containerStatuses![0]!.state?.waiting?.reason).toBe('PodInitializing');
  expect(api.status('app')!.conditions).toContainEqual(
    expect.objectContaining({
      type: 'Initialized',
      message: 'containers with incomplete status: [init-a side init-b]',
    }),
  );
  await clock.advance(1000);
  expect(names()).toEqual(['terminated', 'running', 'running']);
  await clock.advance(1000);
  expect(names()).toEqual(['terminated', 'running', 'terminated']);
  expect(api.status('app')!.phase).toBe('Running');
  expect(api.status('app')!.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
});

test('a new kubelet takes containers over without restarting them, and cleans up after pods deleted meanwhile', async () => {
  const { api, clock, runtime, kubelet, options } = await setUp();
  api.put(makePod('stays', { containers: [main] }));
  api.put(makePod('goes', { containers: [main] }));
  await clock.advance(10);
  const before = api.status('stays')!.containerStatuses![0]!.containerID;
  await kubelet.stop();
  api.pods.delete('goes');

  const writes = () => api.requests.filter(({ path }) => path.endsWith('/pods/stays/status')).length;
  const written = writes();
  const next = new Kubelet(options);
  await started(next, clock);
  await clock.advance(65_000);
  expect(api.status('stays')!.containerStatuses![0]).toMatchObject({
    containerID: before,
    restartCount: 0,
    ready: true,
  });
  expect(writes()).toBe(written);
  const { containers } = await runtime.list();
  expect(containers.map(({ labels }) => labels['io.kubernetes.pod.name'])).toEqual(['stays']);
});

test('a failing liveness probe restarts the container', async () => {
  const results = ['success', 'failure', 'failure', 'failure'] as const;
  let call = 0;
  const prober = async () => ({
    result: results[Math.min(call++, 3)]!,
    output: 'HTTP probe failed with statuscode: 503',
  });
  const { api, clock, events } = await setUp({ kubelet: { prober } });
  const livenessProbe = { httpGet: { port: 80 }, periodSeconds: 10, failureThreshold: 3 };
  api.put(makePod('web', { containers: [{ ...main, livenessProbe }] }));
  await clock.advance(29_000);
  expect(events).toContain('Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 503');
  expect(api.status('web')!.containerStatuses![0]!.restartCount).toBe(0);
  await clock.advance(5000);
  expect(events).toContain('Killing: Container main failed liveness probe, will be restarted');
  expect(api.status('web')!.containerStatuses![0]!.restartCount).toBe(1);
});

test('an image that cannot be pulled shows ErrImagePull, then backs off, then is tried again', async () => {
  const fault = { reason: 'image not found' as const, message: 'no such image' };
  const { api, clock, events } = await setUp({ runtime: { images: [], faults: { pullImage: () => fault } } });
  api.put(makePod('web', { containers: [main] }));
  await clock.advance(100);
  const waiting = () => api.status('web')!.containerStatuses![0]!.state?.waiting;
  expect(waiting()).toEqual({ reason: 'ErrImagePull', message: 'no such image' });
  await clock.advance(3000);
  expect(waiting()).toEqual({ reason: 'ImagePullBackOff', message: 'Back-off pulling image "busybox"' });
  await clock.advance(8000);
  expect(events.filter((text) => text === 'Pulling: Pulling image "busybox"')).toHaveLength(2);
});

test('a missing secret shows CreateContainerConfigError in upstream words', async () => {
  const { api, clock } = await setUp();
  const env = [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } }];
  api.put(makePod('web', { containers: [{ ...main, env }] }));
  await clock.advance(100);
  expect(api.status('web')!.containerStatuses![0]!.state?.waiting).toEqual({
    reason: 'CreateContainerConfigError',
    message: 'secret "db" not found',
  });
  expect(api.status('web')!.phase).toBe('Pending');
});

test('a pod past its deadline fails', async () => {
  const { api, clock } = await setUp();
  api.put(makePod('slow', { activeDeadlineSeconds: 5, containers: [main] }));
  await clock.advance(4000);
  expect(api.status('slow')!.phase).toBe('Running');
  await clock.advance(40_000);
  expect(api.status('slow')).toMatchObject({
    phase: 'Failed',
    reason: 'DeadlineExceeded',
    message: 'Pod was active on the node longer than the specified deadline',
  });
});
