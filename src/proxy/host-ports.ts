/** The ports of this machine that pods on it take (`hostPort`). */
import type { Pod } from '#api/gen/core-v1.js';

export interface HostPortRoute {
  /** `namespace/pod/container`, for comments. */
  name: string;
  protocol: string;
  hostPort: number;
  /** undefined: any address of the machine. */
  hostIp: string | undefined;
  ip: string;
  port: number;
}

/** Of pods that have an address and run on the pod network. */
export function hostPortRoutes(pods: Iterable<Pod>): HostPortRoute[] {
  const routes: HostPortRoute[] = [];
  for (const { metadata, spec, status } of pods) {
    const ip = status?.podIP;
    if (!ip || spec.hostNetwork || status.phase === 'Succeeded' || status.phase === 'Failed') continue;
    for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
      for (const { hostPort, hostIP, containerPort, protocol } of container.ports ?? []) {
        if (!hostPort) continue;
        routes.push({
          name: `${metadata.namespace}/${metadata.name}/${container.name}`,
          protocol: (protocol ?? 'TCP').toLowerCase(),
          hostPort,
          hostIp: hostIP && hostIP !== '0.0.0.0' ? hostIP : undefined,
          ip,
          port: containerPort,
        });
      }
    }
  }
  return routes.sort((a, b) => (a.name < b.name ? -1 : 1));
}
