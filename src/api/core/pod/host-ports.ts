/** The ports of the host that a pod takes, and which of them exclude each other. */
import type { Pod } from '#api/gen/core-v1.js';

export interface HostPort {
  /** `0.0.0.0`: of every address. */
  ip: string;
  protocol: string;
  port: number;
}

export function hostPorts(pod: Pod): HostPort[] {
  return [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always'),
  ].flatMap(({ ports }) =>
    (ports ?? [])
      .filter(({ hostPort }) => hostPort)
      .map(({ hostPort, hostIP, protocol }) => ({
        ip: hostIP || '0.0.0.0',
        protocol: protocol ?? 'TCP',
        port: hostPort!,
      })),
  );
}

export function portsConflict(a: HostPort, b: HostPort): boolean {
  const sameIp = a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
  return sameIp && a.port === b.port && a.protocol === b.protocol;
}
