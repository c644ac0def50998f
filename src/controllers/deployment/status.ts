/**
 * What a Deployment says of itself: counts, and whether it is available and gets on.
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
 */
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '#api/gen/apps-v1.js';
import { formatTime } from '#apimachinery/object.js';
import { maxUnavailable } from './rounding.js';
import { all, type ReplicaSets, totalSize } from './scaling.js';

export interface ConditionText {
  type: 'Available' | 'Progressing' | 'ReplicaFailure';
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
}

/** Also what clients write for "no deadline". */
const int32Max = 2 ** 31 - 1;

export function hasProgressDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== int32Max;
}

export function conditionOf(status: DeploymentStatus | undefined, type: ConditionText['type']) {
  return status?.conditions?.find((condition) => condition.type === type);
}

export function withCondition(
  conditions: readonly DeploymentCondition[] | undefined,
  text: ConditionText,
  nowMs: number,
): DeploymentCondition[] {
  const now = formatTime(nowMs);
  return replaced(conditions ?? [], { ...text, lastUpdateTime: now, lastTransitionTime: now });
}

/** A condition that says the same, for the same reason, stays as it was, and where it was. */
function replaced(conditions: readonly DeploymentCondition[], condition: DeploymentCondition): DeploymentCondition[] {
  const before = conditions.find(({ type }) => type === condition.type);
  if (before && before.status === condition.status && before.reason === condition.reason) return [...conditions];
  const { lastTransitionTime } = before?.status === condition.status ? before : condition;
  return [...without(conditions, condition.type), { ...condition, lastTransitionTime }];
}

function without(
  conditions: readonly DeploymentCondition[] | undefined,
  type: string | undefined,
): DeploymentCondition[] {
  return (conditions ?? []).filter((condition) => condition.type !== type);
}

/** The counts, and Available. */
export function countedStatus(deployment: Deployment, replicaSets: ReplicaSets, nowMs: number): DeploymentStatus {
  const { status, metadata, spec } = deployment;
  const every = all(replicaSets);
  const sum = (count: (one: ReplicaSet) => number | undefined) =>
    every.reduce((total, one) => total + (count(one) ?? 0), 0);
  const availableReplicas = sum((one) => one.status?.availableReplicas);
  const isAvailable = availableReplicas >= (spec.replicas ?? 1) - maxUnavailable(deployment);
  return {
    observedGeneration: metadata.generation,
    replicas: sum((one) => one.status?.replicas),
    updatedReplicas: replicaSets.newest?.status?.replicas ?? 0,
    readyReplicas: sum((one) => one.status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(totalSize(every) - availableReplicas, 0),
    terminatingReplicas: sum((one) => one.status?.terminatingReplicas),
    collisionCount: status?.collisionCount,
    conditions: withCondition(status?.conditions, isAvailable ? available : unavailable, nowMs),
  };
}

const available: ConditionText = {
  type: 'Available',
  status: 'True',
  reason: 'MinimumReplicasAvailable',
  message: 'Deployment has minimum availability.',
};

const unavailable: ConditionText = {
  type: 'Available',
  status: 'False',
  reason: 'MinimumReplicasUnavailable',
  message: 'Deployment does not have minimum availability.',
};

/** All wanted pods are of the newest template and available, and no other is left. */
export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus | undefined): boolean {
  const { replicas = 1 } = spec;
  const { updatedReplicas = 0, availableReplicas = 0, observedGeneration = 0 } = status ?? {};
  const isAll = updatedReplicas === replicas && (status?.replicas ?? 0) === replicas && availableReplicas === replicas;
  return isAll && observedGeneration >= (metadata.generation ?? 0);
}

/** The status in a rollout: counts, Available, Progressing and ReplicaFailure. */
export function rolloutStatus(deployment: Deployment, replicaSets: ReplicaSets, nowMs: number): DeploymentStatus {
  const status = countedStatus(deployment, replicaSets, nowMs);
  const before = conditionOf(deployment.status, 'Progressing');
  const wasComplete = status.replicas === status.updatedReplicas && before?.reason === 'NewReplicaSetAvailable';
  if (!hasProgressDeadline(deployment)) status.conditions = without(status.conditions, 'Progressing');
  else if (!wasComplete) status.conditions = progressConditions(deployment, { status, replicaSets, nowMs });
  const failure = replicaFailure(replicaSets);
  if (!failure) status.conditions = without(status.conditions, 'ReplicaFailure');
  else
    status.conditions = replaced(status.conditions ?? [], { ...failure, lastUpdateTime: failure.lastTransitionTime });
  return status;
}

function progressConditions(
  deployment: Deployment,
  { status, replicaSets, nowMs }: { status: DeploymentStatus; replicaSets: ReplicaSets; nowMs: number },
): DeploymentCondition[] {
  const { newest } = replicaSets;
  const subject = newest
    ? `ReplicaSet ${JSON.stringify(newest.metadata.name)}`
    : `Deployment ${JSON.stringify(deployment.metadata.name)}`;
  const before = conditionOf(deployment.status, 'Progressing');
  const { conditions } = status;
  if (isComplete(deployment, status)) {
    const message = `${subject} has successfully progressed.`;
    const text: ConditionText = { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message };
    return withCondition(conditions, text, nowMs);
  }
  if (hasProgressed(deployment.status, status)) {
    // Its update time restarts the deadline, so this one is written though it says the same again.
    const now = formatTime(nowMs);
    const lastTransitionTime = before?.status === 'True' ? before.lastTransitionTime : now;
    const message = `${subject} is progressing.`;
    const progress = { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', message };
    return [...without(conditions, 'Progressing'), { ...progress, lastUpdateTime: now, lastTransitionTime }];
  }
  if (isTimedOut(deployment, nowMs)) {
    const message = `${subject} has timed out progressing.`;
    const text: ConditionText = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message };
    return withCondition(conditions, text, nowMs);
  }
  return conditions ?? [];
}

function hasProgressed(before: DeploymentStatus | undefined, now: DeploymentStatus): boolean {
  const oldPods = (status: DeploymentStatus | undefined) => (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  const grew = (count: 'updatedReplicas' | 'readyReplicas' | 'availableReplicas') =>
    (now[count] ?? 0) > (before?.[count] ?? 0);
  return (
    grew('updatedReplicas') || grew('readyReplicas') || grew('availableReplicas') || oldPods(now) < oldPods(before)
  );
}

function isTimedOut(deployment: Deployment, nowMs: number): boolean {
  const condition = conditionOf(deployment.status, 'Progressing');
  if (!condition || condition.reason === 'NewReplicaSetAvailable') return false;
  return condition.reason === 'ProgressDeadlineExceeded' || deadlineInMs(deployment, nowMs)! < 0;
}

/** Milliseconds until a rollout without progress has failed; undefined when there is nothing to wait for. */
export function deadlineInMs({ spec, status }: Deployment, nowMs: number): number | undefined {
  const condition = conditionOf(status, 'Progressing');
  if (!condition?.lastUpdateTime) return undefined;
  return Date.parse(condition.lastUpdateTime) + (spec.progressDeadlineSeconds ?? 0) * 1000 - nowMs;
}

function replicaFailure({ newest, old }: ReplicaSets): DeploymentCondition | undefined {
  for (const one of newest ? [newest, ...old] : old) {
    const failure = one.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
    if (failure) return failure;
  }
  return undefined;
}
