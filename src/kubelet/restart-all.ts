/**
 * All containers of a pod begin anew in place when one of them ends with a code whose rule says RestartAllContainers
 * (KEP-5532): what the runtime holds of them is taken away, the container that asked for it last, so that it goes on
 * after a restart of the kubelet. The condition AllContainersRestarting tells of it meanwhile. Pure.
 */
import { featuresToRun, restartAllFeature } from '#api/core/pod/declared-features.js';
import type { Container, Pod } from '#api/gen/core-v1.js';
import { latestContainer, type PodState } from './pod-state.js';
import { restartsAllAfter } from './restart-policy.js';
import type { ContainerState } from './runtime/runtime.js';

export const allRestartingCondition = 'AllContainersRestarting';

/** What the status says of a container that was taken away. */
export const takenAway = {
  reason: 'RestartingAllContainers',
  message: 'The container is removed because RestartAllContainers in place',
};

export function canRestartAll(pod: Pod): boolean {
  return featuresToRun(pod).includes(restartAllFeature);
}

/** In the order to take them away; empty where none has asked for it. */
export function containersToReset(pod: Pod, state: PodState): ContainerState[] {
  if (!canRestartAll(pod)) return [];
  const { initContainers = [], containers } = pod.spec;
  const asks = (one: ContainerState | undefined, container: Container) =>
    one?.state === 'exited' && restartsAllAfter(one.exitCode, container);
  const all = [...containers, ...initContainers];
  if (!all.some((container) => asks(latestContainer(state, container.name), container))) return [];
  const runs = all.flatMap((container) =>
    state.containers
      .filter(({ name }) => name === container.name)
      .map((run) => ({ run, isSource: asks(run, container) })),
  );
  return [...runs.filter(({ isSource }) => !isSource), ...runs.filter(({ isSource }) => isSource)].map(
    ({ run }) => run,
  );
}

/** From the end that asked for it to the first look at a pod of which nothing is left. */
export function isRestartingAll(pod: Pod, state: PodState): boolean {
  const told = pod.status?.conditions?.find(({ type }) => type === allRestartingCondition);
  return told?.status === 'True' || containersToReset(pod, state).length > 0;
}
