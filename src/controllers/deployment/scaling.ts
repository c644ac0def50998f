/**
 * Decides, without doing it, how large each ReplicaSet of a Deployment should be next.
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy
 */
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.js';
import { desiredReplicasOf, maxReplicasOf } from './revision.js';
import { isRolling, maxSurge, maxUnavailable } from './rounding.js';

/** The ReplicaSet of the Deployment's template, if there is one, and all others. */
export interface ReplicaSets {
  newest: ReplicaSet | undefined;
  old: ReplicaSet[];
}

/** Sizes to give to ReplicaSets; those that are not named keep theirs. */
export type Sizes = Map<ReplicaSet, number>;

export function sizeOf({ spec }: ReplicaSet): number {
  return spec.replicas ?? 1;
}

export function totalSize(replicaSets: readonly ReplicaSet[]): number {
  return replicaSets.reduce((sum, one) => sum + sizeOf(one), 0);
}

export function isUsed(replicaSet: ReplicaSet): boolean {
  return sizeOf(replicaSet) > 0;
}

export function all({ newest, old }: ReplicaSets): ReplicaSet[] {
  return newest ? [...old, newest] : old;
}

/** Whether its status tells of what it was last told, or of an earlier size. */
export function isObserved({ metadata, status }: ReplicaSet): boolean {
  return (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0);
}

/** Oldest first, by name where time does not tell. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const time = (one: ReplicaSet) => one.metadata.creationTimestamp ?? '';
  return compare(time(a), time(b)) || compare(a.metadata.name ?? '', b.metadata.name ?? '');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Someone changed the Deployment's replicas since its ReplicaSets were last sized. */
export function isScalingEvent({ spec }: Deployment, replicaSets: ReplicaSets): boolean {
  return all(replicaSets)
    .filter(isUsed)
    .some((one) => {
      const desired = desiredReplicasOf(one);
      return desired !== undefined && desired !== (spec.replicas ?? 1);
    });
}

/** The size of the newest ReplicaSet, within what all together may have. `others` are all but the newest. */
export function newestSize(
  deployment: Deployment,
  { size, others }: { size: number; others: readonly ReplicaSet[] },
): number {
  const { replicas = 1 } = deployment.spec;
  if (!isRolling(deployment)) return replicas;
  const room = replicas + maxSurge(deployment) - totalSize(others) - size;
  return room <= 0 ? size : size + Math.min(room, replicas - size);
}

/** One step of a rolling update: first up, as far as the surge allows; if that changes nothing, the old ones down. */
export function rollingStep(deployment: Deployment, { newest, old }: { newest: ReplicaSet; old: ReplicaSet[] }): Sizes {
  const { replicas = 1 } = deployment.spec;
  const size = sizeOf(newest);
  if (size > replicas) return new Map([[newest, replicas]]);
  const next = newestSize(deployment, { size, others: old });
  if (next !== size) return new Map([[newest, next]]);
  return shrinkOld(deployment, { newest, old: old.filter(isUsed).sort(byAge) });
}

/** Takes first the pods that serve nobody, then available ones as far as maxUnavailable allows. */
function shrinkOld(deployment: Deployment, { newest, old }: { newest: ReplicaSet; old: ReplicaSet[] }): Sizes {
  const sizes: Sizes = new Map();
  // Beyond its size are pods that it was told to delete, and has not counted again since.
  const available = (one: ReplicaSet) => Math.min(one.status?.availableReplicas ?? 0, sizeOf(one));
  const availableMin = (deployment.spec.replicas ?? 1) - maxUnavailable(deployment);
  // One that was small and is large again may still count pods that went when it was small.
  const newestAvailable = isObserved(newest) ? available(newest) : 0;
  const newestMissing = sizeOf(newest) - newestAvailable;
  let unhealthyMax = totalSize([...old, newest]) - availableMin - newestMissing;
  if (unhealthyMax <= 0) return sizes;
  for (const one of old) {
    const count = Math.min(unhealthyMax, Math.max(sizeOf(one) - available(one), 0));
    if (count > 0) sizes.set(one, sizeOf(one) - count);
    unhealthyMax -= count;
  }
  let spare = old.reduce((sum, one) => sum + available(one), newestAvailable) - availableMin;
  for (const one of old) {
    const size = sizes.get(one) ?? sizeOf(one);
    const count = Math.min(Math.max(spare, 0), size);
    if (count > 0) sizes.set(one, size - count);
    spare -= count;
  }
  return sizes;
}

/** Sizes after a change of the Deployment's replicas: in the middle of a rollout all ReplicaSets share in it. */
export function scaledSizes(deployment: Deployment, { newest, old }: ReplicaSets): Sizes {
  const { replicas = 1 } = deployment.spec;
  const used = all({ newest, old }).filter(isUsed);
  if (used.length <= 1) {
    const only = used[0] ?? newest ?? [...old].sort(byAge).at(-1);
    return new Map(only ? [[only, replicas]] : []);
  }
  if (newest && isSaturated(deployment, newest)) return new Map(old.filter(isUsed).map((one) => [one, 0]));
  return isRolling(deployment) ? proportionalSizes(deployment, used) : new Map();
}

/** The newest ReplicaSet has all that the Deployment wants, and all of it works. */
function isSaturated({ spec }: Deployment, newest: ReplicaSet): boolean {
  const { replicas = 1 } = spec;
  const available = newest.status?.availableReplicas ?? 0;
  return sizeOf(newest) === replicas && desiredReplicasOf(newest) === replicas && available === replicas;
}

function proportionalSizes(deployment: Deployment, used: ReplicaSet[]): Sizes {
  const { replicas = 1 } = deployment.spec;
  const allowed = replicas > 0 ? replicas + maxSurge(deployment) : 0;
  const toAdd = allowed - totalSize(used);
  // Of equal ones the newer grows first, the older shrinks first.
  const order = [...used].sort((a, b) => sizeOf(b) - sizeOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
  const sizes: Sizes = new Map();
  let added = 0;
  for (const one of order) {
    const share = toAdd === 0 ? 0 : proportion(deployment, one, { toAdd, added });
    sizes.set(one, sizeOf(one) + share);
    added += share;
  }
  const largest = order[0]!;
  sizes.set(largest, Math.max(sizes.get(largest)! + toAdd - added, 0));
  return sizes;
}

function proportion(
  deployment: Deployment,
  replicaSet: ReplicaSet,
  { toAdd, added }: { toAdd: number; added: number },
): number {
  if (toAdd === added) return 0;
  const left = toAdd - added;
  const share = shareOf(deployment, replicaSet);
  return toAdd > 0 ? Math.min(share, left) : Math.max(share, left);
}

/** How much the ReplicaSet's part of the new whole differs from its size now. */
function shareOf(deployment: Deployment, replicaSet: ReplicaSet): number {
  const { replicas = 1 } = deployment.spec;
  const size = sizeOf(replicaSet);
  if (replicas === 0) return -size;
  const before = maxReplicasOf(replicaSet) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  const exact = (size * (replicas + maxSurge(deployment))) / before;
  return Math.round(exact) - size;
}
