/** Container statuses from what the runtime holds, what is going on, and what probes say. Pure. */
import type {
  Container,
  ContainerStatus,
  ContainerState as ContainerStatusState,
  Pod,
  PodStatus,
  ResourceRequirements,
} from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import { shouldRestart } from './pod-actions.js';
import { type AnyContainer, isRestartableInit, type PodState, restartCountOf } from './pod-state.js';
import { isRestartingAll, takenAway } from './restart-all.js';
import type { ContainerState } from './runtime/runtime.js';

/** Why a container is not running. */
export interface WaitingReason {
  reason: string;
  message?: string;
}

export interface ContainerStatusInput {
  pod: Pod;
  /** Without containers whose start is still under way (image, creation, postStart): they show as they did before. */
  state: PodState;
  /** What keeps a container from starting, by name. */
  waiting: ReadonlyMap<string, WaitingReason>;
  /** What an exited container said of its end, by id. */
  terminationMessages: ReadonlyMap<string, string>;
  ready: (containerId: string) => boolean;
  started: (containerId: string) => boolean;
  /** What a running container has, while that is not what it was granted. */
  actual: (containerId: string) => ResourceRequirements | undefined;
  /** `containerd`, of `containerd://<id>`. */
  runtimeName: string;
  /** All has been stopped, and nothing will start again. */
  terminated: boolean;
}

export type ContainerStatuses = Pick<
  PodStatus,
  'initContainerStatuses' | 'containerStatuses' | 'ephemeralContainerStatuses'
>;

export function containerStatuses(input: ContainerStatusInput): ContainerStatuses {
  const { pod } = input;
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.spec;
  // Upstream keeps to this reason even when initialization is over and an image is being pulled.
  const waitingFor = initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating';
  const of = (list: readonly AnyContainer[], kind: Kind) =>
    list.map((container) => containerStatus(input, { container, kind, waitingFor }));
  const init = of(initContainers, 'init');
  const regular = of(containers, 'regular');
  if (input.terminated) settle(input.pod, { init, regular });
  return {
    ...(initContainers.length > 0 && { initContainerStatuses: init }),
    containerStatuses: regular,
    ...(ephemeralContainers.length > 0 && { ephemeralContainerStatuses: of(ephemeralContainers, 'ephemeral') }),
  };
}

type Kind = 'init' | 'regular' | 'ephemeral';

interface Subject {
  container: AnyContainer;
  kind: Kind;
  /** The reason to show while nothing else is known. */
  waitingFor: string;
}

function containerStatus(input: ContainerStatusInput, subject: Subject): ContainerStatus {
  const { container } = subject;
  const [last, previous] = runsOf(input.state, container.name);
  if (!last) return missingStatus(input, subject);

  const status: ContainerStatus = {
    name: container.name,
    state: stateOf(input, last),
    lastState: previous?.state === 'exited' ? stateOf(input, previous) : endBefore(input, last),
    ready: false,
    restartCount: restartCountOf(last),
    image: last.image,
    imageID: last.imageRef,
    containerID: `${input.runtimeName}://${last.id}`,
    ...configured(container, last.state === 'running' ? input.actual(last.id) : undefined),
  };
  const why = input.waiting.get(container.name);
  const restarts = subject.kind !== 'ephemeral' && shouldRestart(container as Container, input.pod, last);
  if (why && last.state !== 'running' && restarts && !input.terminated) {
    if (last.state === 'exited') status.lastState = status.state;
    status.state = { waiting: why };
  }
  setReadiness(input, subject, { status, last });
  return status;
}

/** Of a run that the runtime no longer has, as the status told it. */
function endBefore({ pod, runtimeName }: ContainerStatusInput, last: ContainerState): ContainerStatusState {
  const before = findStatus(pod.status, last.name);
  const isOther = before?.containerID !== `${runtimeName}://${last.id}`;
  const terminated = (isOther && before?.state?.terminated) || before?.lastState?.terminated;
  return terminated ? { terminated } : {};
}

function setReadiness(
  input: ContainerStatusInput,
  { container, kind }: Subject,
  { status, last }: { status: ContainerStatus; last: ContainerState },
): void {
  const running = status.state?.running !== undefined;
  if (kind === 'init' && !isRestartableInit(container as Container)) {
    status.started = false;
    status.ready = status.state?.terminated?.exitCode === 0;
    return;
  }
  status.started = running && input.started(last.id);
  if (kind !== 'ephemeral') status.ready = running && status.started && input.ready(last.id);
}

/** The runtime has no such container: it was never made, or it was lost. */
function missingStatus(input: ContainerStatusInput, { container, waitingFor, kind }: Subject): ContainerStatus {
  const status: ContainerStatus = {
    name: container.name,
    state: { waiting: input.waiting.get(container.name) ?? { reason: waitingFor } },
    lastState: {},
    ready: false,
    restartCount: 0,
    image: container.image ?? '',
    imageID: '',
    started: false,
    ...mounted(container),
  };
  const before = findStatus(input.pod.status, container.name);
  if (!before) return status;
  status.restartCount = before.restartCount;
  const wasThere = before.state && !before.state.waiting;
  if (wasThere && kind !== 'ephemeral' && !input.terminated && isRestartingAll(input.pod, input.state)) {
    status.state = { waiting: takenAway };
    status.lastState = { terminated: { exitCode: 137, ...takenAway } };
    status.restartCount = before.restartCount + 1;
    return status;
  }
  if (before.state?.terminated) {
    // One that was removed after it ended stays as it was, until something is to be said of the next.
    const why = input.waiting.get(container.name);
    const waits = why && !input.terminated && kind !== 'ephemeral';
    return waits ? { ...before, lastState: before.state, state: { waiting: why } } : before;
  }
  if (before.lastState?.terminated) status.lastState = before.lastState;
  if (before.state?.running) lost(input, { status, before });
  return status;
}

const lostContainer = { exitCode: 137, reason: 'ContainerStatusUnknown' };

/**
 * At the end of a pod whatever may have run has ended, and nobody can say how. What never came to its turn, behind an
 * init container that did not succeed, stays waiting.
 */
function settle(pod: Pod, { init, regular }: { init: ContainerStatus[]; regular: ContainerStatus[] }): void {
  const hasBegun = ({ state, lastState }: ContainerStatus) => !state?.waiting || lastState?.terminated !== undefined;
  const turns = Math.max(init.findLastIndex(hasBegun) + 1, 1);
  const message = 'The container could not be located when the pod was terminated';
  for (const status of [...init.slice(0, turns), ...(isInitialized(pod, { init, regular }) ? regular : [])])
    if (!status.state?.terminated) status.state = { terminated: { ...lostContainer, message } };

  function isInitialized({ spec }: Pod, statuses: { init: ContainerStatus[]; regular: ContainerStatus[] }): boolean {
    const last = spec.initContainers?.at(-1);
    if (!last || statuses.regular.some(hasBegun)) return true;
    const { state, lastState, started } = statuses.init.at(-1)!;
    if (isRestartableInit(last)) return state?.running !== undefined && started === true;
    return state?.terminated?.exitCode === 0 || lastState?.terminated?.exitCode === 0;
  }
}

function lost(
  { pod }: ContainerStatusInput,
  { status, before }: { status: ContainerStatus; before: ContainerStatus },
): void {
  const when = pod.metadata.deletionTimestamp ? 'pod was deleted' : 'pod was terminated';
  const message = `The container could not be located when the ${when}.  The container used to be Running`;
  status.lastState = { terminated: { ...lostContainer, message } };
  // One that is being deleted will not be started again.
  if (!pod.metadata.deletionTimestamp) status.restartCount = before.restartCount + 1;
}

/** What the spec says of resources and mounts, which the status repeats of a container that the runtime has. */
function configured(container: AnyContainer, actual?: ResourceRequirements): Partial<ContainerStatus> {
  const { limits, requests } = { ...container.resources, ...actual };
  const allocated = container.resources?.requests;
  return {
    ...(allocated && { allocatedResources: allocated }),
    // Even where there are none: by this the API server knows a node whose pods can be resized.
    resources: { ...(limits && { limits }), ...(requests && { requests }) },
    ...mounted(container),
  };
}

function mounted({ volumeMounts = [] }: AnyContainer): Partial<ContainerStatus> {
  if (volumeMounts.length === 0) return {};
  const told = volumeMounts.map(({ name, mountPath, readOnly }) => ({
    name,
    mountPath,
    ...(readOnly && { readOnly, recursiveReadOnly: 'Disabled' }),
  }));
  return { volumeMounts: told };
}

function stateOf(input: ContainerStatusInput, container: ContainerState): ContainerStatusState {
  if (container.state === 'running') return { running: { startedAt: formatTime(container.startedAtMs) } };
  if (container.state === 'created') return { waiting: { reason: 'ContainerCreating' } };
  const { exitCode, signal, reason, message, startedAtMs, finishedAtMs, id } = container;
  const text = input.terminationMessages.get(id) || message;
  return {
    terminated: {
      exitCode: container.state === 'unknown' ? 137 : exitCode,
      ...(signal && { signal }),
      reason: reason || (container.state === 'unknown' ? lostContainer.reason : exitCode === 0 ? 'Completed' : 'Error'),
      ...(text && { message: text }),
      // One that never started did so, in the runtime's words, at the beginning of time.
      startedAt: formatTime(startedAtMs),
      finishedAt: formatTime(finishedAtMs),
      containerID: `${input.runtimeName}://${id}`,
    },
  };
}

function runsOf(state: PodState, name: string): ContainerState[] {
  return state.containers.filter((container) => container.name === name);
}

export function findStatus(status: PodStatus | undefined, name: string): ContainerStatus | undefined {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = status ?? {};
  const byName = (one: ContainerStatus) => one.name === name;
  return (
    containerStatuses.find(byName) ?? initContainerStatuses.find(byName) ?? ephemeralContainerStatuses.find(byName)
  );
}
