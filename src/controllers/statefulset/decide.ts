/**
 * What a StatefulSet needs next, as a pure function of the set and its pods: in order one step at a time, in parallel
 * as many as are wanted. https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#deployment-and-scaling-guarantees
 */
import type { StatefulSet } from '#api/gen/apps-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { availableInMs, isReady, isTerminal } from '../pod-state.js';
import { firstOrdinal, hasIdentity, isInRange, ordinalOf, revisionOfPod } from './identity.js';

export type Step =
  /** There is no pod of the ordinal: make one, of the revision named, after its claims. */
  | { type: 'create'; ordinal: number; revision: string }
  /** The pod waits, maybe for a claim that is missing. */
  | { type: 'claims'; ordinal: number; pod: Pod }
  /** The pod's labels, or the owners of its claims, are to be set right. */
  | { type: 'repair'; ordinal: number; pod: Pod; labels: boolean }
  | { type: 'delete'; ordinal: number; pod: Pod };

export interface Situation {
  set: StatefulSet;
  pods: readonly Pod[];
  /** Names of revisions. */
  current: string;
  update: string;
  nowMs: number;
}

interface Place {
  ordinal: number;
  pod: Pod | undefined;
}

/** The steps to take now, in this order; those after a step that must be waited for come another time. */
export function decide(situation: Situation): Step[] {
  const { set, pods } = situation;
  if (set.metadata.deletionTimestamp) return [];
  const inOrder = set.spec.podManagementPolicy !== 'Parallel';
  const byOrdinal = new Map<number, Pod>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod);
  }
  const first = firstOrdinal(set);
  const wanted = Array.from({ length: set.spec.replicas ?? 1 }, (_, index): Place => {
    const ordinal = first + index;
    return { ordinal, pod: byOrdinal.get(ordinal) };
  });
  const surplus = [...byOrdinal]
    .filter(([ordinal]) => !isInRange(set, ordinal))
    .map(([ordinal, pod]) => ({ ordinal, pod }))
    .sort((a, b) => b.ordinal - a.ordinal);

  const filled = fill(situation, { wanted, inOrder });
  if (filled.mustWait) return filled.steps;
  const shrunk = shrink(situation, { wanted, surplus, inOrder });
  const steps = [...filled.steps, ...shrunk.steps];
  return shrunk.mustWait ? steps : [...steps, ...replace(situation, wanted)];
}

interface Progress {
  steps: Step[];
  mustWait: boolean;
}

/** Makes what is missing, lowest ordinal first; in order, only when all before it are available. */
function fill(situation: Situation, { wanted, inOrder }: { wanted: Place[]; inOrder: boolean }): Progress {
  const { set } = situation;
  const steps: Step[] = [];
  for (const { ordinal, pod } of wanted) {
    if (!pod) {
      steps.push({ type: 'create', ordinal, revision: revisionFor(situation, ordinal) });
      if (inOrder) return { steps, mustWait: true };
      continue;
    }
    if (isTerminal(pod)) {
      // It comes again whatever it ended with: an evicted pod may have succeeded.
      if (!pod.metadata.deletionTimestamp) steps.push({ type: 'delete', ordinal, pod });
      if (inOrder) return { steps, mustWait: true };
      continue;
    }
    if (pod.status?.phase === 'Pending') steps.push({ type: 'claims', ordinal, pod });
    if (inOrder && (pod.metadata.deletionTimestamp || !isAvailable(situation, pod))) return { steps, mustWait: true };
    steps.push({ type: 'repair', ordinal, pod, labels: !hasIdentity(set, pod, ordinal) });
  }
  return { steps, mustWait: false };
}

/** Takes away what is beyond the range, highest ordinal first. */
function shrink(
  situation: Situation,
  { wanted, surplus, inOrder }: { wanted: Place[]; surplus: { ordinal: number; pod: Pod }[]; inOrder: boolean },
): Progress {
  const steps: Step[] = surplus.map(({ ordinal, pod }) => ({ type: 'repair', ordinal, pod, labels: false }));
  const isUnavailable = ({ pod }: Place) => !pod || !isAvailable(situation, pod) || pod.metadata.deletionTimestamp;
  const firstUnavailable = wanted.find(isUnavailable) ?? surplus.findLast(isUnavailable);
  for (const place of surplus) {
    const { ordinal, pod } = place;
    if (pod.metadata.deletionTimestamp) {
      if (inOrder) return { steps, mustWait: true };
      continue;
    }
    if (inOrder && !isAvailable(situation, pod) && place !== firstUnavailable) return { steps, mustWait: true };
    steps.push({ type: 'delete', ordinal, pod });
    if (inOrder) return { steps, mustWait: true };
  }
  return { steps, mustWait: surplus.length > 0 && inOrder };
}

/**
 * Takes a pod of another revision away, the highest ordinal first and down to the partition, once all above it work. Those
 * below may be broken: maybe it is the rollout that mends them.
 */
function replace(situation: Situation, wanted: Place[]): Step[] {
  const { set, update } = situation;
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return [];
  for (const { ordinal, pod } of wanted.slice(rollingUpdate?.partition ?? 0).reverse()) {
    if (!pod || pod.metadata.deletionTimestamp) return [];
    if (revisionOfPod(pod) !== update) return [{ type: 'delete', ordinal, pod }];
    if (!isAvailable(situation, pod)) return [];
  }
  return [];
}

/** A pod below the partition, or one that the rollout has not reached, comes back as it was. */
function revisionFor({ set, current, update }: Situation, ordinal: number): string {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return update;
  const untouched = rollingUpdate ? (rollingUpdate.partition ?? 0) : (set.status?.currentReplicas ?? 0);
  return ordinal < firstOrdinal(set) + untouched ? current : update;
}

export function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isReady(pod);
}

export function isAvailable({ set, nowMs }: Pick<Situation, 'set' | 'nowMs'>, pod: Pod): boolean {
  const minReadySeconds = set.spec.minReadySeconds ?? 0;
  return isRunningAndReady(pod) && availableInMs(pod, { minReadySeconds, nowMs }) === 0;
}
