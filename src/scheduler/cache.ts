/** The scheduler's picture of the cluster: nodes with the pods on them, including pods just placed but not yet seen bound. */
import type { Node, Pod } from '#api/gen/core-v1.js';
import { equal } from '#base/json.js';
import type { NamespaceLabels } from './affinity-terms.js';
import { NodeInfo } from './node-info.js';
import { PodIndex } from './pod-index.js';

export class SchedulerCache {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Where each pod is counted, by uid. */
  readonly #placed = new Map<string, { pod: Pod; nodeName: string }>();
  /** Uids of pods on nodes that are not known yet, by the node's name. */
  readonly #homeless = new Map<string, Set<string>>();
  /** Which pods of which sort are where. */
  readonly index: PodIndex;
  #list: NodeInfo[] | undefined;
  #places = new Map<string, number>();

  constructor({ namespaceLabels }: { namespaceLabels: NamespaceLabels }) {
    this.index = new PodIndex({ nodes: this.#nodes, namespaceLabels });
  }

  get sizes(): { nodes: number; pods: number } {
    return { nodes: this.#nodes.size, pods: this.#placed.size };
  }

  /** Zones take turns, so that the nodes looked at for one pod are of all zones. The same array while nodes stay. */
  get nodes(): readonly NodeInfo[] {
    if (!this.#list) {
      this.#list = inTurns([...this.#nodes.values()]);
      this.#places = new Map(this.#list.map(({ name }, place) => [name, place]));
    }
    return this.#list;
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  setNode(node: Node): void {
    const name = node.metadata.name!;
    const known = this.#nodes.get(name);
    if (!known) {
      this.#list = undefined;
      this.#nodes.set(name, NodeInfo.of(node));
      const waiting = this.#homeless.get(name);
      this.#homeless.delete(name);
      for (const uid of waiting ?? []) this.#enter(this.#placed.get(uid)!.pod, name);
      return;
    }
    const info = known.withNode(node);
    const sameDomains = equal(known.labels, info.labels);
    if (!sameDomains) {
      this.#list = undefined;
      for (const pod of known.pods) this.index.remove(pod, known);
    }
    this.#set(info);
    if (!sameDomains) for (const pod of info.pods) this.index.add(pod, info);
  }

  removeNode(name: string): void {
    const known = this.#nodes.get(name);
    if (!known) return;
    for (const pod of known.pods) {
      this.index.remove(pod, known);
      this.#awaitNode(pod.metadata.uid!, name);
    }
    this.#nodes.delete(name);
    this.#list = undefined;
  }

  /** Counts a pod on its node: one that is bound, or one assumed to be. */
  place(pod: Pod, nodeName: string): void {
    const uid = pod.metadata.uid!;
    this.remove(uid);
    this.#placed.set(uid, { pod, nodeName });
    if (this.#nodes.has(nodeName)) this.#enter(pod, nodeName);
    else this.#awaitNode(uid, nodeName);
  }

  isPlaced(uid: string): boolean {
    return this.#placed.has(uid);
  }

  remove(uid: string): void {
    const placed = this.#placed.get(uid);
    if (!placed) return;
    const { pod, nodeName } = placed;
    this.#placed.delete(uid);
    const info = this.#nodes.get(nodeName);
    if (info) {
      this.#set(info.withoutPod(uid));
      this.index.remove(pod, info);
      return;
    }
    const waiting = this.#homeless.get(nodeName);
    waiting?.delete(uid);
    if (waiting?.size === 0) this.#homeless.delete(nodeName);
  }

  #enter(pod: Pod, nodeName: string): void {
    const info = this.#nodes.get(nodeName)!.withPod(pod);
    this.#set(info);
    this.index.add(pod, info);
  }

  #awaitNode(uid: string, nodeName: string): void {
    const waiting = this.#homeless.get(nodeName);
    if (waiting) waiting.add(uid);
    else this.#homeless.set(nodeName, new Set([uid]));
  }

  #set(info: NodeInfo): void {
    this.#nodes.set(info.name, info);
    if (this.#list) this.#list[this.#places.get(info.name)!] = info;
  }
}

/** One node of each zone, then the next of each. */
function inTurns(nodes: readonly NodeInfo[]): NodeInfo[] {
  const zones = new Map<string, NodeInfo[]>();
  for (const node of nodes) {
    const zone = zoneOf(node);
    const others = zones.get(zone);
    if (others) others.push(node);
    else zones.set(zone, [node]);
  }
  if (zones.size === 1) return [...nodes];
  const turns: NodeInfo[] = [];
  for (let turn = 0; turns.length < nodes.length; turn++) {
    for (const zone of zones.values()) {
      const node = zone[turn];
      if (node) turns.push(node);
    }
  }
  return turns;
}

function zoneOf({ labels }: NodeInfo): string {
  return `${labels['topology.kubernetes.io/region'] ?? ''}|${labels['topology.kubernetes.io/zone'] ?? ''}`;
}
