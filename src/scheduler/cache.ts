/** The scheduler's picture of the cluster: nodes with the pods on them, including pods just placed but not yet seen bound. */
import type { Node, Pod } from '#api/gen/core-v1.js';
import { NodeInfo } from './node-info.js';

export class SchedulerCache {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Where each pod is counted, by uid. */
  readonly #placed = new Map<string, { pod: Pod; nodeName: string }>();
  #list: readonly NodeInfo[] | undefined;

  /** In a stable order; the same array until something changes. */
  get nodes(): readonly NodeInfo[] {
    this.#list ??= [...this.#nodes.values()];
    return this.#list;
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  setNode(node: Node): void {
    const name = node.metadata.name!;
    const known = this.#nodes.get(name);
    let info = known ? known.withNode(node) : NodeInfo.of(node);
    if (!known) {
      for (const { pod, nodeName } of this.#placed.values()) if (nodeName === name) info = info.withPod(pod);
    }
    this.#set(info);
  }

  removeNode(name: string): void {
    this.#nodes.delete(name);
    this.#list = undefined;
  }

  /** Counts a pod on its node: one that is bound, or one assumed to be. */
  place(pod: Pod, nodeName: string): void {
    const uid = pod.metadata.uid!;
    const before = this.#placed.get(uid);
    if (before) this.remove(uid);
    this.#placed.set(uid, { pod, nodeName });
    const info = this.#nodes.get(nodeName);
    if (info) this.#set(info.withPod(pod));
  }

  isPlaced(uid: string): boolean {
    return this.#placed.has(uid);
  }

  remove(uid: string): void {
    const placed = this.#placed.get(uid);
    if (!placed) return;
    this.#placed.delete(uid);
    const info = this.#nodes.get(placed.nodeName);
    if (info) this.#set(info.withoutPod(uid));
  }

  #set(info: NodeInfo): void {
    this.#nodes.set(info.name, info);
    this.#list = undefined;
  }
}
