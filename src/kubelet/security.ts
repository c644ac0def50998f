/** Security contexts of a pod and its containers as the runtime wants them. Pure. */
import type { Pod, SeccompProfile, SecurityContext } from '#api/gen/core-v1.js';
import { KubeletError } from './kubelet-error.js';
import { type AnyContainer, podText } from './pod-state.js';
import type { ContainerSecurity, ImageInfo, SandboxSecurity } from './runtime/runtime.js';

export function sandboxSecurity(pod: Pod): SandboxSecurity {
  const context = pod.spec.securityContext ?? {};
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  return {
    // The sandbox must be as privileged as the most privileged of its containers.
    privileged: all.some(({ securityContext }) => securityContext?.privileged === true),
    runAsUser: context.runAsUser,
    runAsGroup: context.runAsGroup,
    supplementalGroups: groups(pod),
    seccomp: seccomp(context.seccompProfile),
  };
}

/** Throws KubeletError 'config' when `runAsNonRoot` is asked for and cannot be kept. */
export function containerSecurity(pod: Pod, container: AnyContainer, image: ImageInfo | undefined): ContainerSecurity {
  const own: SecurityContext = container.securityContext ?? {};
  const shared = pod.spec.securityContext ?? {};
  const runAsUser = own.runAsUser ?? shared.runAsUser;
  if (own.runAsNonRoot ?? shared.runAsNonRoot) refuseRoot({ pod, container, runAsUser, image });
  return {
    privileged: own.privileged ?? false,
    runAsUser: runAsUser ?? image?.uid,
    runAsUserName: runAsUser === undefined && image?.uid === undefined ? image?.username || undefined : undefined,
    runAsGroup: own.runAsGroup ?? shared.runAsGroup,
    supplementalGroups: groups(pod),
    seccomp: own.privileged ? 'Unconfined' : seccomp(own.seccompProfile ?? shared.seccompProfile),
    readOnlyRootFilesystem: own.readOnlyRootFilesystem ?? false,
    allowPrivilegeEscalation: own.allowPrivilegeEscalation ?? true,
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    procMount: own.procMount === 'Unmasked' ? 'Unmasked' : 'Default',
  };
}

function refuseRoot(subject: {
  pod: Pod;
  container: AnyContainer;
  runAsUser: number | undefined;
  image: ImageInfo | undefined;
}): void {
  const { pod, container, runAsUser, image } = subject;
  const where = `(pod: "${podText(pod)}", container: ${container.name})`;
  if (runAsUser !== undefined) {
    if (runAsUser === 0) throw new KubeletError('config', `container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  if (image?.username && image.uid === undefined) {
    const user = `image has non-numeric user (${image.username}), cannot verify user is non-root`;
    throw new KubeletError('config', `container has runAsNonRoot and ${user} ${where}`);
  }
  if (!image?.uid) throw new KubeletError('config', `container has runAsNonRoot and image will run as root ${where}`);
}

function groups(pod: Pod): number[] {
  const { supplementalGroups = [], fsGroup } = pod.spec.securityContext ?? {};
  return [...new Set(fsGroup === undefined ? supplementalGroups : [fsGroup, ...supplementalGroups])];
}

function seccomp(profile: SeccompProfile | undefined): SandboxSecurity['seccomp'] {
  if (profile?.type === 'RuntimeDefault') return 'RuntimeDefault';
  if (profile?.type === 'Localhost' && profile.localhostProfile) return { localhost: profile.localhostProfile };
  return 'Unconfined';
}
