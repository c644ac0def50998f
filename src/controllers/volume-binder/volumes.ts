/** What becomes of one volume: available, bound, released when its claim is gone, and then kept, deleted or failed. */
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { type ControllerContext, defineController, watch } from '../runtime.js';
import { boundByController, migratedTo, provisionedBy } from './annotations.js';
import { release, setVolumePhase } from './bind.js';

type Context = ControllerContext<undefined>;

export default defineController<PersistentVolume, undefined>({
  name: 'persistent-volume-releaser',
  account: 'persistent-volume-binder',
  eventSource: 'persistentvolume-controller',
  for: volumes,
  watches: ({ informers }) => [
    watch(claims, (claim) => {
      const { namespace, name } = claim.metadata;
      const isOf = ({ spec }: PersistentVolume) =>
        spec?.claimRef?.name === name && spec?.claimRef?.namespace === namespace;
      return informers
        .of(volumes)
        .list()
        .filter(isOf)
        .map(({ metadata }) => metadata.name ?? '');
    }),
  ],
  async reconcile({ key }, context) {
    const volume = context.informers.of(volumes).get(key);
    if (volume) await reconcileVolume(volume, context);
    return undefined;
  },
});

async function reconcileVolume(volume: PersistentVolume, context: Context): Promise<void> {
  const { client } = context;
  const { claimRef } = volume.spec ?? {};
  // Reserved by its maker for a claim that may be yet to come, or by nobody.
  if (!claimRef?.uid) {
    await setVolumePhase(client, volume, 'Available');
    return;
  }
  const claim = await claimOf(volume, context);
  if (!claim) return reclaim(volume, context);
  const volumeName = claim.spec?.volumeName;
  // Half bound: the claim's own reconciliation goes on with it.
  if (!volumeName) return;
  if (volumeName === volume.metadata.name) {
    await setVolumePhase(client, volume, 'Bound');
    return;
  }
  const { annotations = {} } = volume.metadata;
  const isOurs = annotations[boundByController] !== undefined;
  if (isOurs && annotations[provisionedBy] && volume.spec?.persistentVolumeReclaimPolicy === 'Delete')
    return reclaim(volume, context);
  if (isOurs) await release(client, volume);
}

/** The claim that the volume refers to, unless it is gone, or another has its name. */
async function claimOf(
  { spec }: PersistentVolume,
  { client, informers }: Context,
): Promise<PersistentVolumeClaim | undefined> {
  const { namespace = '', name = '', uid } = spec?.claimRef ?? {};
  const known = informers.of(claims).get(`${namespace}/${name}`);
  if (known?.metadata.uid === uid) return known;
  try {
    // A copy that lags behind must not cost anybody their data.
    const fresh = await client.of(claims).get(name, { namespace });
    return fresh.metadata.uid === uid ? fresh : undefined;
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

function isOfProvisioner({ metadata, spec }: PersistentVolume): boolean {
  const { [provisionedBy]: maker, [migratedTo]: driver } = metadata.annotations ?? {};
  return !!maker || driver !== undefined || spec?.csi !== undefined;
}

async function reclaim(volume: PersistentVolume, { client, recorder }: Context): Promise<void> {
  const { phase } = volume.status ?? {};
  const released = phase === 'Failed' ? volume : await setVolumePhase(client, volume, 'Released');
  const policy = volume.spec?.persistentVolumeReclaimPolicy;
  if (policy === 'Retain' || phase === 'Failed') return;
  // Whoever made it removes it: an external provisioner sees the phase.
  if (policy === 'Delete' && isOfProvisioner(volume)) return;
  const message =
    policy === 'Delete'
      ? `error getting deleter volume plugin for volume "${volume.metadata.name}": no deletable volume plugin matched`
      : 'No recycler plugin found for the volume!';
  await setVolumePhase(client, released, 'Failed', message);
  const reason = policy === 'Delete' ? 'VolumeFailedDelete' : 'VolumeFailedRecycle';
  recorder.event(released, { type: 'Warning', reason, message });
}
