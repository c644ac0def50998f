/**
 * What a scheduling plugin may say, under upstream's names for the extension points, as pure functions of a pod and a
 * snapshot (https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/).
 */
import type { Node, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.js';
import type { PodDisruptionBudget } from '#api/gen/policy-v1.js';
import type { DeviceClass, ResourceClaim } from '#api/gen/resource-v1.js';
import type { LabelSelector } from '#apimachinery/selectors.js';
import type { DeviceEffects, DeviceView } from './devices/view.js';
import type { NodeInfo } from './node-info.js';
import type { PodIndex } from './pod-index.js';
import type { VolumePlan } from './volume-match.js';
import type { VolumeView } from './volumes.js';
import type { WaitingPods } from './waiting-pods.js';

/** The cluster as one decision sees it; nothing of it changes while the decision is made. */
export interface Snapshot {
  nodes: readonly NodeInfo[];
  node(name: string): NodeInfo | undefined;
  /** Which pods of which sort are where. */
  index: PodIndex;
  /** What selects the pod by default: the services and controllers that it belongs to. undefined: nothing does. */
  defaultSelector(pod: Pod): LabelSelector | undefined;
  namespaceLabels(name: string): Record<string, string> | undefined;
  /** Pods that were promised room on a node, and wait until their victims are gone. */
  nominated(nodeName: string): readonly Pod[];
  /** The node that the pod was promised room on. */
  nominationOf(pod: Pod): string | undefined;
  budgets(): readonly PodDisruptionBudget[];
  volumes: VolumeView;
  devices: DeviceView;
}

/** Stands for extenders among those that rejected a pod. */
export const extenderName = 'Extender';

/** Why a node, or all of them, cannot take the pod; `reasons` are counted over nodes in the message. */
export interface Rejection {
  reasons: readonly string[];
  /** Evicting pods from the node would not help. */
  unresolvable?: boolean;
}

/** A trial: what if the other pod came to the node, or left it? */
export interface Adjustment {
  pod: Pod;
  other: Pod;
  node: NodeInfo;
  by: 1 | -1;
  snapshot: Snapshot;
}

export interface PluginSpec<S = undefined> {
  name: string;
  /** PreEnqueue: before the pod may be queued; gives why it must wait. */
  preEnqueue?: (pod: Pod, view: { devices: DeviceView }) => string | undefined;
  /** Once per pod. Gives the state that filter reads, 'skip' when the plugin has nothing to filter, or a rejection. */
  preFilter?: (
    pod: Pod,
    snapshot: Snapshot,
  ) => { state: S; nodes?: ReadonlySet<string> } | 'skip' | { rejected: Rejection };
  /** The state after a trial change; absent where pods elsewhere do not count. */
  adjust?: (state: S, change: Adjustment) => S;
  /** Its filter reads nothing but what `node-memo.ts` tells pods apart by, and the node. */
  readsNodeAlone?: boolean;
  filter?: (context: { pod: Pod; state: S; snapshot: Snapshot }, node: NodeInfo) => Rejection | undefined;
  /**
   * Once no node takes the pod: what can be done about that. `state` is preFilter's, where it came to give one; it was
   * not `isReached` where a plugin before this one found that no node can do.
   */
  postFilter?: (context: { pod: Pod; state: S | undefined; isReached: boolean; snapshot: Snapshot }) => Remedy;
  /** Its score is not normalized, and reads nothing but what `node-memo.ts` tells pods apart by, and the node. */
  scoresNodeAlone?: boolean;
  /** Once per pod, over the nodes that passed. 'skip' leaves the plugin's score out. */
  preScore?: (pod: Pod, feasible: readonly NodeInfo[], snapshot: Snapshot) => { state: unknown } | 'skip';
  /** Higher is better. Without `normalize`, from 0 to 100. */
  score?: (context: { pod: Pod; state: unknown }, node: NodeInfo) => number;
  /** NormalizeScore: brings raw scores to 0..100, in place: 'up' by the largest, 'down' too but turned around. */
  normalize?: 'up' | 'down' | ((scores: Float64Array, state: unknown) => void);
  weight?: number;
  /** Once a node is chosen: what must be taken for the pod before the next pod is decided. Gives the way to undo it. */
  reserve?: (context: { pod: Pod; snapshot: Snapshot }, node: NodeInfo, effects: Effects) => (() => void) | undefined;
  /** Whether the pod may be bound now; otherwise it waits until it is allowed or rejected, or too long. */
  permit?: (context: { pod: Pod; nodeName: string }, effects: Effects) => Permission;
  /** Whether preBind has anything to do for the pod. Absent: it has. */
  preBindPreFlight?: (pod: Pod) => boolean;
  /** What must be done, or waited for, before the pod is bound. Throws StatusError or SchedulerError when it fails. */
  preBind?: (context: { pod: Pod; nodeName: string }, effects: Effects) => Promise<void>;
  /** Binds the pod; 'skip' leaves it to the next plugin. Throws StatusError or SchedulerError when it fails. */
  bind?: (context: { pod: Pod; nodeName: string }, effects: Effects) => Promise<'bound' | 'skip'>;
  /** Once the pod is bound; nothing comes of what it throws but a line in the log. */
  postBind?: (context: { pod: Pod; nodeName: string }) => void;
  /** What may make a pod that this plugin rejected schedulable. */
  requeueOn?: readonly ClusterEvent[];
  /** QueueingHint: whether a change of that kind can help this very pod. Absent: it may. */
  hint?: (pod: Pod, change: ClusterChange) => boolean;
  /** The same plugin with the arguments of a profile. */
  configure?: (args: unknown) => PluginSpec<S>;
}

/** What plugins can do, rather than decide. */
export interface Effects {
  volumes: {
    /** Takes volumes for a pod's claims, so that no other pod is given them. */
    assume(pod: Pod, decided: { plan: VolumePlan; nodeName: string }): void;
    forget(pod: Pod): void;
    /** Writes what was assumed, and waits until the claims are bound. */
    bind(pod: Pod, options: { timeoutMs: number }): Promise<void>;
  };
  pods: {
    /** Says where the pod will be bound, while that takes a while yet. */
    nominate(pod: Pod, nodeName: string): Promise<void>;
    bind(pod: Pod, nodeName: string): Promise<void>;
    /** Where nobody answered whether it was bound. */
    isBound(pod: Pod, nodeName: string): Promise<boolean>;
  };
  devices: DeviceEffects;
  /** Those that Permit made wait. */
  waiting: WaitingPods;
}

/** What PostFilter found to do. */
export interface Remedy {
  /** What came of it, for the message about the pod. */
  message: string;
  /** It could not be found out: nobody further is asked, and nothing else told. */
  isFailed?: boolean;
  /** Done once the attempt has ended; its change of the cluster is what brings the pod back. */
  effect?: (effects: Effects) => Promise<void>;
}

/** What Permit says of a pod that has a node. */
export type Permission =
  | 'allow'
  /** It waits so long at most, and is rejected then. */
  | { waitMs: number }
  | { rejected: string };

/** Scheduling failed in a way that another attempt may mend; `cause` says how. */
export class SchedulerError extends Error {
  override readonly name = 'SchedulerError';
}

export type ClusterEvent =
  | 'node added'
  | 'node allocatable'
  | 'node labels'
  | 'node taints'
  | 'node features'
  | 'node removed'
  | 'assigned pod added'
  | 'assigned pod labels'
  | 'assigned pod changed'
  | 'assigned pod removed'
  | 'pod updated'
  | 'claim changed'
  | 'claim removed'
  | 'volume changed'
  | 'storage class changed'
  | 'storage driver changed'
  | 'storage capacity changed'
  | 'storage of node changed'
  | 'attachment removed'
  | 'resource claim changed'
  | 'resource slice changed'
  | 'device class changed';

export interface ClusterChange {
  event: ClusterEvent;
  /** The pod or the node that it is about, and what it was before, where that is known. */
  pod?: Pod;
  oldPod?: Pod;
  node?: Node;
  oldNode?: Node;
  claim?: PersistentVolumeClaim;
  /** undefined where it is gone. */
  resourceClaim?: ResourceClaim;
  oldResourceClaim?: ResourceClaim;
  /** undefined where it is gone. */
  deviceClass?: DeviceClass;
  oldDeviceClass?: DeviceClass;
  /** The node that it happened on, as it is now. */
  place?: NodeInfo;
}

// biome-ignore lint/suspicious/noExplicitAny: each plugin's state is its own; the cycle only carries it
export type Plugin = PluginSpec<any>;

export function definePlugin<S = undefined>(spec: PluginSpec<S>): PluginSpec<S> {
  return spec;
}
