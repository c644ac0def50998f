/** What a DaemonSet needs on its nodes now: pods to make, pods to end, and the next step of a rolling update. */
import type { DaemonSet } from '#api/gen/apps-v1.js';
import type { Node, Pod } from '#api/gen/core-v1.js';
import { availableInMs, isTerminal, readySinceMs } from '../pod-state.js';
import { revisionLabel } from '../revision-history.js';
import { nodeNameOf, placementOn } from './placement.js';

export interface Situation {
  set: DaemonSet;
  nodes: readonly Node[];
  pods: readonly Pod[];
  /** The hash of the newest revision. */
  hash: string;
  nowMs: number;
}

export interface Need {
  /** Names of nodes. */
  create: string[];
  delete: Pod[];
  /** Pods that ended by themselves, to be deleted and made again. */
  ended: Pod[];
}

/** By node, but for those that have ended and are going: whoever holds them up, the node is free. */
export function podsByNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    const name = nodeNameOf(pod);
    if (!name || (isTerminal(pod) && pod.metadata.deletionTimestamp)) continue;
    const there = byNode.get(name);
    if (there) there.push(pod);
    else byNode.set(name, [pod]);
  }
  return byNode;
}

/** Makes what is missing and ends what should not be, whatever revision it is of. */
export function manage(situation: Situation): Need {
  const { nodes, pods } = situation;
  const need: Need = { create: [], delete: [], ended: [] };
  const byNode = podsByNode(pods);
  for (const node of nodes) {
    const name = node.metadata.name ?? '';
    manageNode(situation, { node, there: byNode.get(name) ?? [], need });
    byNode.delete(name);
  }
  // The scheduler will never place a pod that is meant for a node which is gone, and nobody else would end it.
  for (const lost of byNode.values())
    need.delete.push(...lost.filter(({ spec, metadata }) => !spec.nodeName && !metadata.deletionTimestamp));
  return need;
}

function manageNode(situation: Situation, { node, there, need }: { node: Node; there: Pod[]; need: Need }): void {
  const { shouldRun, mayStay } = placementOn(situation.set.spec.template ?? {}, node);
  if (shouldRun && there.length === 0) {
    need.create.push(node.metadata.name ?? '');
    return;
  }
  if (!mayStay) {
    need.delete.push(...there.filter(({ metadata }) => !metadata.deletionTimestamp));
    return;
  }
  const staying: Pod[] = [];
  for (const pod of there) {
    if (pod.metadata.deletionTimestamp) continue;
    if (isTerminal(pod)) need.ended.push(pod);
    else staying.push(pod);
  }
  if (surge(situation) === 0) {
    need.delete.push(...byAge(staying).slice(1));
    return;
  }
  // Where two may stand side by side, nothing waits for one that is going.
  if (staying.length === 0 && shouldRun) need.create.push(node.metadata.name ?? '');
  need.delete.push(...surplusWithSurge(situation, staying));
}

/** The oldest first, those that have a node before others. */
export function byAge(pods: readonly Pod[]): Pod[] {
  const time = ({ metadata }: Pod) => metadata.creationTimestamp ?? '';
  const name = ({ metadata }: Pod) => metadata.name ?? '';
  return [...pods].sort(
    (a, b) =>
      Number(!a.spec.nodeName) - Number(!b.spec.nodeName) ||
      time(a).localeCompare(time(b)) ||
      (name(a) < name(b) ? -1 : 1),
  );
}

/** One pod of the newest revision and one older may stand side by side, while the new one is not available and the old one works. */
function surplusWithSurge(situation: Situation, staying: readonly Pod[]): Pod[] {
  if (staying.length < 2) return [];
  const sorted = byAge(staying);
  const fresh = sorted.filter((pod) => isNew(situation, pod));
  const old = sorted.filter((pod) => !isNew(situation, pod));
  const isReplaced = fresh[0] && old[0] && (!isReadyPod(old[0]) || isAvailable(situation, fresh[0]));
  return [...fresh.slice(1), ...old.slice(isReplaced ? 0 : 1)];
}

/** The next step of a rolling update, when `manage` has nothing to do. */
export function rollOut(situation: Situation): Pick<Need, 'create' | 'delete'> {
  return surge(situation) > 0 ? rollWithSurge(situation) : rollInPlace(situation);
}

/** Ends old pods, those that are of no use already before others, while not too many are missing. */
function rollInPlace(situation: Situation): Pick<Need, 'create' | 'delete'> {
  let left = unavailable(situation);
  const useless: Pod[] = [];
  const candidates: Pod[] = [];
  for (const there of podsByNode(situation.pods).values()) {
    const { fresh, old, isClear } = sides(situation, there);
    if (!isClear || Boolean(fresh) === Boolean(old)) left--;
    else if (fresh) left -= isAvailable(situation, fresh) ? 0 : 1;
    else if (isAvailable(situation, old!)) candidates.push(old!);
    else {
      useless.push(old!);
      left--;
    }
  }
  return { create: [], delete: [...useless, ...candidates.slice(0, Math.max(left, 0))] };
}

/**
 * Makes new pods beside old ones, and ends an old one when its successor is available. Where no new one may come, an old
 * one that works stays until enough others do.
 */
function rollWithSurge(situation: Situation): Pick<Need, 'create' | 'delete'> {
  const { set, nodes, pods } = situation;
  const places = new Map(nodes.map((node) => [node.metadata.name ?? '', node]));
  let left = surge(situation);
  let available = 0;
  const replaced: Pod[] = [];
  const misplaced: Pod[] = [];
  const useless: string[] = [];
  const candidates: string[] = [];
  for (const [name, there] of podsByNode(pods)) {
    const { fresh, old, isClear } = sides(situation, there);
    if (!isClear) {
      left--;
      continue;
    }
    const works = old !== undefined && isAvailable(situation, old);
    if (old ? works : fresh && isAvailable(situation, fresh)) available++;
    const node = places.get(name);
    if (!old || !node) continue;
    if (fresh) {
      if (isAvailable(situation, fresh)) replaced.push(old);
      else left--;
    } else if (!placementOn(set.spec.template ?? {}, node).shouldRun) (works ? misplaced : replaced).push(old);
    else (works ? candidates : useless).push(name);
  }
  const spare = Math.max(available - desiredCount(situation), 0);
  return {
    create: [...useless, ...candidates.slice(0, Math.max(left, 0))],
    delete: [...replaced, ...misplaced.slice(0, spare)],
  };
}

/** The new and the old pod of a node; not clear where there are several of a side. */
function sides(
  situation: Situation,
  there: readonly Pod[],
): { fresh: Pod | undefined; old: Pod | undefined; isClear: boolean } {
  const living = there.filter(({ metadata }) => !metadata.deletionTimestamp);
  const fresh = living.filter((pod) => isNew(situation, pod));
  const old = living.filter((pod) => !isNew(situation, pod));
  return { fresh: fresh[0], old: old[0], isClear: fresh.length < 2 && old.length < 2 };
}

export function isNew({ set, hash }: Pick<Situation, 'set' | 'hash'>, { metadata }: Pod): boolean {
  const { labels = {} } = metadata;
  const generation = set.metadata.annotations?.['deprecated.daemonset.template.generation'];
  const isOfGeneration = generation !== undefined && labels['pod-template-generation'] === generation;
  return isOfGeneration || labels[revisionLabel] === hash;
}

export function isAvailable({ set, nowMs }: Pick<Situation, 'set' | 'nowMs'>, pod: Pod): boolean {
  return availableInMs(pod, { minReadySeconds: set.spec.minReadySeconds ?? 0, nowMs }) === 0;
}

export function isReadyPod(pod: Pod): boolean {
  return readySinceMs(pod) !== undefined;
}

/** Of the nodes that should run a pod; both limits round up. */
export function desiredCount({ set, nodes }: Pick<Situation, 'set' | 'nodes'>): number {
  return nodes.filter((node) => placementOn(set.spec.template ?? {}, node).shouldRun).length;
}

function surge(situation: Situation): number {
  return limit(situation, 'maxSurge', 0);
}

/** If both limits come to 0 nothing could ever move, so one pod may be missing. */
function unavailable(situation: Situation): number {
  return limit(situation, 'maxUnavailable', 1) || 1;
}

function limit(situation: Situation, field: 'maxSurge' | 'maxUnavailable', otherwise: number): number {
  const { type, rollingUpdate } = situation.set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return 0;
  const value = rollingUpdate?.[field] ?? otherwise;
  if (typeof value === 'number') return value;
  return Math.ceil((Number.parseInt(value, 10) * desiredCount(situation)) / 100);
}
