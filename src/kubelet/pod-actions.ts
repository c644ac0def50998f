/** The decision at the heart of the kubelet: from the pod and what the runtime holds of it, what to do next. Pure. */
import type { Container, Pod } from '#api/gen/core-v1.js';
import {
  containerHash,
  containerHashAnnotation,
  isRestartableInit,
  latestContainer,
  type PodState,
} from './pod-state.js';
import { containersToReset } from './restart-all.js';
import { restartsAfter, restartsAfterProbe } from './restart-policy.js';
import type { ContainerState } from './runtime/runtime.js';

export interface PodActionsInput {
  pod: Pod;
  state: PodState;
  /** What probes say of a container id; undefined while they have not said anything. */
  probes: { liveness: ProbeLookup; startup: ProbeLookup };
  /** Containers killed because their spec changed, which start again whatever the restart policy says. */
  replaced: ReadonlySet<string>;
}

export type ProbeLookup = (containerId: string) => 'success' | 'failure' | undefined;

export interface PodActions {
  /** Stop everything of the pod: its sandbox is gone or unfit, or there is nothing left to run. */
  killPod: boolean;
  createSandbox: boolean;
  /** The sandbox to run containers in, when none is to be created. */
  sandboxId?: string;
  attempt: number;
  /** Names, in the order to start them. */
  initContainersToStart: string[];
  containersToStart: string[];
  ephemeralContainersToStart: string[];
  containersToKill: ContainerToKill[];
  /** To take away, in this order, and nothing else to do: all begins anew after that. */
  containersToReset: ContainerState[];
}

export interface ContainerToKill {
  id: string;
  name: string;
  message: string;
  reason: 'liveness probe' | 'startup probe' | 'spec changed' | 'resize' | 'unknown state';
}

export function computePodActions(input: PodActionsInput): PodActions {
  const { pod, state } = input;
  const sandbox = sandboxNeed(pod, state);
  const actions: PodActions = {
    killPod: sandbox.create,
    createSandbox: sandbox.create,
    sandboxId: sandbox.id,
    attempt: sandbox.attempt,
    initContainersToStart: [],
    containersToStart: [],
    ephemeralContainersToStart: [],
    containersToKill: [],
    containersToReset: containersToReset(pod, state),
  };
  if (actions.containersToReset.length > 0) return { ...actions, killPod: false, createSandbox: false };
  if (sandbox.create) {
    startOver(input, actions);
    return actions;
  }
  for (const { name } of pod.spec.ephemeralContainers ?? []) {
    if (!latestContainer(state, name)) actions.ephemeralContainersToStart.push(name);
  }
  const initialized = initActions(input, actions);
  if (actions.killPod || !initialized) return actions;

  let kept = 0;
  for (const container of pod.spec.containers) if (regularAction(input, container, actions)) kept++;
  if (kept === 0 && actions.containersToStart.length === 0) {
    actions.killPod = true;
    actions.initContainersToStart = [];
  }
  return actions;
}

/** Whether the pod has no usable sandbox, and the attempt number of the one to use or to make. */
export function sandboxNeed(pod: Pod, state: PodState): { create: boolean; id?: string; attempt: number } {
  const [newest] = state.sandboxes;
  if (!newest) return { create: true, attempt: 0 };
  const ready = state.sandboxes.filter((sandbox) => sandbox.ready);
  const again = { create: true, id: newest.id, attempt: newest.attempt + 1 };
  if (ready.length !== 1 || !newest.ready) return again;
  if (!pod.spec.hostNetwork && newest.ips.length === 0) return again;
  return { create: false, id: newest.id, attempt: newest.attempt };
}

/** With a new sandbox everything starts from the beginning, unless all is done. */
function startOver({ pod, state }: PodActionsInput, actions: PodActions): void {
  const policy = pod.spec.restartPolicy;
  if (policy === 'Never' && actions.attempt !== 0 && state.containers.length > 0) {
    actions.createSandbox = false;
    return;
  }
  const toStart = pod.spec.containers.filter(({ name, restartPolicy = policy }) => {
    const last = latestContainer(state, name);
    return !(restartPolicy === 'OnFailure' && last?.state === 'exited' && last.exitCode === 0);
  });
  if (toStart.length === 0 && hasRegularContainer(pod, state)) {
    actions.createSandbox = false;
    return;
  }
  const [firstInit] = pod.spec.initContainers ?? [];
  if (firstInit) actions.initContainersToStart = [firstInit.name];
  else actions.containersToStart = toStart.map(({ name }) => name);
}

function hasRegularContainer(pod: Pod, { containers }: Pick<PodState, 'containers'>): boolean {
  return pod.spec.containers.some(({ name }) => containers.some((container) => container.name === name));
}

/**
 * Init containers run one after the other; restartable ones need only have started before the next one may start, and
 * are kept alive from then on. The furthest one that exists is where initialization stands. Gives whether it is done.
 */
function initActions(input: PodActionsInput, actions: PodActions): boolean {
  const { pod, state } = input;
  const inits = pod.spec.initContainers ?? [];
  if (inits.length === 0) return true;
  // What ran in an earlier sandbox says nothing: with a new one, initialization begins again.
  const current = state.containers.filter(({ sandboxId }) => sandboxId === actions.sandboxId);
  const initialized = hasRegularContainer(pod, { containers: current });
  const furthest = initialized
    ? inits.length
    : inits.findLastIndex(({ name }) => current.some((one) => one.name === name));
  if (furthest < 0) {
    actions.initContainersToStart.push(inits[0]!.name);
    return false;
  }
  for (const container of inits.slice(0, furthest)) {
    if (isRestartableInit(container)) keepAlive(input, container, actions);
  }
  if (initialized) return true;

  const stage = inits[furthest]!;
  const done = isRestartableInit(stage) ? keepAlive(input, stage, actions) : runToCompletion(input, stage, actions);
  if (!done) return false;
  const next = inits[furthest + 1];
  if (!next) return true;
  actions.initContainersToStart.push(next.name);
  return false;
}

/** Gives whether the sidecar has started, by its startup probe if it has one. */
function keepAlive(input: PodActionsInput, container: Container, actions: PodActions): boolean {
  const last = latestContainer(input.state, container.name);
  if (last?.state !== 'running') {
    if (last?.state === 'unknown') actions.containersToKill.push(unknownState(last, 'Init container'));
    actions.initContainersToStart.push(container.name);
    return false;
  }
  const kill = killReason(input, container, last);
  if (kill) {
    actions.containersToKill.push({ ...kill, message: `${kill.message}, will be restarted` });
    actions.initContainersToStart.push(container.name);
    return false;
  }
  return !container.startupProbe || input.probes.startup(last.id) === 'success';
}

/** Gives whether the init container has succeeded. */
function runToCompletion({ pod, state }: PodActionsInput, container: Container, actions: PodActions): boolean {
  const last = latestContainer(state, container.name)!;
  if (last.state === 'running') return false;
  if (last.state === 'unknown') actions.containersToKill.push(unknownState(last, 'Init container'));
  if (last.state === 'exited' && last.exitCode === 0) return true;
  if (last.state === 'exited' && !restartsAfter(last.exitCode, container, pod)) {
    actions.killPod = true;
    actions.initContainersToStart = [];
  } else {
    actions.initContainersToStart.push(container.name);
  }
  return false;
}

/** Gives whether the container runs and may go on. */
function regularAction(input: PodActionsInput, container: Container, actions: PodActions): boolean {
  const { pod, state, replaced } = input;
  const last = latestContainer(state, container.name);
  if (last?.state !== 'running') {
    if (shouldRestart(container, pod, last) || (last && replaced.has(last.id))) {
      actions.containersToStart.push(container.name);
      if (last?.state === 'unknown') actions.containersToKill.push(unknownState(last, 'Container'));
    }
    return false;
  }
  const kill = killReason(input, container, last);
  if (!kill) return true;
  const restart = kill.reason === 'spec changed' || restartsAfterProbe(container, pod);
  if (restart) actions.containersToStart.push(container.name);
  actions.containersToKill.push(restart ? { ...kill, message: `${kill.message}, will be restarted` } : kill);
  return false;
}

function killReason(
  { probes }: PodActionsInput,
  { name, ...spec }: Container,
  last: ContainerState,
): ContainerToKill | undefined {
  const hash = last.annotations[containerHashAnnotation];
  if (hash !== undefined && hash !== containerHash({ name, ...spec })) {
    return { id: last.id, name, message: `Container ${name} definition changed`, reason: 'spec changed' };
  }
  if (probes.liveness(last.id) === 'failure') {
    return { id: last.id, name, message: `Container ${name} failed liveness probe`, reason: 'liveness probe' };
  }
  if (probes.startup(last.id) === 'failure') {
    return { id: last.id, name, message: `Container ${name} failed startup probe`, reason: 'startup probe' };
  }
  return undefined;
}

function unknownState({ id, name }: ContainerState, what: string): ContainerToKill {
  const message = `${what} is in "unknown" state, try killing it before restart`;
  return { id, name, message, reason: 'unknown state' };
}

/** Whether a container that is not running is to be started, by the restart policy. */
export function shouldRestart(container: Container, pod: Pod, last: ContainerState | undefined): boolean {
  if (pod.metadata.deletionTimestamp) return false;
  if (!last) return true;
  if (last.state === 'running') return false;
  if (last.state === 'created' || last.state === 'unknown') return true;
  return restartsAfter(last.exitCode, container, pod);
}
