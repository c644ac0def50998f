/** A node with the pods on it and their sums: an immutable value, made anew by each change. */
import type { Node, Pod, Taint } from '#api/gen/core-v1.js';
import { add, nothing, parseResources, podRequests, type Resources, subtract } from './resources.js';

export interface HostPort {
  ip: string;
  protocol: string;
  port: number;
}

export class NodeInfo {
  readonly node: Node;
  readonly pods: readonly Pod[];
  readonly requested: Resources;
  readonly nonZeroRequested: Resources;
  readonly allocatable: Resources;
  readonly podsMax: number;

  private constructor(
    parts: Pick<NodeInfo, 'node' | 'pods' | 'requested' | 'nonZeroRequested' | 'allocatable' | 'podsMax'>,
  ) {
    this.node = parts.node;
    this.pods = parts.pods;
    this.requested = parts.requested;
    this.nonZeroRequested = parts.nonZeroRequested;
    this.allocatable = parts.allocatable;
    this.podsMax = parts.podsMax;
  }

  static of(node: Node): NodeInfo {
    const allocatable = parseResources(node.status?.allocatable);
    const podsMax = Number(node.status?.allocatable?.pods ?? 0);
    return new NodeInfo({ node, pods: [], requested: nothing, nonZeroRequested: nothing, allocatable, podsMax });
  }

  get name(): string {
    return this.node.metadata.name!;
  }

  get labels(): Record<string, string> {
    return this.node.metadata.labels ?? {};
  }

  get taints(): readonly Taint[] {
    return this.node.spec.taints ?? [];
  }

  /** The same pods on the node as it is now. */
  withNode(node: Node): NodeInfo {
    return new NodeInfo({
      ...NodeInfo.of(node),
      pods: this.pods,
      requested: this.requested,
      nonZeroRequested: this.nonZeroRequested,
    });
  }

  withPod(pod: Pod): NodeInfo {
    const { requested, nonZero } = podRequests(pod);
    return new NodeInfo({
      ...this,
      pods: [...this.pods, pod],
      requested: add(this.requested, requested),
      nonZeroRequested: add(this.nonZeroRequested, nonZero),
    });
  }

  withoutPod(uid: string): NodeInfo {
    const gone = this.pods.find((pod) => pod.metadata.uid === uid);
    if (!gone) return this;
    const { requested, nonZero } = podRequests(gone);
    return new NodeInfo({
      ...this,
      pods: this.pods.filter((pod) => pod !== gone),
      requested: subtract(this.requested, requested),
      nonZeroRequested: subtract(this.nonZeroRequested, nonZero),
    });
  }
}

/** The ports of the host that a pod takes. */
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
