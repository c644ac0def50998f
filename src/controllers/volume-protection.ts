/**
 * Lets a volume that is being deleted go once it is not bound to a claim.
 * https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
 */
import volumes from '#api/core/persistentvolume/index.js';
import type { PersistentVolume } from '#api/gen/core-v1.js';
import { keepWhileUsed } from './protection.js';
import { defineController } from './runtime.js';

const finalizer = 'kubernetes.io/pv-protection';

export default defineController<PersistentVolume, undefined>({
  name: 'pv-protection-controller',
  for: volumes,
  async reconcile({ key }, { client, informers }) {
    const volume = informers.of(volumes).get(key);
    if (volume)
      await keepWhileUsed(volume, {
        finalizer,
        store: client.of(volumes),
        isUsed: () => volume.status?.phase === 'Bound',
      });
    return undefined;
  },
});
