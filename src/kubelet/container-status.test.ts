import { describe, expect, test } from 'vitest';
import type { ContainerStatus, Pod } from '#api/gen/core-v1.js';
import { type ContainerStatusInput, containerStatuses } from './container-status.js';
import type { ContainerState } from './runtime/runtime.js';

const base: Omit<ContainerState, 'id' | 'name' | 'state' | 'exitCode'> = {
  sandboxId: 's',
  attempt: 0,
  createdAtMs: 0,
  startedAtMs: 0,
  finishedAtMs: 0,
  signal: 0,
  reason: '',
  message: '',
  image: 'i',
  imageRef: 'i',
  imageId: 'i',
  logPath: '',
  labels: {},
  annotations: {},
};
const exited = (name: string, exitCode: number): ContainerState => ({
  ...base,
  id: name,
  name,
  state: 'exited',
  exitCode,
});

/** What each container shows at the end of its pod, by what the runtime still holds. */
function atTheEnd(containers: ContainerState[], { init = ['one', 'two'] as string[], status = {} } = {}) {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u', deletionTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      restartPolicy: 'Never',
      initContainers: init.map((name) => ({ name, image: 'i' })),
      containers: [{ name: 'main', image: 'i' }],
    },
    status,
  };
  const input: ContainerStatusInput = {
    pod,
    state: { sandboxes: [], containers },
    waiting: new Map(),
    terminationMessages: new Map(),
    ready: () => true,
    started: () => true,
    actual: () => undefined,
    runtimeName: 'simulated',
    terminated: true,
  };
  const { initContainerStatuses = [], containerStatuses: regular = [] } = containerStatuses(input);
  const shown = ({ name, state }: ContainerStatus) =>
    `${name} ${state?.waiting?.reason ?? `${state?.terminated?.reason} ${state?.terminated?.exitCode}`}`;
  return [...initContainerStatuses, ...regular].map(shown);
}

const lost = 'ContainerStatusUnknown 137';

describe('at the end of a pod', () => {
  test('that never began, its first container is lost, and the others never had their turn', () => {
    expect(atTheEnd([])).toEqual([`one ${lost}`, 'two PodInitializing', 'main PodInitializing']);
    expect(atTheEnd([], { init: [] })).toEqual([`main ${lost}`]);
  });

  test('what stands behind an init container that failed stays waiting', () => {
    const wanted = ['one Error 1', 'two PodInitializing', 'main PodInitializing'];
    expect(atTheEnd([exited('one', 1)])).toEqual(wanted);
    expect(atTheEnd([exited('two', 1), exited('one', 0)])[2]).toBe('main PodInitializing');
  });

  test('that was initialized, what cannot be found has ended', () => {
    expect(atTheEnd([exited('two', 0), exited('one', 0)])).toEqual([
      'one Completed 0',
      'two Completed 0',
      `main ${lost}`,
    ]);
  });

  test('what was seen running has had its turn', () => {
    const running = { name: 'main', state: { running: {} }, ready: true, restartCount: 0, image: 'i', imageID: 'i' };
    expect(atTheEnd([], { status: { containerStatuses: [running] } })[2]).toBe(`main ${lost}`);
  });
});
