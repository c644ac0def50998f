/** Makes a claim and a volume each other's, in steps that can be begun again after any of them. */

import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import type { PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus } from '#api/gen/core-v1.js';
import { equal } from '#base/json.js';
import type { Client } from '#client/client.js';
import { bindCompleted, boundByController } from './annotations.js';

const yes = 'yes';

/** The volume's reference comes first: it is what two claims would fight for. Throws StatusError. */
export async function bind(client: Client, volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
  const reserved = await setVolumePhase(client, await reserve(client, volume, claim), 'Bound');
  const bound = await refer(client, claim, reserved);
  await setClaimBound(client, bound, reserved);
}

async function reserve(
  client: Client,
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
): Promise<PersistentVolume> {
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  const before = volume.spec?.claimRef;
  if (before?.uid === uid) return volume;
  const isOurs = before === undefined;
  const claimRef = { apiVersion: 'v1', kind: claims.kind, namespace, name, uid, resourceVersion };
  return client.of(volumes).update({
    ...volume,
    metadata: isOurs ? annotated(volume, { [boundByController]: yes }) : volume.metadata,
    spec: { ...volume.spec, claimRef },
  });
}

async function refer(
  client: Client,
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
): Promise<PersistentVolumeClaim> {
  const { name: volumeName } = volume.metadata;
  const isOurs = claim.spec?.volumeName !== volumeName;
  const annotations = { ...(isOurs && { [boundByController]: yes }), [bindCompleted]: yes };
  const metadata = annotated(claim, annotations);
  if (!isOurs && equal(metadata, claim.metadata)) return claim;
  return client.of(claims).update({ ...claim, metadata, spec: { ...claim.spec, volumeName } });
}

function annotated<T extends PersistentVolume | PersistentVolumeClaim>(
  { metadata }: T,
  more: Record<string, string>,
): T['metadata'] {
  return { ...metadata, annotations: { ...metadata.annotations, ...more } };
}

async function setClaimBound(client: Client, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
  const { accessModes, capacity, volumeAttributesClassName } = volume.spec ?? {};
  const before = claim.status ?? {};
  const wasBound = before.phase === 'Bound';
  const status: PersistentVolumeClaimStatus = {
    ...before,
    phase: 'Bound',
    accessModes,
    // A bound claim's capacity is the business of resizing.
    capacity: wasBound && before.capacity ? before.capacity : capacity,
    // And so is its class of attributes.
    ...(!wasBound && volumeAttributesClassName && { currentVolumeAttributesClassName: volumeAttributesClassName }),
  };
  if (!equal(status, before)) await client.of(claims).updateStatus({ ...claim, status });
}

/** Gives the volume as it then is. */
export async function setVolumePhase(
  client: Client,
  volume: PersistentVolume,
  phase: string,
  message?: string,
): Promise<PersistentVolume> {
  const before = volume.status ?? {};
  if (before.phase === phase) return volume;
  const { lastPhaseTransitionTime: _, ...rest } = before;
  return client.of(volumes).updateStatus({ ...volume, status: { ...rest, phase, message } });
}

/** Takes back what we have done to a volume whose claim went elsewhere; what the user has set stays. */
export async function release(client: Client, volume: PersistentVolume): Promise<PersistentVolume> {
  const { claimRef, ...spec } = volume.spec ?? {};
  const { [boundByController]: isOurs, ...annotations } = volume.metadata.annotations ?? {};
  const { uid: _, resourceVersion: __, ...reservation } = claimRef ?? {};
  const freed = await client.of(volumes).update({
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: isOurs ? spec : { ...spec, claimRef: reservation },
  });
  return setVolumePhase(client, freed, 'Available');
}
