/** A container of the spec as the runtime's container. Pure: what had to be fetched or made is given. */
import { posix } from 'node:path';
import type { Container, Pod } from '#api/gen/core-v1.js';
import { containerResources } from './cgroups.js';
import { expand } from './expansion.js';
import { containerLogPath } from './paths.js';
import {
  type AnyContainer,
  containerHash,
  containerHashAnnotation,
  containerNameLabel,
  podNameLabel,
  podNamespaceLabel,
  podUidLabel,
  preStopHandlerAnnotation,
  restartCountAnnotation,
  terminationGracePeriodAnnotation,
  terminationMessagePathAnnotation,
  terminationMessagePolicyAnnotation,
} from './pod-state.js';
import type { ContainerConfig, ImageInfo, Mount } from './runtime/runtime.js';
import { containerSecurity } from './security.js';

export interface ContainerInput {
  pod: Pod;
  container: AnyContainer;
  attempt: number;
  imageId: string;
  image: ImageInfo | undefined;
  env: ReadonlyMap<string, string>;
  /** Of the volumes, in the order of the spec's volumeMounts. */
  volumeMounts: readonly Mount[];
  /** The managed /etc/hosts; undefined where there is none (simulated nodes). */
  hostsFile?: string;
  /** The file behind terminationMessagePath; undefined likewise. */
  terminationFile?: string;
  node: { memoryBytes: number };
}

/** Throws KubeletError 'config' where the spec asks for what cannot be. */
export function containerConfig(input: ContainerInput): ContainerConfig {
  const { pod, container, attempt, env } = input;
  const lookUp = (name: string) => env.get(name);
  return {
    name: container.name,
    attempt,
    imageId: input.imageId,
    image: container.image ?? '',
    command: (container.command ?? []).map((one) => expand(one, lookUp)),
    args: (container.args ?? []).map((one) => expand(one, lookUp)),
    workingDir: container.workingDir ?? '',
    env: [...env].map(([name, value]) => ({ name, value })),
    mounts: mounts(input),
    devices: [],
    labels: {
      [containerNameLabel]: container.name,
      [podNameLabel]: pod.metadata.name ?? '',
      [podNamespaceLabel]: pod.metadata.namespace ?? '',
      [podUidLabel]: pod.metadata.uid ?? '',
    },
    annotations: annotations(input),
    logPath: containerLogPath(container.name, attempt),
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    resources: containerResources(pod, container as Container, input.node),
    security: containerSecurity(pod, container, input.image),
  };
}

/** What must be known of the container when the pod is no longer there to be asked. */
function annotations({ pod, container, attempt }: ContainerInput): Record<string, string> {
  const preStop = container.lifecycle?.preStop;
  const grace = pod.spec.terminationGracePeriodSeconds;
  return {
    [containerHashAnnotation]: containerHash(container),
    [restartCountAnnotation]: String(attempt),
    [terminationMessagePathAnnotation]: container.terminationMessagePath ?? '',
    [terminationMessagePolicyAnnotation]: container.terminationMessagePolicy ?? '',
    ...(preStop && { [preStopHandlerAnnotation]: JSON.stringify(preStop) }),
    ...(grace !== undefined && { [terminationGracePeriodAnnotation]: String(grace) }),
  };
}

const hostsPath = '/etc/hosts';

function mounts({ container, volumeMounts, hostsFile, terminationFile }: ContainerInput): Mount[] {
  const all = [...volumeMounts];
  const taken = (path: string) => all.some(({ containerPath }) => posix.normalize(containerPath) === path);
  if (hostsFile && !taken(hostsPath)) {
    all.push({ containerPath: hostsPath, hostPath: hostsFile, readOnly: false, propagation: 'private' });
  }
  const path = container.terminationMessagePath;
  if (terminationFile && path) {
    all.push({ containerPath: path, hostPath: terminationFile, readOnly: false, propagation: 'private' });
  }
  return all;
}
