/**
 * Lets a VolumeAttributesClass that is being deleted go once no volume and no claim names it.
 * https://kubernetes.io/docs/concepts/storage/volume-attributes-classes/
 */
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.js';
import type { VolumeAttributesClass } from '#api/gen/storage-v1.js';
import classes from '#api/storage/volumeattributesclass.js';
import { keepWhileUsed } from './protection.js';
import { defineController, watch } from './runtime.js';

const finalizer = 'kubernetes.io/vac-protection';

export default defineController<VolumeAttributesClass, undefined>({
  name: 'volumeattributesclass-protection-controller',
  for: classes,
  watches: () => [
    watch(volumes, (volume, { old }) => changedNames(namesOfVolume, volume, old)),
    watch(claims, (claim, { old }) => changedNames(namesOfClaim, claim, old)),
  ],
  async reconcile({ key, name }, { client, informers }) {
    const one = informers.of(classes).get(key);
    if (!one) return undefined;
    await keepWhileUsed(one, {
      finalizer,
      store: client.of(classes),
      isUsed: () =>
        informers
          .of(volumes)
          .list()
          .some((volume) => namesOfVolume(volume).includes(name)) ||
        informers
          .of(claims)
          .list()
          .some((claim) => namesOfClaim(claim).includes(name)),
    });
    return undefined;
  },
});

/** Of a change: whom it named before may be free now. */
function changedNames<T>(namesOf: (object: T) => string[], object: T, old: T | undefined): string[] {
  return [...namesOf(object), ...(old ? namesOf(old) : [])];
}

function namesOfVolume({ spec }: PersistentVolume): string[] {
  return spec?.volumeAttributesClassName ? [spec.volumeAttributesClassName] : [];
}

/** What a claim wants, has, and is being changed to. */
function namesOfClaim({ spec, status }: PersistentVolumeClaim): string[] {
  const current = status?.currentVolumeAttributesClassName;
  const target = status?.modifyVolumeStatus?.targetVolumeAttributesClassName;
  return [spec?.volumeAttributesClassName, current, target].flatMap((name) => name || []);
}
