/**
 * Kernel parameters that a pod may set: those that are its own, by namespaces, and safe for its neighbours.
 * https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls
 */
import type { Pod } from '#api/gen/core-v1.js';
import { dottedSysctl } from '../sandbox-config.js';

const safe = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]);

/** Those that each pod has its own of: what else is set would be the whole machine's. */
const namespaced = { IPC: ['kernel.shm', 'kernel.msg', 'kernel.sem', 'fs.mqueue.'], Net: ['net.'] };

/** What is wrong with an entry of a list of parameters that the user allows; undefined: nothing. */
export function allowedSysctlProblem(given: string): string | undefined {
  if (!/^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*([a-z0-9][-_a-z0-9]*)?[a-z0-9*]$/.test(given))
    return `sysctl "${given}" must have at most 253 characters and match regex`;
  const start = dottedSysctl(given).replace(/\*$/, '');
  if (namespaceOf(start)) return undefined;
  return `the sysctls "${start}" are not known to be namespaced`;
}

function namespaceOf(dotted: string): string | undefined {
  return Object.entries(namespaced).find(([, starts]) => starts.some((start) => dotted.startsWith(start)))?.[0];
}

/** `allowed` are names, or beginnings with a `*`. Why the pod's parameters cannot be set; undefined: they can. */
export function sysctlProblem({ spec }: Pod, allowed: readonly string[] = []): string | undefined {
  const isAllowed = (name: string) =>
    allowed.some((one) => {
      const dotted = dottedSysctl(one);
      return dotted.endsWith('*') ? name.startsWith(dotted.slice(0, -1)) : name === dotted;
    });
  for (const { name } of spec.securityContext?.sysctls ?? []) {
    const dotted = dottedSysctl(name);
    if (!safe.has(dotted) && !isAllowed(dotted)) return `forbidden sysctl: "${dotted}" not allowlisted`;
    const namespace = namespaceOf(dotted) ?? 'IPC';
    const shared = (namespace === 'Net' ? spec.hostNetwork : spec.hostIPC) && namespace;
    if (shared) return `forbidden sysctl: "${dotted}" not allowed with host ${shared} enabled`;
  }
  return undefined;
}
