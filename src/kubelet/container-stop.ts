/** Ends a running container: says so, runs preStop, asks it to stop, and in the end kills it. */
import type { LifecycleHandler, Pod } from '#api/gen/core-v1.js';
import { textOf } from './kubelet-error.js';
import type { NodeContext } from './node-context.js';
import { containerEvents } from './pod-events.js';
import { findContainer, preStopHandlerAnnotation } from './pod-state.js';
import type { ContainerState } from './runtime/runtime.js';

/** Even a container that is out of time gets a moment to go by itself. */
const graceMsMin = 2000;

export interface StopInput {
  pod: Pod;
  container: ContainerState;
  /** For the Killing event; default: that it is being stopped. */
  message?: string;
  /** Default: the pod's own. */
  graceMs?: number;
}

/** Milliseconds that the pod's containers have to end. */
export function graceMsOf({ metadata, spec }: Pod): number {
  return (metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30) * 1000;
}

/** Resolves when the container has ended, and its state is known. Throws RuntimeError. */
export async function stopContainer(context: NodeContext, input: StopInput): Promise<void> {
  const { pod, container, message = `Stopping container ${container.name}` } = input;
  const { clock, runtime } = context;
  const graceMs = input.graceMs ?? graceMsOf(pod);
  const events = containerEvents(context.events, pod, container.name);
  events.normal('Killing', message);
  const endAtMs = clock.monotonic() + graceMs;
  const preStop = preStopOf(pod, container);
  if (preStop && graceMs > 0) {
    try {
      await runPreStop(context, { pod, container, handler: preStop, graceMs });
    } catch (error) {
      events.warning('FailedPreStopHook', `PreStopHook failed: ${textOf(error)}`);
    }
  }
  await runtime.stopContainer(container.id, { graceMs: Math.max(endAtMs - clock.monotonic(), graceMsMin) });
  await refreshContainer(context, container.id);
}

/** Takes containers away, one after the other; what runs ends without grace. Their logs stay. Throws RuntimeError. */
export async function resetContainers(
  context: NodeContext,
  { pod, containers }: { pod: Pod; containers: readonly ContainerState[] },
): Promise<void> {
  for (const container of containers) {
    const isLive = container.state === 'running' || container.state === 'unknown';
    if (isLive) await stopContainer(context, { pod, container, graceMs: 0, message: 'killing' });
    await context.runtime.removeContainer(container.id);
    context.states.remove(container.id);
  }
}

function preStopOf(pod: Pod, container: ContainerState): LifecycleHandler | undefined {
  const spec = findContainer(pod, container.name);
  if (spec) return spec.lifecycle?.preStop;
  const text = container.annotations[preStopHandlerAnnotation];
  return text ? (JSON.parse(text) as LifecycleHandler) : undefined;
}

async function runPreStop(
  { hooks, clock, states }: NodeContext,
  subject: { pod: Pod; container: ContainerState; handler: LifecycleHandler; graceMs: number },
): Promise<void> {
  const { pod, container, handler, graceMs } = subject;
  const tooLong = new AbortController();
  const timer = clock.setTimer(graceMs, () => tooLong.abort());
  const podIP = states.of(pod.metadata.uid!).sandboxes[0]?.ips[0] ?? '';
  const ended = new Promise<void>((resolve) => tooLong.signal.addEventListener('abort', () => resolve()));
  const hook = hooks.run({
    pod,
    container: container.name,
    containerId: container.id,
    podIP,
    handler,
    timeoutMs: graceMs,
    signal: tooLong.signal,
  });
  try {
    // A hook that overstays is left behind: the grace period covers it too.
    await Promise.race([hook, ended]);
  } finally {
    timer.cancel();
    hook.catch(() => {});
  }
}

/** Asks the runtime and remembers what it says. */
export async function refreshContainer(
  { runtime, states }: NodeContext,
  id: string,
): Promise<ContainerState | undefined> {
  const state = await runtime.container(id);
  if (state) states.setContainer(state);
  else states.remove(id);
  return state;
}
