/** Makes a pod's sandbox, and takes down those that went before. */
import { mkdir, writeFile } from 'node:fs/promises';
import type { Pod } from '#api/gen/core-v1.js';
import runtimeClasses from '#api/node/runtimeclass.js';
import type { ReadySandbox } from './container-start.js';
import { stopContainer } from './container-stop.js';
import { hostsFile } from './hostname.js';
import { textOf } from './kubelet-error.js';
import type { NodeContext } from './node-context.js';
import { hostsFilePath, podDirectory, podLogDirectory } from './paths.js';
import { podEvents } from './pod-events.js';
import { sandboxConfig } from './sandbox-config.js';

/** Throws RuntimeError or KubeletError; the event has been sent by then. */
export async function makeSandbox(context: NodeContext, pod: Pod, attempt: number): Promise<ReadySandbox> {
  const { paths, cluster, hostDns, runtime, states, isMachine, cgroups } = context;
  const events = podEvents(context.events, pod);
  if (attempt > 0) {
    events.normal('SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
    await clearBefore(context, pod);
  }
  try {
    const runtimeHandler = await runtimeHandlerOf(context, pod);
    const config = sandboxConfig({ pod, attempt, paths, cluster, hostDns, runtimeHandler });
    if (isMachine) {
      await Promise.all([
        cgroups.ensure(pod),
        mkdir(podLogDirectory(paths, pod), { recursive: true, mode: 0o755 }),
        mkdir(podDirectory(paths, pod.metadata.uid!), { recursive: true, mode: 0o750 }),
      ]);
    }
    const id = await runtime.runSandbox(config);
    const state = await runtime.sandbox(id);
    if (!state) throw new Error(`sandbox ${id} is gone`);
    states.setSandbox(state);
    if (isMachine) await writeHosts(context, pod, state.ips);
    return { id, config, ips: state.ips };
  } catch (error) {
    events.warning('FailedCreatePodSandBox', `Failed to create pod sandbox: ${textOf(error)}`);
    throw error;
  }
}

/** Throws StatusError for a class that is not there: running the pod by another runtime would break its isolation. */
async function runtimeHandlerOf({ client }: NodeContext, { spec }: Pod): Promise<string | undefined> {
  const name = spec.runtimeClassName;
  return name ? (await client.of(runtimeClasses).get(name)).handler : undefined;
}

async function writeHosts(
  { paths, cluster, nodeHosts }: NodeContext,
  pod: Pod,
  podIPs: readonly string[],
): Promise<void> {
  const text = hostsFile({ pod, podIPs, clusterDomain: cluster.domain, nodeHosts });
  await writeFile(hostsFilePath(paths, pod.metadata.uid!), text, { mode: 0o644 });
}

/** Stops what still runs, and removes init containers, which are to run again. */
async function clearBefore(context: NodeContext, pod: Pod): Promise<void> {
  const { states, runtime } = context;
  const uid = pod.metadata.uid!;
  const running = states.of(uid).containers.filter(({ state }) => state === 'running' || state === 'unknown');
  await Promise.all(running.map((container) => stopContainer(context, { pod, container })));
  await stopSandboxes(context, uid);
  const inits = new Set((pod.spec.initContainers ?? []).map(({ name }) => name));
  for (const { id, name } of states.of(uid).containers) {
    if (!inits.has(name)) continue;
    await runtime.removeContainer(id);
    states.remove(id);
  }
}

export async function stopSandboxes({ states, runtime }: NodeContext, uid: string): Promise<void> {
  await Promise.all(
    states.of(uid).sandboxes.map(async (sandbox) => {
      // Also one that is not ready: its network may still be there.
      await runtime.stopSandbox(sandbox.id);
      states.setSandbox({ ...sandbox, ready: false });
    }),
  );
}

/** Removes all that the runtime holds of a pod that is gone. */
export async function removeFromRuntime(context: NodeContext, uid: string): Promise<void> {
  const { states, runtime } = context;
  for (const { id } of states.of(uid).containers) {
    await runtime.removeContainer(id);
    states.remove(id);
  }
  for (const { id } of states.of(uid).sandboxes) {
    await runtime.stopSandbox(id);
    await runtime.removeSandbox(id);
    states.remove(id);
  }
}
