/** Scenarios of a whole kubelet on a virtual clock, with the simulated runtime and a scripted API. */
import { expect, test } from 'vitest';
import type { Container, Node, Pod } from '#api/gen/core-v1.js';
import { notFound } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import { VirtualClock } from '#base/clock.js';
import { copy } from '#base/json.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { Client } from '#client/client.js';
import type { ApiRequest, ApiResponse, Transport, WatchEvent } from '#client/transport.js';
import { Kubelet, type KubeletOptions } from './kubelet.js';
import { simulatedFacts } from './node-facts.js';
import { SimulatedRuntime, type SimulatedRuntimeOptions } from './runtime/simulated.js';

/** Holds pods and answers what a kubelet asks; everything else does not exist. */
class ScriptedApi implements Transport {
  readonly pods = new Map<string, Pod>();
  readonly requests: ApiRequest[] = [];
  nodes: Node[] = [];
  readonly #clock: VirtualClock;
  readonly #watchers = new Set<(event: WatchEvent<Pod>) => void>();
  #revision = 1;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  put(pod: Pod): Pod {
    const stored = copy(pod);
    stored.metadata.resourceVersion = String(++this.#revision);
    const type = this.pods.has(stored.metadata.name!) ? 'MODIFIED' : 'ADDED';
    this.pods.set(stored.metadata.name!, stored);
    for (const tell of this.#watchers) tell({ type, object: stored });
    return stored;
  }

  /** As a user's `kubectl delete`. */
  markDeleted(name: string, seconds: number): void {
    const pod = copy(this.pods.get(name)!);
    pod.metadata.deletionTimestamp = formatTime(this.#clock.now() + seconds * 1000);
    pod.metadata.deletionGracePeriodSeconds = seconds;
    this.put(pod);
  }

  status(name: string) {
    return this.pods.get(name)?.status;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    this.requests.push(request);
    const { method, path } = request;
    if (method === 'GET' && /\/(pods|services|configmaps|secrets|nodes)$/.test(path)) {
      const items = path.endsWith('/pods') ? [...this.pods.values()] : path.endsWith('/nodes') ? this.nodes : [];
      return { status: 200, body: { metadata: { resourceVersion: String(this.#revision) }, items } };
    }
    if (method === 'POST' && path.endsWith('/nodes')) this.nodes = [request.body as Node];
    if (method === 'POST') return { status: 201, body: path.endsWith('/nodes') ? this.nodes[0] : request.body };
    const [, , resource = '', name = ''] = /\/(namespaces\/[^/]+\/)?([^/]+)\/([^/]+)(\/status)?$/.exec(
      path.replace(/\/status$/, ''),
    )!;
    if (resource === 'nodes') return { status: 200, body: { ...this.nodes[0], ...(request.body as object) } };
    const pod = this.pods.get(name);
    if (resource !== 'pods' || !pod) throw notFound({ group: '', resource, name });
    if (method === 'PATCH') return { status: 200, body: this.#patch(pod, request.body as { status: PatchedStatus }) };
    this.pods.delete(name);
    for (const tell of this.#watchers) tell({ type: 'DELETED', object: pod });
    return { status: 200, body: pod };
  }

  async *watch({ path, signal }: ApiRequest): AsyncIterable<WatchEvent> {
    const queue: WatchEvent<Pod>[] = [];
    let wake = () => {};
    const tell = (event: WatchEvent<Pod>) => {
      queue.push(event);
      wake();
    };
    if (path.endsWith('/pods')) this.#watchers.add(tell);
    signal?.addEventListener('abort', () => wake());
    while (!signal?.aborted) {
      for (let event = queue.shift(); event; event = queue.shift()) yield event;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    this.#watchers.delete(tell);
  }

  #patch(pod: Pod, { status }: { status: PatchedStatus }): Pod {
    const next = copy(pod);
    const { conditions = [], ...rest } = status;
    const types = new Set(conditions.map(({ type }) => type));
    const kept = (pod.status?.conditions ?? []).filter(({ type }) => !types.has(type));
    const set = conditions.filter((one) => !('$patch' in one));
    const withoutNulls = set.map((one) => Object.fromEntries(Object.entries(one).filter(([, v]) => v !== null)));
    next.status = { ...pod.status, ...rest, conditions: [...kept, ...(withoutNulls as typeof conditions)] };
    return this.put(next);
  }
}

type PatchedStatus = NonNullable<Pod['status']>;

function makePod(name: string, spec: Partial<Pod['spec']> & { containers: Container[] }): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, generation: 1 },
    spec: { restartPolicy: 'Always', nodeName: 'n1', terminationGracePeriodSeconds: 30, ...spec },
    status: { phase: 'Pending' },
  };
}

const main: Container = { name: 'main', image: 'busybox' };

interface Setup {
  runtime?: Partial<SimulatedRuntimeOptions>;
  kubelet?: Partial<KubeletOptions>;
}

async function setUp({ runtime: runtimeOptions, kubelet: kubeletOptions }: Setup = {}) {
  const clock = new VirtualClock();
  const prng = new SeededPrng(1);
  const api = new ScriptedApi(clock);
  let address = 1;
  const runtime = new SimulatedRuntime({
    clock,
    prng,
    allocateAddress: () => `10.0.0.${address++}`,
    ...runtimeOptions,
  });
  const events: string[] = [];
  const options: KubeletOptions = {
    client: new Client(api),
    runtime,
    nodeName: 'n1',
    clock,
    prng,
    log: silentLog,
    events: { event: (_about, { reason, message }) => void events.push(`${reason}: ${message}`) },
    mode: 'simulated',
    addresses: ['192.0.2.1'],
    cluster: { servers: ['10.96.0.10'], domain: 'cluster.local' },
    version: 'v1.36.0+t8s.test',
    facts: simulatedFacts('n1'),
    ...kubeletOptions,
  };
  const kubelet = new Kubelet(options);
  await started(kubelet, clock);
  return { clock, api, runtime, kubelet, events, options };
}

async function started(kubelet: Kubelet, clock: VirtualClock): Promise<void> {
  const start = kubelet.start();
  await clock.advance(1);
  await start;
  await clock.advance(1);
}

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

test('a pod that the node cannot take has failed at once, and leaves room for those that come after it', async () => {
  const { api, clock } = await setUp();
  const settle = async () => {
    await clock.advance(0);
    await clock.advance(0);
  };
  const asking = (cpu: string) => ({ containers: [{ ...main, resources: { requests: { cpu } } }] });
  api.put(makePod('large', asking('1000')));
  await settle();
  expect(api.status('large')).toMatchObject({
    phase: 'Failed',
    reason: 'OutOfcpu',
    message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: 0, capacity: 32000",
  });
  expect(api.status('large')?.conditions).toEqual([]);
  api.put(makePod('fitting', asking('32')));
  await settle();
  expect(api.status('fitting')?.phase).toBe('Running');
  api.put(makePod('late', asking('1')));
  await settle();
  expect(api.status('late')?.reason).toBe('OutOfcpu');
});

test('a critical pod takes the room of others, which fail for it', async () => {
  const { api, clock } = await setUp();
  const asking = (cpu: string) => ({ containers: [{ ...main, resources: { requests: { cpu } } }] });
  api.put(makePod('usual', asking('20')));
  await clock.advance(10);
  expect(api.status('usual')?.phase).toBe('Running');
  api.put(makePod('critical', { ...asking('30'), priority: 2_000_000_000 }));
  await clock.advance(60_000);
  expect(api.status('usual')).toMatchObject({
    phase: 'Failed',
    reason: 'Preempting',
    message: 'Preempted in order to admit critical pod',
  });
  expect(api.status('usual')?.conditions?.find(({ type }) => type === 'DisruptionTarget')).toMatchObject({
    status: 'True',
    reason: 'TerminationByKubelet',
    message: 'Pod was preempted by Kubelet to accommodate a critical pod.',
  });
  expect(api.status('critical')?.phase).toBe('Running');
  api.put(makePod('impossible', { ...asking('40'), priority: 2_000_000_001 }));
  await clock.advance(1000);
  expect(api.status('impossible')?.reason).toBe('UnexpectedAdmissionError');
});
