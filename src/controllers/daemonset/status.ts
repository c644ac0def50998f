/** What a DaemonSet says of its nodes and pods. */
import { countsInStatus } from '#api/apps/daemonset.js';
import type { DaemonSetStatus } from '#api/gen/apps-v1.js';
import { byAge, isAvailable, isNew, isReadyPod, podsByNode, type Situation } from './decide.js';
import { placementOn } from './placement.js';

/** What is counted, beside what is known already. */
export function nextStatus(
  situation: Situation,
  known: Pick<DaemonSetStatus, 'collisionCount' | 'observedGeneration'>,
): DaemonSetStatus {
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
    // Of a pair side by side, the older one counts.
    const oldest = byAge(there)[0]!;
    if (isReadyPod(oldest)) counts.ready++;
    if (isAvailable(situation, oldest)) counts.available++;
    if (isNew(situation, oldest)) counts.updated++;
  }
  return {
    currentNumberScheduled: counts.current,
    numberMisscheduled: counts.misplaced,
    desiredNumberScheduled: counts.desired,
    numberReady: counts.ready,
    updatedNumberScheduled: counts.updated,
    numberAvailable: counts.available,
    numberUnavailable: counts.desired - counts.available,
    ...known,
    conditions: set.status?.conditions,
  };
}

/** A count that is missing is 0. */
export function sameStatus(a: DaemonSetStatus | undefined, b: DaemonSetStatus): boolean {
  return a !== undefined && countsInStatus.every((count) => (a[count] ?? 0) === (b[count] ?? 0));
}
