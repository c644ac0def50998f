/** What a DaemonSet says of its nodes and pods. */
import { countsInStatus } from '#api/apps/daemonset.js';
import type { DaemonSetStatus } from '#api/gen/apps-v1.js';
import { isAvailable, isNew, isReadyPod, podsByNode, type Situation } from './decide.js';
import { placementOn } from './placement.js';

export function nextStatus(situation: Situation, collisionCount: number | undefined): DaemonSetStatus {
  const { set, nodes, pods } = situation;
  const byNode = podsByNode(pods);
  const counts = { desired: 0, current: 0, misplaced: 0, ready: 0, available: 0, updated: 0 };
  for (const node of nodes) {
    const there = byNode.get(node.metadata.name ?? '') ?? [];
    const { shouldRun } = placementOn(set.spec.template ?? {}, node);
    if (!shouldRun) {
      if (there.length > 0) counts.misplaced++;
      continue;
    }
    counts.desired++;
    if (there.length === 0) continue;
    counts.current++;
    const oldest = [...there].sort((a, b) => ageOf(a).localeCompare(ageOf(b)));
    const ready = oldest.find(isReadyPod);
    if (ready) counts.ready++;
    if (ready && isAvailable(situation, ready)) counts.available++;
    // Of a pair side by side, the one that counts is the ready one.
    if (isNew(situation, ready ?? oldest[0]!)) counts.updated++;
  }
  return {
    currentNumberScheduled: counts.current,
    numberMisscheduled: counts.misplaced,
    desiredNumberScheduled: counts.desired,
    numberReady: counts.ready,
    observedGeneration: set.metadata.generation,
    updatedNumberScheduled: counts.updated,
    numberAvailable: counts.available,
    numberUnavailable: counts.desired - counts.available,
    collisionCount,
    conditions: set.status?.conditions,
  };
}

function ageOf({ metadata }: { metadata: { creationTimestamp?: string } }): string {
  return metadata.creationTimestamp ?? '';
}

/** A count that is missing is 0. */
export function sameStatus(a: DaemonSetStatus | undefined, b: DaemonSetStatus): boolean {
  return a !== undefined && countsInStatus.every((count) => (a[count] ?? 0) === (b[count] ?? 0));
}
