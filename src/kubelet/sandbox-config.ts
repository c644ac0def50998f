/** A pod as the runtime's sandbox. Pure. */
import type { Pod } from '#api/gen/core-v1.js';
import { podCgroup } from './cgroups.js';
import { type ClusterDns, type DnsConfig, podDns } from './dns.js';
import { podHostname } from './hostname.js';
import { type KubeletPaths, podLogDirectory } from './paths.js';
import { podNameLabel, podNamespaceLabel, podUidLabel } from './pod-state.js';
import type { SandboxConfig } from './runtime/runtime.js';
import { sandboxSecurity } from './security.js';
import { sourceAnnotation } from './static-pods/origin.js';

export interface SandboxInput {
  pod: Pod;
  attempt: number;
  paths: KubeletPaths;
  cluster: ClusterDns;
  hostDns: DnsConfig;
  runtimeHandler?: string;
}

/** Throws KubeletError 'config' for a host name that cannot be. */
export function sandboxConfig(input: SandboxInput): SandboxConfig {
  const { pod, attempt, paths, cluster, hostDns, runtimeHandler } = input;
  const { metadata, spec } = pod;
  const { name = '', namespace = '', uid = '' } = metadata;
  const hostNetwork = spec.hostNetwork ?? false;
  return {
    name,
    namespace,
    uid,
    attempt,
    // On the node's network the name is the node's.
    hostname: hostNetwork && !spec.hostnameOverride ? '' : podHostname(pod, cluster.domain).hostname,
    logDirectory: podLogDirectory(paths, pod),
    dns: podDns(pod, { cluster, host: hostDns }),
    portMappings: hostNetwork ? [] : portMappings(pod),
    labels: {
      ...metadata.labels,
      [podNameLabel]: name,
      [podNamespaceLabel]: namespace,
      [podUidLabel]: uid,
    },
    annotations: { [sourceAnnotation]: 'api', ...metadata.annotations },
    hostNetwork,
    hostPid: spec.hostPID ?? false,
    hostIpc: spec.hostIPC ?? false,
    shareProcessNamespace: spec.shareProcessNamespace ?? false,
    cgroupParent: podCgroup(paths.cgroupRoot, pod),
    sysctls: Object.fromEntries(
      (spec.securityContext?.sysctls ?? []).map((one) => [dottedSysctl(one.name), one.value]),
    ),
    ...(runtimeHandler && { runtimeHandler }),
    security: sandboxSecurity(pod),
  };
}

function portMappings({ spec }: Pod): SandboxConfig['portMappings'] {
  const containers = [
    ...(spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always'),
    ...spec.containers,
  ];
  const mappings = containers.flatMap(({ ports = [] }) =>
    ports
      .filter((port) => port.hostPort)
      .map(({ containerPort, hostPort = 0, hostIP, protocol = 'TCP' }) => ({
        protocol: protocol as 'TCP' | 'UDP' | 'SCTP',
        containerPort,
        hostPort,
        ...(hostIP && { hostIP }),
      })),
  );
  // A sidecar and a container may name the same port; the runtime would refuse it twice.
  return [...new Map(mappings.map((one) => [`${one.protocol}/${one.hostIP ?? ''}:${one.hostPort}`, one])).values()];
}

/** sysctl(8): with slashes as separators, dots are part of a name. */
export function dottedSysctl(name: string): string {
  const separator = /[./]/.exec(name)?.[0];
  return separator === '/' ? name.replace(/[./]/g, (char) => (char === '/' ? '.' : '/')) : name;
}
