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

export interface NodeMemo {
  verdicts: WeakMap<NodeInfo, NodeRejection | 'fits'>;
  /** What came of taking pods away. */
  attempts: WeakMap<NodeInfo, Attempt>;
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
    const memo = this.#memos.get(key) ?? { verdicts: new WeakMap(), attempts: new WeakMap() };
    this.#memos.delete(key);
    this.#memos.set(key, memo);
    if (this.#memos.size > sortsMax) this.#memos.delete(this.#memos.keys().next().value!);
    return memo;
  }
}

/** All that filters which read nothing but the node ask of a pod, and what makes it preempt others. */
function sortOf({ spec }: Pod): string {
  const { nodeName, nodeSelector, affinity, tolerations, overhead, resources, priority } = spec;
  const asked = ({ resources: own, ports, restartPolicy }: Container) => [own?.requests, ports, restartPolicy];
  return JSON.stringify([
    [nodeName, nodeSelector, affinity?.nodeAffinity, tolerations, overhead, resources?.requests, priority],
    spec.containers.map(asked),
    spec.initContainers?.map(asked),
  ]);
}
