/** The claims of a pod, and what storage there is for them: as decisions read it. */

import { storageClassOf } from '#api/core/storage-texts.js';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '#api/gen/core-v1.js';
import type { CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment } from '#api/gen/storage-v1.js';
import { controllerOf } from '#apimachinery/object.js';

/** With what the scheduler has decided and the API does not say yet. */
export interface VolumeView {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumesOfClass(name: string): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  csiDriver(name: string): CSIDriver | undefined;
  csiNode(name: string): CSINode | undefined;
  capacitiesOfClass(name: string): readonly CSIStorageCapacity[];
  attachmentsOn(nodeName: string): readonly VolumeAttachment[];
}

export const bindCompleted = 'pv.kubernetes.io/bind-completed';
export const selectedNode = 'volume.kubernetes.io/selected-node';

/** The name of the claim that a volume uses; one of its own is named for the pod and the volume. */
export function claimNameOf({ metadata }: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral ? `${metadata.name}-${volume.name}` : undefined;
}

export function claimNamesOf(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => claimNameOf(pod, volume) ?? []);
}

export function usesClaims(pod: Pod): boolean {
  return (pod.spec.volumes ?? []).some(({ persistentVolumeClaim, ephemeral }) => persistentVolumeClaim || ephemeral);
}

/** Whether a change of claims concerns the pod; other changes may. */
export function concerns(pod: Pod, { claim }: { claim?: PersistentVolumeClaim }): boolean {
  if (!claim) return true;
  return claim.metadata.namespace === pod.metadata.namespace && claimNamesOf(pod).includes(claim.metadata.name!);
}

export interface PodClaims {
  bound: readonly PersistentVolumeClaim[];
  /** To be bound where the pod goes. */
  delayed: readonly PersistentVolumeClaim[];
  /** To be bound whatever the pod does, and not bound yet. */
  immediate: readonly PersistentVolumeClaim[];
}

/** Gives a text when the pod cannot go anywhere. */
export function podClaims(pod: Pod, view: VolumeView): PodClaims | string {
  const bound: PersistentVolumeClaim[] = [];
  const delayed: PersistentVolumeClaim[] = [];
  const immediate: PersistentVolumeClaim[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (name === undefined) continue;
    const claim = view.claim(pod.metadata.namespace!, name);
    const problem = problemOf(claim, { pod, name, isOwn: Boolean(volume.ephemeral) });
    if (problem) return problem;
    if (isBound(claim!)) bound.push(claim!);
    else if (isDelayed(claim!, view)) delayed.push(claim!);
    else immediate.push(claim!);
  }
  return { bound, delayed, immediate };
}

function problemOf(
  claim: PersistentVolumeClaim | undefined,
  { pod, name, isOwn }: { pod: Pod; name: string; isOwn: boolean },
): string | undefined {
  if (!claim) {
    return isOwn
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : `persistentvolumeclaim "${name}" not found`;
  }
  if (claim.status?.phase === 'Lost')
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ''}"`;
  if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
  if (isOwn && controllerOf(claim)?.uid !== pod.metadata.uid) {
    const { namespace } = pod.metadata;
    return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
  }
  return undefined;
}

/** The binder has the last word on a claim, by its annotation. */
export function isBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return Boolean(spec?.volumeName) && metadata.annotations?.[bindCompleted] !== undefined;
}

/** A claim that names its volume is not waited with. */
function isDelayed(claim: PersistentVolumeClaim, view: VolumeView): boolean {
  if (claim.spec?.volumeName) return false;
  return view.storageClass(storageClassOf(claim))?.volumeBindingMode === 'WaitForFirstConsumer';
}
