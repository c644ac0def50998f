/**
 * Volumes that a pod has by a claim: the claim's PersistentVolume, when it is one that this machine can give, a path of
 * its own. https://kubernetes.io/docs/concepts/storage/persistent-volumes/#claims-as-volumes
 */
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import type { HostPathVolumeSource, PersistentVolumeSpec, Pod, Volume } from '#api/gen/core-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import type { Client } from '#client/client.js';
import { KubeletError } from '../kubelet-error.js';

export interface ClaimedVolume {
  path: HostPathVolumeSource;
  readOnly: boolean;
  /** Whether the pod's group is given the files. What is anywhere on the machine is not ours to give. */
  isOwn: boolean;
}

export function isClaimed(volume: Volume): boolean {
  return volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined;
}

export function claimNameOf({ metadata }: Pod, volume: Volume): string {
  return volume.persistentVolumeClaim?.claimName ?? `${metadata.name}-${volume.name}`;
}

/** Throws KubeletError 'volume' for a claim that has no volume yet, or one that this node cannot give; StatusError. */
export async function claimedVolume(client: Client, pod: Pod, volume: Volume): Promise<ClaimedVolume> {
  const { namespace, name: podName, uid } = pod.metadata;
  const name = claimNameOf(pod, volume);
  const claim = await client.of(claims).get(name, { namespace });
  if (volume.ephemeral && controllerOf(claim)?.uid !== uid)
    throw refuse(`PVC ${namespace}/${name} was not created for pod ${namespace}/${podName} (pod is not owner)`);
  const { volumeName } = claim.spec ?? {};
  if (claim.status?.phase !== 'Bound' || !volumeName) throw refuse(`PVC ${namespace}/${name} is not bound`);
  const { spec = {} } = await client.of(volumes).get(volumeName);
  if (spec.claimRef?.uid !== claim.metadata.uid)
    throw refuse(`PV "${volumeName}" is bound to another claim than ${namespace}/${name}`);
  if (spec.volumeMode === 'Block') throw refuse(`block devices are not supported by this node (PV "${volumeName}")`);
  return { ...pathOf(volumeName, spec), readOnly: volume.persistentVolumeClaim?.readOnly ?? false };
}

function pathOf(volumeName: string, spec: PersistentVolumeSpec): Omit<ClaimedVolume, 'readOnly'> {
  if (spec.hostPath) return { path: spec.hostPath, isOwn: false };
  if (spec.local) return { path: { path: spec.local.path, type: 'Directory' }, isOwn: true };
  const type = sources.find((source) => spec[source] !== undefined) ?? 'unknown';
  throw refuse(`volumes of type ${type} are not supported by this node (PV "${volumeName}")`);
}

const sources = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'csi',
  'fc',
  'flexVolume',
  'gcePersistentDisk',
  'glusterfs',
  'iscsi',
  'nfs',
  'portworxVolume',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
] as const;

function refuse(message: string): KubeletError {
  return new KubeletError('volume', message);
}
