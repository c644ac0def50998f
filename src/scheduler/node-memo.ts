/**
 * What pods of one sort have met on nodes: a node is an immutable value, so an answer about it holds until it changes.
 * Pods of one template ask the same of thousands of nodes, of which few change between two of them.
 */
import type { Container, Pod } from '#api/gen/core-v1.js';
import type { Rejection } from './framework.js';
import type { NodeInfo } from './node-info.js';

export interface NodeRejection extends Rejection {
  plugin: string;
}

/** The pods that would have to leave the node, or why that would not do. */
export type Attempt = Candidate | Rejection;

export interface Candidate {
  node: NodeInfo;
  /** The most important first. */
  victims: readonly Pod[];
  violations: number;
}

/** What pods of one sort have met on a node. */
export interface Met {
  readonly memo: NodeMemo;
  verdict: NodeRejection | 'fits' | undefined;
  /** What came of taking pods away. */
  attempt: Attempt | undefined;
  /** The sum of what plugins say that score by the node alone, by weight; NaN before they were asked. */
  score: number;
}

export class NodeMemo {
  readonly #met = new WeakMap<NodeInfo, Met>();

  of(node: NodeInfo): Met {
    // Pods of one sort mostly come one after another, and then the node has it at hand.
    if (node.met?.memo === this) return node.met as Met;
    let met = this.#met.get(node);
    if (!met) {
      met = { memo: this, verdict: undefined, attempt: undefined, score: Number.NaN };
      this.#met.set(node, met);
    }
    node.met = met;
    return met;
  }
}

/** Sorts of pods remembered at a time; the one asked for longest ago goes first. */
const sortsMax = 64;

export class NodeMemos {
  readonly #memos = new Map<string, NodeMemo>();

  /** When something changed that nodes do not tell, and their filters read all the same. */
  forget(): void {
    this.#memos.clear();
  }

  of(pod: Pod): NodeMemo {
    const key = sortOf(pod);
    const memo = this.#memos.get(key) ?? new NodeMemo();
    this.#memos.delete(key);
    this.#memos.set(key, memo);
    if (this.#memos.size > sortsMax) this.#memos.delete(this.#memos.keys().next().value!);
    return memo;
  }
}

/** All that filters and scores which read nothing but the node ask of a pod, and what makes it preempt others. */
function sortOf({ spec }: Pod): string {
  const { nodeName, nodeSelector, affinity, tolerations, overhead, resources, priority } = spec;
  const asked = ({ resources: own, ports, restartPolicy }: Container) => [own?.requests, ports, restartPolicy];
  return JSON.stringify([
    [nodeName, nodeSelector, affinity?.nodeAffinity, tolerations, overhead, resources?.requests, priority],
    spec.containers.map(asked),
    spec.initContainers?.map(asked),
  ]);
}
