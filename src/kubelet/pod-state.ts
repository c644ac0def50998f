/** What the runtime holds of one pod, and the labels and annotations that tie it to the pod (the same as upstream's). */
import type { Container, EphemeralContainer, Pod } from '#api/gen/core-v1.js';
import { fnv1a32 } from '#base/fnv.js';
import type { ContainerState, SandboxState } from './runtime/runtime.js';

export const podNameLabel = 'io.kubernetes.pod.name';
export const podNamespaceLabel = 'io.kubernetes.pod.namespace';
export const podUidLabel = 'io.kubernetes.pod.uid';
export const containerNameLabel = 'io.kubernetes.container.name';

export const containerHashAnnotation = 'io.kubernetes.container.hash';
export const restartCountAnnotation = 'io.kubernetes.container.restartCount';
export const terminationMessagePathAnnotation = 'io.kubernetes.container.terminationMessagePath';
export const terminationMessagePolicyAnnotation = 'io.kubernetes.container.terminationMessagePolicy';
export const preStopHandlerAnnotation = 'io.kubernetes.container.preStopHandler';
export const terminationGracePeriodAnnotation = 'io.kubernetes.pod.terminationGracePeriod';

/** Both lists newest first. */
export interface PodState {
  sandboxes: readonly SandboxState[];
  containers: readonly ContainerState[];
}

export const emptyPodState: PodState = { sandboxes: [], containers: [] };

/** The newest container of that name. */
export function latestContainer(state: PodState, name: string): ContainerState | undefined {
  return state.containers.find((container) => container.name === name);
}

export function restartCountOf(container: ContainerState): number {
  const text = container.annotations[restartCountAnnotation];
  return text === undefined ? container.attempt : Number.parseInt(text, 10) || 0;
}

/** `name_namespace(uid)`, as log lines and events name a pod. */
export function podText(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}

/** Restarted alone and for as long as the pod lives, although it is an init container. */
export function isRestartableInit(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

export type AnyContainer = Container | EphemeralContainer;

/** Every container of the spec, with the list it stands in. */
export function* containersOf(pod: Pod): Generator<{ kind: ContainerKind; container: AnyContainer }> {
  for (const container of pod.spec.initContainers ?? []) yield { kind: 'init', container };
  for (const container of pod.spec.containers) yield { kind: 'regular', container };
  for (const container of pod.spec.ephemeralContainers ?? []) yield { kind: 'ephemeral', container };
}

export type ContainerKind = 'init' | 'regular' | 'ephemeral';

export function findContainer(pod: Pod, name: string): AnyContainer | undefined {
  for (const { container } of containersOf(pod)) if (container.name === name) return container;
  return undefined;
}

/**
 * A running container whose spec hash differs from its annotation is killed and made anew. Only what the API lets
 * change counts: the image.
 */
export function containerHash(container: AnyContainer): string {
  return fnv1a32(JSON.stringify([container.name, container.image ?? ''])).toString(16);
}

export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}
