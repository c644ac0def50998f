/** What becomes of one volume: available, bound, released when its claim is gone, and then kept, deleted or failed. */
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { claimKeysOf } from '../pod-volumes.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { provisionedBy } from './annotations.js';
import { release, setVolumePhase } from './bind.js';
import { type Recycling, reclaim, resyncMs } from './reclaim.js';

type Context = ControllerContext<Recycling>;

export default defineController<PersistentVolume, Recycling>({
  name: 'persistent-volume-releaser',
  account: 'persistent-volume-binder',
  eventSource: 'persistentvolume-controller',
  for: volumes,
  state: () => new Set(),
  watches: ({ informers }) => {
    informers.of(pods).addIndex('claim', claimKeysOf);
    const claimed = watch(claims, (claim) => {
      const { namespace, name } = claim.metadata;
      const isOf = ({ spec }: PersistentVolume) =>
        spec?.claimRef?.name === name && spec?.claimRef?.namespace === namespace;
      return informers
        .of(volumes)
        .list()
        .filter(isOf)
        .map(({ metadata }) => metadata.name ?? '');
    });
    // Only read: no volume is recycled under those who use it.
    return [claimed, watch(pods, () => [])];
  },
  async reconcile({ key }, context, signal) {
    const volume = context.informers.of(volumes).get(key);
    return volume && reconcileVolume(volume, context, signal);
  },
});

async function reconcileVolume(
  volume: PersistentVolume,
  context: Context,
  signal: AbortSignal,
): Promise<Requeue | undefined> {
  const { client } = context;
  const { claimRef } = volume.spec ?? {};
  // Reserved by its maker for a claim that may be yet to come, or by nobody.
  if (!claimRef?.uid) {
    await setVolumePhase(client, volume, 'Available');
    return undefined;
  }
  const claim = await claimOf(volume, context);
  if (!claim) return reclaim(volume, context, signal);
  const volumeName = claim.spec?.volumeName;
  // Half bound: the claim's own reconciliation goes on with it, unless it never can.
  if (!volumeName) return modeOf(claim) === modeOf(volume) ? undefined : tellMismatch(volume, claim, context);
  if (volumeName === volume.metadata.name) {
    await setVolumePhase(client, volume, 'Bound');
    return undefined;
  }
  const isMade = volume.metadata.annotations?.[provisionedBy] !== undefined;
  if (isMade && volume.spec?.persistentVolumeReclaimPolicy === 'Delete') return reclaim(volume, context, signal);
  await release(client, volume);
  return undefined;
}

function modeOf({ spec }: PersistentVolume | PersistentVolumeClaim): string {
  return spec?.volumeMode ?? 'Filesystem';
}

function tellMismatch(volume: PersistentVolume, claim: PersistentVolumeClaim, { recorder }: Context): Requeue {
  const [volumeName, claimName] = [volume.metadata.name, claim.metadata.name];
  const warning = { type: 'Warning', reason: 'VolumeMismatch' } as const;
  recorder.event(volume, {
    ...warning,
    message: `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claimName}" due to incompatible volumeMode.`,
  });
  recorder.event(claim, {
    ...warning,
    message: `Cannot bind PersistentVolume "${volumeName}" to requested PersistentVolumeClaim due to incompatible volumeMode.`,
  });
  return { afterMs: resyncMs };
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
