/** What a StatefulSet says of its pods. */
import type { StatefulSet, StatefulSetStatus } from '#api/gen/apps-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isAvailable, isRunningAndReady } from './decide.js';
import { ordinalOf, revisionOfPod } from './identity.js';

export function nextStatus(
  set: StatefulSet,
  {
    pods,
    current,
    update,
    collisionCount,
    nowMs,
  }: { pods: readonly Pod[]; current: string; update: string; collisionCount: number; nowMs: number },
): StatefulSetStatus {
  const mine = pods.filter((pod) => ordinalOf(set, pod) !== undefined);
  const staying = mine.filter(({ metadata }) => !metadata.deletionTimestamp);
  const ready = mine.filter(isRunningAndReady);
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata.generation,
    replicas: mine.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => isAvailable({ set, nowMs }, pod)).length,
    currentReplicas: staying.filter((pod) => revisionOfPod(pod) === current).length,
    updatedReplicas: staying.filter((pod) => revisionOfPod(pod) === update).length,
    currentRevision: current,
    updateRevision: update,
    collisionCount,
    conditions: set.status?.conditions,
  };
  return isRolledOut(set, status)
    ? { ...status, currentReplicas: status.updatedReplicas, currentRevision: update }
    : status;
}

function isRolledOut({ spec }: StatefulSet, { replicas, readyReplicas, updatedReplicas }: StatefulSetStatus): boolean {
  const wanted = spec.replicas ?? 1;
  if (spec.updateStrategy?.type === 'OnDelete') return false;
  return updatedReplicas === wanted && readyReplicas === wanted && replicas === wanted;
}

/** The server leaves zero counts out, so a missing count is 0. */
export function sameStatus(a: StatefulSetStatus | undefined, b: StatefulSetStatus): boolean {
  const counts = [
    'replicas',
    'readyReplicas',
    'availableReplicas',
    'currentReplicas',
    'updatedReplicas',
    'observedGeneration',
    'collisionCount',
  ] as const;
  if (a?.collisionCount === undefined && b.collisionCount !== undefined) return false;
  return (
    counts.every((count) => (a?.[count] ?? 0) === (b[count] ?? 0)) &&
    a?.currentRevision === b.currentRevision &&
    a?.updateRevision === b.updateRevision
  );
}
