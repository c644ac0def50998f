/** The end of a pod: containers stopped in order within its grace period, then what was made for it taken away. */
import type { Pod } from '#api/gen/core-v1.js';
import { podCgroup } from './cgroups.js';
import { graceMsOf, stopContainer } from './container-stop.js';
import type { NodeContext } from './node-context.js';
import { stopSandboxes } from './pod-sandbox.js';
import { isRestartableInit } from './pod-state.js';
import type { ContainerState } from './runtime/runtime.js';

/** Sidecars outlive the containers they serve, and end in reverse order. Throws RuntimeError. */
export async function stopPod(context: NodeContext, pod: Pod, graceMs = graceMsOf(pod)): Promise<void> {
  const { states, clock } = context;
  const uid = pod.metadata.uid!;
  const endAtMs = clock.monotonic() + graceMs;
  const sidecars = (pod.spec.initContainers ?? []).filter(isRestartableInit).map(({ name }) => name);
  const live = ({ state }: ContainerState) => state === 'running' || state === 'unknown';
  const stop = (container: ContainerState) =>
    stopContainer(context, { pod, container, graceMs: Math.max(endAtMs - clock.monotonic(), 0) });

  const running = states.of(uid).containers.filter(live);
  await Promise.all(running.filter(({ name }) => !sidecars.includes(name)).map(stop));
  for (const name of sidecars.reverse()) {
    const sidecar = states.of(uid).containers.find((container) => container.name === name && live(container));
    if (sidecar) await stop(sidecar);
  }
  await stopSandboxes(context, uid);
}

/** A second, more impatient deletion came: what still runs gets the shorter time. */
export async function hurry({ states, runtime }: NodeContext, pod: Pod): Promise<void> {
  const running = states.of(pod.metadata.uid!).containers.filter(({ state }) => state === 'running');
  await Promise.all(running.map(({ id }) => runtime.stopContainer(id, { graceMs: graceMsOf(pod) })));
}

export async function releaseResources(context: NodeContext, pod: Pod): Promise<void> {
  const uid = pod.metadata.uid!;
  context.config.unwatch(uid);
  await Promise.all([
    context.volumes.tearDown(uid),
    context.isMachine && context.cgroups.remove(podCgroup(context.paths.cgroupRoot, pod)),
  ]);
}
