/** Which volumes of a node's pods must be attached to it, and what an attachment is called. */
import { createHash } from 'node:crypto';
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { CSIPersistentVolumeSource, PersistentVolume, Pod } from '#api/gen/core-v1.js';
import csiDrivers from '#api/storage/csidriver.js';
import type { InformerFactory } from '#client/informer.js';
import { isTerminal } from '../pod-state.js';
import { claimNames } from '../pod-volumes.js';

export interface Wanted {
  volume: PersistentVolume;
  csi: CSIPersistentVolumeSource;
  /** Those of the node that use it. */
  pods: Pod[];
}

/** By the volume's name. */
export function wantedOn(nodeName: string, informers: InformerFactory): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const pod of informers.of(pods).byIndex('node', nodeName)) {
    if (!mayUseVolumes(pod)) continue;
    for (const name of claimNames(pod)) {
      const volume = volumeOf(`${pod.metadata.namespace}/${name}`, informers);
      const csi = volume?.spec?.csi;
      if (!volume || !csi || !needsAttaching(csi.driver, informers)) continue;
      const known = wanted.get(volume.metadata.name!);
      if (known) known.pods.push(pod);
      else wanted.set(volume.metadata.name!, { volume, csi, pods: [pod] });
    }
  }
  return wanted;
}

/** Of a pod that is being deleted the volumes stay until its containers have stopped. */
function mayUseVolumes(pod: Pod): boolean {
  if (isTerminal(pod)) return false;
  if (!pod.metadata.deletionTimestamp) return true;
  return (pod.status?.containerStatuses ?? []).some(({ state }) => state?.running);
}

/** The volume that the claim and itself say to be bound to each other. */
function volumeOf(claimKey: string, informers: InformerFactory): PersistentVolume | undefined {
  const claim = informers.of(claims).get(claimKey);
  const name = claim?.spec?.volumeName;
  if (!claim || !name || claim.status?.phase !== 'Bound') return undefined;
  const volume = informers.of(volumes).get(name);
  return volume?.spec?.claimRef?.uid === claim.metadata.uid ? volume : undefined;
}

/** A driver that says nothing of itself wants to be asked. */
function needsAttaching(driver: string, informers: InformerFactory): boolean {
  return informers.of(csiDrivers).get(driver)?.spec.attachRequired !== false;
}

/** Unlike others, these modes let several nodes have the volume. */
const sharedModes = ['ReadWriteMany', 'ReadOnlyMany'];

export function isSharable({ spec }: PersistentVolume): boolean {
  const modes = spec?.accessModes ?? [];
  return modes.length === 0 || modes.some((mode) => sharedModes.includes(mode));
}

/** As in a node's status. */
export function uniqueName({ driver, volumeHandle }: CSIPersistentVolumeSource): string {
  return `kubernetes.io/csi/${driver}^${volumeHandle}`;
}

/** Drivers' programs know attachments by it. */
export function attachmentName({ driver, volumeHandle }: CSIPersistentVolumeSource, nodeName: string): string {
  return `csi-${createHash('sha256').update(`${volumeHandle}${driver}${nodeName}`).digest('hex')}`;
}

/** Attachments that others make have other names, and are theirs to delete. */
export function isOurs(name: string): boolean {
  return /^csi-[0-9a-f]{64}$/.test(name);
}
