/**
 * What a scheduling plugin may say, under upstream's names for the extension points, as pure functions of a pod and a
 * snapshot (https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/).
 */
import type { Pod } from '#api/gen/core-v1.js';
import type { LabelSelector } from '#apimachinery/selectors.js';
import type { NodeInfo } from './node-info.js';

export interface Snapshot {
  nodes: readonly NodeInfo[];
  /** What selects the pod by default: the services and controllers that it belongs to. undefined: nothing does. */
  defaultSelector(pod: Pod): LabelSelector | undefined;
}

/** Why a node, or all of them, cannot take the pod; `reasons` are counted over nodes in the message. */
export interface Rejection {
  reasons: readonly string[];
  /** Evicting pods from the node would not help. */
  unresolvable?: boolean;
}

export interface PluginSpec<S = undefined> {
  name: string;
  /** Before the pod may be queued; gives why it must wait. */
  preEnqueue?: (pod: Pod) => string | undefined;
  /** Once per pod. Gives the state that filter reads, 'skip' when the plugin has nothing to filter, or a rejection. */
  preFilter?: (
    pod: Pod,
    snapshot: Snapshot,
  ) => { state: S; nodes?: ReadonlySet<string> } | 'skip' | { rejected: Rejection };
  filter?: (context: { pod: Pod; state: S }, node: NodeInfo) => Rejection | undefined;
  /** Once per pod, over the nodes that passed. 'skip' leaves the plugin's score out. */
  preScore?: (pod: Pod, feasible: readonly NodeInfo[], snapshot: Snapshot) => { state: unknown } | 'skip';
  /** Higher is better. Without `normalize`, from 0 to 100. */
  score?: (context: { pod: Pod; state: unknown }, node: NodeInfo) => number;
  /** Brings raw scores to 0..100, in place: 'up' by the largest, 'down' too but turned around. */
  normalize?: 'up' | 'down' | ((scores: number[], state: unknown) => void);
  weight?: number;
  /** What may make a pod that this plugin rejected schedulable. */
  requeueOn?: readonly ClusterEvent[];
}

export type ClusterEvent =
  | 'node added'
  | 'node allocatable'
  | 'node labels'
  | 'node taints'
  | 'node removed'
  | 'assigned pod added'
  | 'assigned pod removed'
  | 'pod updated';

// biome-ignore lint/suspicious/noExplicitAny: each plugin's state is its own; the cycle only carries it
export type Plugin = PluginSpec<any>;

export function definePlugin<S = undefined>(spec: PluginSpec<S>): PluginSpec<S> {
  return spec;
}
