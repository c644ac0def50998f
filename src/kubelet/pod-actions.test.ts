import { describe, expect, test } from 'vitest';
import type { Container, Pod } from '#api/gen/core-v1.js';
import { computePodActions, type ProbeLookup } from './pod-actions.js';
import { containerHash, containerHashAnnotation, type PodState } from './pod-state.js';
import type { ContainerState, SandboxState } from './runtime/runtime.js';

const image = 'busybox';
const a: Container = { name: 'a', image };
const b: Container = { name: 'b', image };

function podOf(spec: Partial<Pod['spec']>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default', uid: 'u' },
    spec: { restartPolicy: 'Always', containers: [a, b], ...spec },
  };
}

function sandbox(change: Partial<SandboxState> = {}): SandboxState {
  const base = { id: 's0', name: 'p', namespace: 'default', uid: 'u', attempt: 0, ready: true, createdAtMs: 1 };
  return { ...base, ips: ['10.0.0.1'], labels: {}, annotations: {}, ...change };
}

function run(name: string, change: Partial<ContainerState> = {}): ContainerState {
  return {
    id: `id-${name}`,
    sandboxId: 's0',
    name,
    attempt: 0,
    state: 'running',
    createdAtMs: 2,
    startedAtMs: 3,
    finishedAtMs: 0,
    exitCode: 0,
    signal: 0,
    reason: '',
    message: '',
    image,
    imageRef: '',
    imageId: '',
    logPath: '',
    labels: {},
    annotations: { [containerHashAnnotation]: containerHash({ name, image }) },
    ...change,
  };
}

const exited = (name: string, exitCode: number) => run(name, { state: 'exited', exitCode });

function decide(pod: Pod, state: Partial<PodState>, failing: { liveness?: string; startup?: string } = {}) {
  const lookup =
    (failed: string | undefined): ProbeLookup =>
    (id) =>
      id === `id-${failed}` ? 'failure' : undefined;
  const probes = { liveness: lookup(failing.liveness), startup: lookup(failing.startup) };
  const { containersToKill, ...rest } = computePodActions({
    pod,
    state: { sandboxes: [sandbox()], containers: [], ...state },
    probes,
    replaced: new Set(),
  });
  return { ...rest, kill: containersToKill.map(({ message }) => message) };
}

describe('the sandbox', () => {
  test('is made first, and everything starts', () => {
    const actions = decide(podOf({}), { sandboxes: [] });
    expect(actions).toMatchObject({ createSandbox: true, attempt: 0, containersToStart: ['a', 'b'] });
  });

  test('that is not ready is made anew, and all containers with it', () => {
    const state = { sandboxes: [sandbox({ ready: false })], containers: [run('a'), run('b')] };
    expect(decide(podOf({}), state)).toMatchObject({
      killPod: true,
      createSandbox: true,
      attempt: 1,
      containersToStart: ['a', 'b'],
    });
  });

  test('is not made anew for a pod that does not restart', () => {
    const state = { sandboxes: [sandbox({ ready: false })], containers: [exited('a', 1)] };
    const actions = decide(podOf({ restartPolicy: 'Never' }), state);
    expect(actions).toMatchObject({ killPod: true, createSandbox: false, containersToStart: [] });
  });

  test('without an address is unfit, but on the network of the node', () => {
    const state = { sandboxes: [sandbox({ ips: [] })], containers: [run('a'), run('b')] };
    expect(decide(podOf({}), state).createSandbox).toBe(true);
    expect(decide(podOf({ hostNetwork: true }), state).createSandbox).toBe(false);
  });

  test('made anew means that init containers run again', () => {
    const pod = podOf({ initContainers: [{ name: 'i', image }] });
    const old = { sandboxes: [sandbox({ ready: false })], containers: [run('a'), run('b')] };
    expect(decide(pod, old)).toMatchObject({ initContainersToStart: ['i'], containersToStart: [] });
    const fresh = [sandbox({ id: 's1', attempt: 1, createdAtMs: 9 }), sandbox({ ready: false })];
    const now = { sandboxes: fresh, containers: [exited('a', 0), exited('b', 0)] };
    expect(decide(pod, now)).toMatchObject({
      createSandbox: false,
      initContainersToStart: ['i'],
      containersToStart: [],
    });
  });
});

describe('containers', () => {
  test.each([
    ['Always', 0, ['a']],
    ['Always', 1, ['a']],
    ['OnFailure', 0, []],
    ['OnFailure', 1, ['a']],
    ['Never', 0, []],
    ['Never', 1, []],
  ])('with policy %s and exit code %i: start %j', (restartPolicy, exitCode, start) => {
    const actions = decide(podOf({ restartPolicy }), { containers: [exited('a', exitCode), run('b')] });
    expect(actions).toMatchObject({ containersToStart: start, killPod: false });
  });

  test('that have all ended for good end the pod', () => {
    const pod = podOf({ restartPolicy: 'OnFailure' });
    expect(decide(pod, { containers: [exited('a', 0), exited('b', 0)] }).killPod).toBe(true);
  });

  test('are killed by their liveness and startup probes, and by a change of image', () => {
    const state = { containers: [run('a'), run('b')] };
    expect(decide(podOf({}), state, { liveness: 'a' }).kill).toEqual([
      'Container a failed liveness probe, will be restarted',
    ]);
    const never = podOf({ restartPolicy: 'Never' });
    expect(decide(never, state, { startup: 'b' }).kill).toEqual(['Container b failed startup probe']);
    const changed = podOf({ restartPolicy: 'Never', containers: [{ name: 'a', image: 'other' }, b] });
    expect(decide(changed, state)).toMatchObject({
      kill: ['Container a definition changed, will be restarted'],
      containersToStart: ['a'],
    });
  });
});

describe('init containers', () => {
  const one: Container = { name: 'one', image };
  const side: Container = { name: 'side', image, restartPolicy: 'Always' };
  const two: Container = { name: 'two', image };
  const pod = podOf({ initContainers: [one, side, two] });

  test.each<[string, ContainerState[], string[], string[]]>([
    ['first', [], ['one'], []],
    ['while the first runs', [run('one')], [], []],
    ['after the first', [exited('one', 0)], ['side'], []],
    ['after the sidecar has started', [run('side'), exited('one', 0)], ['two'], []],
    ['a sidecar that died while the next one runs', [run('two'), exited('side', 1), exited('one', 0)], ['side'], []],
    ['after the last', [exited('two', 0), run('side'), exited('one', 0)], [], ['a', 'b']],
    ['one that failed', [exited('one', 1)], ['one'], []],
  ])('%s', (_title, containers, init, regular) => {
    expect(decide(pod, { containers })).toMatchObject({ initContainersToStart: init, containersToStart: regular });
  });

  test('that fail for good end the pod', () => {
    const never = podOf({ restartPolicy: 'Never', initContainers: [one] });
    expect(decide(never, { containers: [exited('one', 1)] })).toMatchObject({ killPod: true, containersToStart: [] });
  });

  test('a sidecar with a startup probe holds the next one back until it has succeeded', () => {
    const probed = podOf({ initContainers: [{ ...side, startupProbe: { exec: {} } }, two] });
    expect(decide(probed, { containers: [run('side')] }).initContainersToStart).toEqual([]);
  });

  test('sidecars do not keep alive a pod whose containers are done', () => {
    const job = podOf({ restartPolicy: 'Never', initContainers: [side], containers: [a] });
    const actions = decide(job, { containers: [exited('a', 0), exited('side', 1)] });
    expect(actions).toMatchObject({ killPod: true, initContainersToStart: [] });
  });
});
