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

/** Why the pod's parameters cannot be set; undefined: they can. */
export function sysctlProblem({ spec }: Pod): string | undefined {
  for (const { name } of spec.securityContext?.sysctls ?? []) {
    const dotted = dottedSysctl(name);
    if (!safe.has(dotted)) return `forbidden sysctl: "${dotted}" not allowlisted`;
    const shared = dotted.startsWith('net.') ? spec.hostNetwork && 'Net' : spec.hostIPC && 'IPC';
    if (shared) return `forbidden sysctl: "${dotted}" not allowed with host ${shared} enabled`;
  }
  return undefined;
}
