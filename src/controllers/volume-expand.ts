/**
 * Says of claims that ask for more than they have that somebody else must give it: drivers' own programs resize.
 * https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
 */
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.js';

import { Quantity } from '#apimachinery/quantity.js';
import { migratedSource } from './csi-migration.js';
import { type ControllerContext, defineController } from './runtime.js';

/** Names the program that is to resize. */
const resizer = 'volume.kubernetes.io/storage-resizer';

export default defineController<PersistentVolumeClaim, undefined>({
  name: 'expand-controller',
  eventSource: 'volume_expand',
  for: claims,
  concerns: (claim, old) => isBound(claim) && wants(claim) && (!old || !isBound(old) || asks(claim, old)),
  async reconcile({ key }, context) {
    const claim = context.informers.of(claims).get(key);
    if (!claim || !isBound(claim) || !wants(claim)) return undefined;
    const volume = await volumeOf(claim, context);
    if (volume) await expand(claim, volume, context);
    return undefined;
  },
});

function isBound({ status }: PersistentVolumeClaim): boolean {
  return status?.phase === 'Bound';
}

/** More than it has. */
function wants(claim: PersistentVolumeClaim): boolean {
  return requested(claim).compare(Quantity.tryParse(claim.status?.capacity?.storage) ?? Quantity.zero) > 0;
}

/** More than before. */
function asks(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  return requested(claim).compare(requested(old)) > 0;
}

function requested({ spec }: PersistentVolumeClaim): Quantity {
  return Quantity.tryParse(spec?.resources?.requests?.storage) ?? Quantity.zero;
}

/** Undefined where the two are not each other's. */
async function volumeOf(
  { spec, metadata }: PersistentVolumeClaim,
  { client }: ControllerContext<undefined>,
): Promise<PersistentVolume | undefined> {
  const volume = await client.of(volumes).get(spec?.volumeName ?? '');
  const { claimRef } = volume.spec ?? {};
  return claimRef?.namespace === metadata.namespace && claimRef?.uid === metadata.uid ? volume : undefined;
}

async function expand(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  { client, recorder }: ControllerContext<undefined>,
): Promise<void> {
  const reason = 'ExternalExpanding';
  const old = migratedSource(volume);
  if (!old) {
    recorder.event(claim, { type: 'Normal', reason, message: 'waiting for an external controller to expand this PVC' });
    return;
  }
  const message = `CSI migration enabled for ${old.plugin}; waiting for external resizer to expand the pvc`;
  recorder.event(claim, { type: 'Normal', reason, message });
  if (claim.metadata.annotations?.[resizer] === old.driver) return;
  const { name = '', namespace, uid } = claim.metadata;
  const patch = { metadata: { uid, annotations: { [resizer]: old.driver } } };
  await client.of(claims).patch(name, patch, { type: 'strategic', namespace, subresource: 'status' });
}
