/** A pod's phase, conditions and addresses, from its container statuses. Pure; rules and texts are upstream's. */
import type {
  Container,
  ContainerStateTerminated,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { ContainerStatuses } from './container-status.js';
import { formatList } from './go-text.js';
import { sandboxNeed } from './pod-actions.js';
import { podResourcesStatus } from './pod-resources-status.js';
import { isRestartableInit, latestContainer, type PodState } from './pod-state.js';
import { qosClass } from './qos.js';
import { allRestartingCondition, canRestartAll, isRestartingAll, takenAway } from './restart-all.js';
import { restartsAfter } from './restart-policy.js';

export interface PodStatusInput {
  pod: Pod;
  state: PodState;
  statuses: ContainerStatuses;
  /** All has been stopped, and nothing will start again. */
  terminated: boolean;
  /** The kubelet ended or refused the pod: DeadlineExceeded, Evicted, OutOfcpu, ... */
  verdict?: Verdict;
  hostIPs: readonly string[];
  /** The pod with what it has as a whole, where that is not yet what it was granted. */
  actual: Pod;
  /** What is to be said of a resize. */
  resizing: readonly PodCondition[];
  nowMs: number;
}

/** Why the node itself ends a pod. */
export interface Verdict {
  reason: string;
  message: string;
  /** It is not the pod's fault: what its condition DisruptionTarget says. */
  disruption?: string;
  /** How long its containers have. Default: as long as the pod says. */
  graceSeconds?: number;
}

export function podStatus(input: PodStatusInput): PodStatus {
  const { pod, statuses, verdict, hostIPs } = input;
  const isRestarting = !input.terminated && canRestartAll(pod) && isRestartingAll(pod, input.state);
  const how = { terminated: input.terminated, isRestarting };
  const phase = verdict && input.terminated ? 'Failed' : podPhase(pod, statuses, how);
  const ips = podIPs(input);
  return {
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: [...input.resizing, ...conditions(input, phase)],
    ...(verdict && { reason: verdict.reason, message: verdict.message }),
    ...(hostIPs[0] && { hostIP: hostIPs[0], hostIPs: hostIPs.map((ip) => ({ ip })) }),
    ...(ips[0] && { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: pod.status?.startTime ?? formatTime(input.nowMs),
    ...statuses,
    qosClass: pod.status?.qosClass ?? qosClass(pod),
    ...podResourcesStatus(pod, input.actual),
  };
}

function podIPs({ pod, state, hostIPs }: PodStatusInput): readonly string[] {
  if (pod.spec.hostNetwork) return hostIPs;
  const ips = state.sandboxes[0]?.ips ?? [];
  if (ips.length > 0) return ips;
  return (pod.status?.podIPs ?? []).map(({ ip }) => ip);
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase */
export function podPhase(
  pod: Pod,
  statuses: ContainerStatuses,
  { terminated, isRestarting = false }: { terminated: boolean; isRestarting?: boolean },
): string {
  const startsAgain = (end: ContainerStateTerminated, container: Container) =>
    isRestarting || end.reason === takenAway.reason || restartsAfter(end.exitCode, container, pod);
  const init = initProgress(pod, { statuses, startsAgain });
  if (init.failed > 0) return 'Failed';

  const count = { running: 0, waiting: 0, stopped: 0, restarting: 0, succeeded: 0, unknown: 0 };
  for (const container of pod.spec.containers) {
    const status = statuses.containerStatuses?.find(({ name }) => name === container.name);
    const end = status?.state?.terminated ?? (status?.state?.waiting && status.lastState?.terminated);
    if (status?.state?.running) count.running++;
    else if (end) {
      count.stopped++;
      if (startsAgain(end, container)) count.restarting++;
      if (status?.state?.terminated && end.exitCode === 0) count.succeeded++;
    } else if (status?.state?.waiting) count.waiting++;
    else count.unknown++;
  }
  if (terminated)
    return count.stopped > 0 && count.stopped === count.succeeded && init.pending === 0 ? 'Succeeded' : 'Failed';
  const everStarted = count.running + count.stopped > 0;
  if (init.pending > 0 || (init.sidecarsPending > 0 && !everStarted)) return 'Pending';
  if (count.waiting > 0) return 'Pending';
  if (count.unknown > 0) return 'Pending';
  if (count.running > 0) return 'Running';
  if (count.stopped === 0) return 'Pending';
  if (count.restarting > 0) return 'Running';
  return count.stopped === count.succeeded ? 'Succeeded' : 'Failed';
}

function initProgress(
  pod: Pod,
  {
    statuses: { initContainerStatuses = [] },
    startsAgain,
  }: {
    statuses: ContainerStatuses;
    startsAgain: (end: ContainerStateTerminated, container: Container) => boolean;
  },
) {
  const progress = { pending: 0, sidecarsPending: 0, failed: 0 };
  for (const container of pod.spec.initContainers ?? []) {
    const status = initContainerStatuses.find(({ name }) => name === container.name);
    if (isRestartableInit(container)) {
      if (!status?.started && !status?.lastState?.terminated) progress.sidecarsPending++;
      continue;
    }
    const end = status?.state?.terminated ?? (status?.state?.waiting && status.lastState?.terminated);
    if (!end) progress.pending++;
    else if (end.exitCode !== 0) {
      if (!startsAgain(end, container)) progress.failed++;
      // One that was taken away with all others has been run, and they go on.
      if (end.reason !== takenAway.reason) progress.pending++;
    }
  }
  return progress;
}

type Holding = Pick<PodCondition, 'status' | 'reason' | 'message'>;
const yes: Holding = { status: 'True' };
const no = (reason: string, message?: string): Holding => ({ status: 'False', reason, ...(message && { message }) });

/** Only the conditions that a kubelet owns, in upstream's order. */
function conditions(input: PodStatusInput, phase: string): PodCondition[] {
  const { pod, nowMs, verdict } = input;
  const containersReady = containersReadyVerdict(input, phase);
  const verdicts: Record<string, Holding> = {
    PodReadyToStartContainers: sandboxNeed(pod, input.state).create ? { status: 'False' } : yes,
    Initialized: initializedVerdict(input, phase),
    Ready: containersReady.status === 'True' ? gatesVerdict(pod) : containersReady,
    ContainersReady: containersReady,
    PodScheduled: yes,
    ...(canRestartAll(pod) && { [allRestartingCondition]: allRestartingVerdict(input, phase) }),
    ...(verdict?.disruption && {
      DisruptionTarget: { status: 'True', reason: 'TerminationByKubelet', message: verdict.disruption },
    }),
  };
  return Object.entries(verdicts).map(([type, holding]) => {
    const before = pod.status?.conditions?.find((condition) => condition.type === type);
    const same = before?.status === holding.status && before.lastTransitionTime;
    return {
      type,
      ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
      ...holding,
      lastTransitionTime: same || formatTime(nowMs),
    };
  });
}

function containersReadyVerdict({ pod, statuses }: PodStatusInput, phase: string): Holding {
  const all = [...(statuses.initContainerStatuses ?? []), ...(statuses.containerStatuses ?? [])];
  const names = [...(pod.spec.initContainers ?? []).filter(isRestartableInit), ...pod.spec.containers].map(
    (c) => c.name,
  );
  const { unknown, unfit } = sortOut(names, all, (status) => status.ready);
  if (phase === 'Succeeded' && unknown.length === 0) return no('PodCompleted');
  if (phase === 'Failed') return no('PodFailed');
  const message = join(unknown, unfit, 'unready');
  return message ? no('ContainersNotReady', message) : yes;
}

function allRestartingVerdict({ pod, state }: PodStatusInput, phase: string): Holding {
  if (phase === 'Succeeded') return no('PodCompleted');
  if (phase === 'Failed') return no('PodFailed');
  const { initContainers = [], containers } = pod.spec;
  const isLeft = [...initContainers, ...containers].some(({ name }) => latestContainer(state, name));
  if (!isLeft || !isRestartingAll(pod, state)) return { status: 'False' };
  const message = 'container exited with restart policy rule';
  return { status: 'True', reason: 'RestartAllContainersStarted', message };
}

function initializedVerdict({ pod, statuses }: PodStatusInput, phase: string): Holding {
  const inits = pod.spec.initContainers ?? [];
  const { unknown, unfit } = sortOut(
    inits.map(({ name }) => name),
    statuses.initContainerStatuses ?? [],
    (status) => {
      const container = inits.find(({ name }) => name === status.name)!;
      return isRestartableInit(container) ? status.started === true : status.ready;
    },
  );
  if (phase === 'Succeeded' && unknown.length === 0) return { status: 'True', reason: 'PodCompleted' };
  // Once a regular container has started, a restarting sidecar does not undo initialization.
  const started = (statuses.containerStatuses ?? []).some(
    ({ state, lastState }) => state?.running || state?.terminated || lastState?.terminated,
  );
  // Nor do containers that all start again.
  const before = pod.status?.conditions?.find(({ type }) => type === 'Initialized');
  const message = started || before?.status === 'True' ? '' : join(unknown, unfit, 'incomplete');
  return message ? no('ContainersNotInitialized', message) : yes;
}

function sortOut(names: string[], statuses: ContainerStatus[], suits: (status: ContainerStatus) => boolean) {
  const unknown: string[] = [];
  const unfit: string[] = [];
  for (const name of names) {
    const status = statuses.find((one) => one.name === name);
    if (!status) unknown.push(name);
    else if (!suits(status)) unfit.push(name);
  }
  return { unknown, unfit };
}

function join(unknown: string[], unfit: string[], word: string): string {
  const parts = [];
  if (unknown.length > 0) parts.push(`containers with unknown status: ${formatList(unknown)}`);
  if (unfit.length > 0) parts.push(`containers with ${word} status: ${formatList(unfit)}`);
  return parts.join(', ');
}

function gatesVerdict(pod: Pod): Holding {
  const messages: string[] = [];
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const condition = pod.status?.conditions?.find(({ type }) => type === conditionType);
    if (!condition) {
      messages.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    } else if (condition.status !== 'True') {
      messages.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`);
    }
  }
  return messages.length > 0 ? no('ReadinessGatesNotReady', messages.join(', ')) : yes;
}
