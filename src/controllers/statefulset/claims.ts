/**
 * The volumes that belong to the ordinals of a StatefulSet: made before the pod, and owned as the retention policy says.
 * https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention
 */
import statefulSets from '#api/apps/statefulset.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { StatefulSet } from '#api/gen/apps-v1.js';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.js';
import { controllerOf, type OwnerReference } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import { controllerReference } from '../claim.js';
import { claimNameOf, isInRange } from './identity.js';

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

/**
 * A claim that goes with a pod which is gone already: the garbage collector will take it, and the pod's successor must
 * have a new one.
 */
export function isStale(set: StatefulSet, claim: PersistentVolumeClaim, podUid: string | undefined): boolean {
  if (!deletes(set).withPod) return false;
  const { ownerReferences = [] } = claim.metadata;
  return ownerReferences.some(({ kind, apiVersion, uid }) => kind === 'Pod' && apiVersion === 'v1' && uid !== podUid);
}

/** The owners that a claim should have, or undefined when it has them. A claim that others control is left alone. */
export function ownersWanted(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  { pod, ordinal }: { pod: Pod; ordinal: number },
): OwnerReference[] | undefined {
  const { ownerReferences = [] } = claim.metadata;
  const others = ownerReferences.filter(({ uid }) => uid !== set.metadata.uid && uid !== pod.metadata.uid);
  if (controllerOf({ ...claim, metadata: { ...claim.metadata, ownerReferences: others } })) return undefined;
  const { withSet, withPod } = deletes(set);
  const owner = withPod && !isInRange(set, ordinal) ? controllerReference(pod, pods) : undefined;
  const wanted = owner ?? (withSet ? controllerReference(set, statefulSets) : undefined);
  const owners = wanted ? [...others, wanted] : others;
  return equal(owners, ownerReferences) ? undefined : owners;
}
