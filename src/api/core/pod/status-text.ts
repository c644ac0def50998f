/** A pod's state in one word, with its restarts: what `kubectl get pods` shows (upstream's printPod). */
import type { ContainerStatus, Pod, PodStatus } from '#api/gen/core-v1.js';
import { isSidecar } from './resources.js';

export interface PodSummary {
  /** `Running`, `Init:1/2`, `CrashLoopBackOff`, `Terminating`. */
  status: string;
  readyContainers: number;
  /** Containers and sidecars. */
  totalContainers: number;
  restarts: number;
  /** RFC 3339; of the last container that ended and was started again. */
  lastRestart: string | undefined;
}

interface Restarts {
  count: number;
  last: string | undefined;
}

export function summarize(pod: Pod): PodSummary {
  const status: PodStatus = pod.status ?? {};
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar);
  const init = summarizeInit(pod, new Set(sidecars.map(({ name }) => name)));
  let text = init.reason ?? phaseText(status);
  let restarts = init.restarts;
  let readyContainers = init.ready;
  if (init.reason === undefined || isTrue(status, 'Initialized')) {
    const main = summarizeMain(status, { text, restarts: init.sidecarRestarts });
    text = main.text;
    restarts = main.restarts;
    readyContainers += main.ready;
  }
  const { count, last } = restarts;
  const totalContainers = (pod.spec.containers ?? []).length + sidecars.length;
  return { status: deletedText(pod) ?? text, readyContainers, totalContainers, restarts: count, lastRestart: last };
}

function phaseText(status: PodStatus): string {
  const isGated = status.conditions?.some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  );
  return isGated ? 'SchedulingGated' : status.reason || (status.phase ?? '');
}

interface InitSummary {
  /** Undefined once all have done their part. */
  reason: string | undefined;
  ready: number;
  restarts: Restarts;
  sidecarRestarts: Restarts;
}

/** Up to the first init container that is not through. */
function summarizeInit(pod: Pod, sidecars: ReadonlySet<string>): InitSummary {
  let restarts: Restarts = { count: 0, last: undefined };
  let sidecarRestarts = restarts;
  let ready = 0;
  const total = pod.spec.initContainers?.length ?? 0;
  for (const [index, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    restarts = addRestarts(restarts, container);
    const isSidecarStatus = sidecars.has(container.name);
    if (isSidecarStatus) sidecarRestarts = addRestarts(sidecarRestarts, container);
    if (container.state?.terminated?.exitCode === 0) continue;
    if (isSidecarStatus && container.started) {
      if (container.ready) ready++;
      continue;
    }
    return { reason: `Init:${initReason(container, { index, total })}`, ready, restarts, sidecarRestarts };
  }
  return { reason: undefined, ready, restarts, sidecarRestarts };
}

function initReason({ state }: ContainerStatus, { index, total }: { index: number; total: number }): string {
  if (state?.terminated) return endedText(state.terminated);
  const waiting = state?.waiting?.reason;
  return waiting && waiting !== 'PodInitializing' ? waiting : `${index}/${total}`;
}

function endedText({ reason, signal, exitCode }: { reason?: string; signal?: number; exitCode: number }): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode ?? 0}`);
}

/** From the last container to the first, so that the first one has the last word. */
function summarizeMain(
  status: PodStatus,
  { text, restarts }: { text: string; restarts: Restarts },
): { text: string; restarts: Restarts; ready: number } {
  let ready = 0;
  let failure: string | undefined;
  for (const container of (status.containerStatuses ?? []).toReversed()) {
    restarts = addRestarts(restarts, container);
    const { waiting, terminated, running } = container.state ?? {};
    if (waiting?.reason) text = waiting.reason;
    else if (terminated) {
      text = endedText(terminated);
      if (terminated.exitCode) failure = text;
    } else if (container.ready && running) ready++;
  }
  if (text === 'Completed') {
    if (ready > 0 && isTrue(status, 'Ready')) text = 'Running';
    else if (failure !== undefined) text = failure;
    else if (ready > 0) text = 'NotReady';
  }
  return { text, restarts, ready };
}

function addRestarts({ count, last }: Restarts, { restartCount, lastState }: ContainerStatus): Restarts {
  const ended = lastState?.terminated?.finishedAt;
  const isLater = ended !== undefined && (last === undefined || Date.parse(ended) > Date.parse(last));
  return { count: count + (restartCount ?? 0), last: isLater ? ended : last };
}

function isTrue({ conditions }: PodStatus, type: string): boolean {
  return conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

function deletedText({ metadata, status }: Pod): string | undefined {
  if (!metadata.deletionTimestamp) return undefined;
  if (status?.reason === 'NodeLost') return 'Unknown';
  return status?.phase === 'Succeeded' || status?.phase === 'Failed' ? undefined : 'Terminating';
}
