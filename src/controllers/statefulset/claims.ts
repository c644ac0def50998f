/**
 * The volumes that belong to the ordinals of a StatefulSet: made before the pod, and owned as the retention policy says.
 * https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention
 */
import statefulSets from '#api/apps/statefulset.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { StatefulSet } from '#api/gen/apps-v1.js';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.js';
import type { OwnerReference } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import { controllerReference } from '../claim.js';
import { claimNameOf, isInRange, podNameOf } from './identity.js';

/** The claims of an ordinal as its templates say. */
export function claimsFor(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    apiVersion: 'v1',
    kind: claims.kind,
    metadata: {
      ...metadata,
      name: claimNameOf(set, metadata?.name ?? '', ordinal),
      namespace: set.metadata.namespace,
      labels: { ...metadata?.labels, ...set.spec.selector?.matchLabels },
    },
    spec,
  }));
}

function deletes(set: StatefulSet): { withSet: boolean; withPod: boolean } {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  return { withSet: whenDeleted === 'Delete', withPod: whenScaled === 'Delete' };
}

/** What the owners of an ordinal's claim are held against. */
export interface Place {
  ordinal: number;
  /** Undefined where there is none yet. */
  pod: Pod | undefined;
}

/**
 * A claim that goes with a pod which is gone already: the garbage collector will take it, and the pod's successor must
 * have a new one.
 */
export function isStale(set: StatefulSet, claim: PersistentVolumeClaim, place: Place): boolean {
  return deletes(set).withPod && ownersIn(set, claim, place).some(({ isPod, isGone }) => isPod && isGone);
}

/** Another controller, or a set or pod of these names that is gone, has a hand on a claim that is to go with ours. */
export function hasOtherController(set: StatefulSet, claim: PersistentVolumeClaim, place: Place): boolean {
  const { withSet, withPod } = deletes(set);
  if (!withSet && !withPod) return false;
  return ownersIn(set, claim, place).some(({ isOurs, isGone, ref }) => isGone || (!isOurs && ref.controller === true));
}

/**
 * The owners that a claim should have, or undefined when it has them. One that was of a set or pod of these names which is
 * gone is left to the garbage collector; on one that others control we have no claim.
 */
export function ownersWanted(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  place: Place & { pod: Pod },
): OwnerReference[] | undefined {
  const owners = ownersIn(set, claim, place);
  if (owners.some(({ isGone }) => isGone)) return undefined;
  const others = owners.filter(({ isOurs }) => !isOurs).map(({ ref }) => ref);
  const { withSet, withPod } = deletes(set);
  let wanted: OwnerReference | undefined;
  if (withPod && !isInRange(set, place.ordinal)) wanted = controllerReference(place.pod, pods);
  else if (withSet) wanted = controllerReference(set, statefulSets);
  const right = wanted && !hasOtherController(set, claim, place) ? [...others, wanted] : others;
  return equal(right, claim.metadata.ownerReferences ?? []) ? undefined : right;
}

interface Owner {
  ref: OwnerReference;
  /** By its kind and name: it may be one that is gone. */
  isOurs: boolean;
  isPod: boolean;
  isGone: boolean;
}

function ownersIn(set: StatefulSet, { metadata }: PersistentVolumeClaim, { ordinal, pod }: Place): Owner[] {
  return (metadata.ownerReferences ?? []).map((ref): Owner => {
    const isPod = ref.kind === pods.kind && ref.apiVersion === 'v1' && ref.name === podNameOf(set, ordinal);
    const isSet = ref.kind === statefulSets.kind && ref.apiVersion === 'apps/v1' && ref.name === set.metadata.name;
    const isGone = (isPod && ref.uid !== pod?.metadata.uid) || (isSet && ref.uid !== set.metadata.uid);
    return { ref, isOurs: isPod || isSet, isPod, isGone };
  });
}
