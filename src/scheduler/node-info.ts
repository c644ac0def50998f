/** A node with the pods on it and their sums: an immutable value, made anew by each change. */
import type { Node, Pod, Taint } from '#api/gen/core-v1.js';
import { add, nothing, parseResources, podRequests, type Resources, subtract } from './resources.js';

/**
 * The first `length` of an array that later values of the same node share: a node to which pods only come, thousands of
 * them, is not copied for each.
 */
interface PodList {
  readonly shared: Pod[];
  readonly length: number;
}

/** What a node is made of; the rest of it follows from this. */
type Parts = Pick<NodeInfo, 'node' | 'requested' | 'nonZeroRequested' | 'allocatable' | 'podsMax'> & { list: PodList };

const noLabels: Record<string, string> = {};
const noTaints: readonly Taint[] = [];

export class NodeInfo {
  readonly node: Node;
  // Decisions read these of hundreds of nodes a pod: each step into the object would be a look at other memory.
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly taints: readonly Taint[];
  readonly hasImages: boolean;
  readonly requested: Resources;
  readonly nonZeroRequested: Resources;
  readonly allocatable: Resources;
  readonly podsMax: number;
  /** What was remembered of it last; `node-memo.ts` alone writes it. */
  met: { readonly memo: object } | undefined;
  readonly #list: PodList;

  private constructor({ node, list, requested, nonZeroRequested, allocatable, podsMax }: Parts) {
    this.node = node;
    this.name = node.metadata.name!;
    this.labels = node.metadata.labels ?? noLabels;
    this.taints = node.spec.taints ?? noTaints;
    this.hasImages = (node.status?.images?.length ?? 0) > 0;
    this.#list = list;
    this.requested = requested;
    this.nonZeroRequested = nonZeroRequested;
    this.allocatable = allocatable;
    this.podsMax = podsMax;
    this.met = undefined;
  }

  /** For looking at now: the array may grow with a later value of the node. */
  get pods(): readonly Pod[] {
    const { shared, length } = this.#list;
    return shared.length === length ? shared : shared.slice(0, length);
  }

  static of(node: Node): NodeInfo {
    const allocatable = parseResources(node.status?.allocatable);
    const podsMax = Number(node.status?.allocatable?.pods ?? 0);
    const list = { shared: [], length: 0 };
    return new NodeInfo({ node, list, requested: nothing, nonZeroRequested: nothing, allocatable, podsMax });
  }

  /** The same pods on the node as it is now. */
  withNode(node: Node): NodeInfo {
    const { allocatable, podsMax } = NodeInfo.of(node);
    const { requested, nonZeroRequested } = this;
    return new NodeInfo({ node, list: this.#list, requested, nonZeroRequested, allocatable, podsMax });
  }

  withPod(pod: Pod): NodeInfo {
    const { requested, nonZero } = podRequests(pod);
    const { node, allocatable, podsMax } = this;
    return new NodeInfo({
      node,
      list: withOneMore(this.#list, pod),
      requested: add(this.requested, requested),
      nonZeroRequested: add(this.nonZeroRequested, nonZero),
      allocatable,
      podsMax,
    });
  }

  withoutPod(uid: string): NodeInfo {
    const { shared, length } = this.#list;
    // From the end: what changes most is what came last.
    let at = length - 1;
    while (at >= 0 && shared[at]!.metadata.uid !== uid) at--;
    if (at < 0) return this;
    const { requested, nonZero } = podRequests(shared[at]!);
    const { node, allocatable, podsMax } = this;
    return new NodeInfo({
      node,
      list: withoutOne(this.#list, at),
      requested: subtract(this.requested, requested),
      nonZeroRequested: subtract(this.nonZeroRequested, nonZero),
      allocatable,
      podsMax,
    });
  }
}

function withoutOne({ shared, length }: PodList, at: number): PodList {
  if (at === length - 1) return { shared, length: at };
  const own = shared.slice(0, length);
  own.splice(at, 1);
  return { shared: own, length: own.length };
}

/** Another value may have added to the shared array already; then it is that one's. */
function withOneMore({ shared, length }: PodList, pod: Pod): PodList {
  const own = shared.length === length ? shared : shared.slice(0, length);
  own.push(pod);
  return { shared: own, length: length + 1 };
}
