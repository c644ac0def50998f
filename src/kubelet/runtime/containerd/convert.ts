/** Between our words and CRI's: pure functions both ways. */
import type { Decoded, Encodable } from '#base/grpc/message.js';
import type {
  ContainerConfig,
  ContainerSecurity,
  ContainerState,
  ImageInfo,
  LayerUsage,
  LinuxResources,
  SandboxConfig,
  SandboxSecurity,
  SandboxState,
} from '../runtime.js';
import {
  type containerConfigMessage,
  containerStates,
  type containerStatusMessage,
  type filesystemUsageMessage,
  type imageMessage,
  mountPropagation,
  namespaceMode,
  portProtocol,
  type sandboxConfigMessage,
  sandboxReady,
  type sandboxStatusMessage,
  seccompProfile,
} from './cri.js';

/** What kubelets mask and protect in /proc and /sys unless a container asks for `procMount: Unmasked`. */
const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const readOnlyPaths = ['/proc/asound', '/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export function sandboxToCri(config: SandboxConfig): Encodable<typeof sandboxConfigMessage> {
  const { security, dns } = config;
  return {
    metadata: { name: config.name, namespace: config.namespace, uid: config.uid, attempt: config.attempt },
    // On the host's network a sandbox has the host's name, and runc refuses another.
    hostname: config.hostNetwork ? '' : config.hostname,
    logDirectory: config.logDirectory,
    dnsConfig: dns,
    portMappings: config.portMappings.map((mapping) => ({
      protocol: portProtocol[mapping.protocol],
      containerPort: mapping.containerPort,
      hostPort: mapping.hostPort,
      hostIp: mapping.hostIP,
    })),
    labels: config.labels,
    annotations: config.annotations,
    linux: {
      cgroupParent: config.cgroupParent,
      sysctls: config.sysctls,
      securityContext: {
        namespaceOptions: namespaceOptions(config),
        privileged: security.privileged,
        ...identity(security),
      },
    },
  };
}

export function containerToCri(
  config: ContainerConfig,
  sandbox: SandboxConfig,
): Encodable<typeof containerConfigMessage> {
  const { security } = config;
  return {
    metadata: { name: config.name, attempt: config.attempt },
    image: { image: config.imageId, userSpecifiedImage: config.image },
    command: config.command,
    args: config.args,
    workingDir: config.workingDir,
    envs: config.env.map(({ name, value }) => ({ key: name, value: Buffer.from(value) })),
    mounts: config.mounts.map((mount) => ({
      containerPath: mount.containerPath,
      hostPath: mount.hostPath,
      readonly: mount.readOnly,
      propagation: mountPropagation[mount.propagation],
    })),
    devices: config.devices,
    labels: config.labels,
    annotations: config.annotations,
    logPath: config.logPath,
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    tty: config.tty,
    linux: {
      resources: resourcesToCri(config.resources),
      securityContext: {
        ...containerSecurityToCri(security),
        namespaceOptions: namespaceOptions(sandbox),
      },
    },
  };
}

export function resourcesToCri(resources: LinuxResources) {
  return {
    cpuPeriod: resources.cpuPeriodUs,
    cpuQuota: resources.cpuQuotaUs,
    cpuShares: resources.cpuShares,
    memoryLimitInBytes: resources.memoryLimitBytes,
    oomScoreAdj: resources.oomScoreAdj,
  };
}

function containerSecurityToCri(security: ContainerSecurity) {
  const shown = security.privileged || security.procMount === 'Unmasked';
  return {
    ...identity(security),
    runAsUsername: security.runAsUserName,
    privileged: security.privileged,
    readonlyRootfs: security.readOnlyRootFilesystem,
    noNewPrivs: !security.allowPrivilegeEscalation,
    capabilities: { addCapabilities: security.addCapabilities, dropCapabilities: security.dropCapabilities },
    maskedPaths: shown ? [] : maskedPaths,
    readonlyPaths: shown ? [] : readOnlyPaths,
  };
}

function identity(security: SandboxSecurity) {
  const { seccomp, runAsUser, runAsGroup } = security;
  return {
    runAsUser: runAsUser === undefined ? undefined : { value: BigInt(runAsUser) },
    runAsGroup: runAsGroup === undefined ? undefined : { value: BigInt(runAsGroup) },
    supplementalGroups: security.supplementalGroups.map(BigInt),
    seccomp:
      typeof seccomp === 'string'
        ? { profileType: seccompProfile[seccomp] }
        : { profileType: seccompProfile.Localhost, localhostRef: seccomp.localhost },
  };
}

function namespaceOptions(sandbox: SandboxConfig) {
  const { pod, container, node } = namespaceMode;
  return {
    network: sandbox.hostNetwork ? node : pod,
    ipc: sandbox.hostIpc ? node : pod,
    pid: sandbox.hostPid ? node : sandbox.shareProcessNamespace ? pod : container,
  };
}

export function sandboxFromCri(status: Decoded<typeof sandboxStatusMessage>): SandboxState {
  const { metadata, network } = status;
  return {
    id: status.id,
    name: metadata?.name ?? '',
    namespace: metadata?.namespace ?? '',
    uid: metadata?.uid ?? '',
    attempt: metadata?.attempt ?? 0,
    ready: status.state === sandboxReady,
    createdAtMs: milliseconds(status.createdAt),
    ips: [network?.ip ?? '', ...(network?.additionalIps.map(({ ip }) => ip) ?? [])].filter((ip) => ip !== ''),
    labels: status.labels,
    annotations: status.annotations,
  };
}

/** `sandboxId` is not in the status; an old runtime gives the image's id only when it lists. */
export function containerFromCri(
  status: Decoded<typeof containerStatusMessage>,
  listed: { sandboxId: string; imageId: string },
): ContainerState {
  return {
    id: status.id,
    sandboxId: listed.sandboxId,
    name: status.metadata?.name ?? '',
    attempt: status.metadata?.attempt ?? 0,
    state: containerStates[status.state] ?? 'unknown',
    createdAtMs: milliseconds(status.createdAt),
    startedAtMs: milliseconds(status.startedAt),
    finishedAtMs: milliseconds(status.finishedAt),
    exitCode: status.exitCode,
    // CRI 1.x does not tell the signal; a shell's convention is in the exit code.
    signal: status.exitCode > 128 && status.exitCode < 193 ? status.exitCode - 128 : 0,
    reason: status.reason,
    message: status.message,
    image: status.image?.image ?? '',
    imageRef: status.imageRef,
    imageId: status.imageId || listed.imageId,
    logPath: status.logPath,
    labels: status.labels,
    annotations: status.annotations,
  };
}

export function imageFromCri(image: Decoded<typeof imageMessage>): ImageInfo {
  return {
    id: image.id,
    tags: image.repoTags,
    digests: image.repoDigests,
    sizeBytes: image.size,
    ...(image.uid ? { uid: Number(image.uid.value) } : {}),
    ...(image.username ? { username: image.username } : {}),
    ...(image.pinned ? { isPinned: true } : {}),
  };
}

export function layerFromCri(usage: Decoded<typeof filesystemUsageMessage>): LayerUsage {
  const { timestamp, usedBytes, inodesUsed } = usage;
  const count = (value: { value: bigint } | undefined) => Number(value?.value ?? 0n);
  return { atMs: milliseconds(timestamp), usedBytes: count(usedBytes), inodesUsed: count(inodesUsed) };
}

/** CRI counts nanoseconds; 0, or less, stands for a time that has not come. */
export function milliseconds(nanoseconds: bigint): number {
  return nanoseconds > 0n ? Number(nanoseconds / 1_000_000n) : 0;
}
