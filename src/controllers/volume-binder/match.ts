/**
 * Which volume a claim gets: the smallest that has all that the claim asks for. Pure.
 * https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
 */
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.js';
import { compareQuantities, Quantity } from '#apimachinery/quantity.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';

/** The annotation is older than the field, and wins. */
const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

export function classOf({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.annotations?.[classAnnotation] ?? spec?.storageClassName ?? '';
}

/** Whether it has been said at all which class the claim is of; `''` says that it is of none. */
export function hasClass({ metadata, spec }: PersistentVolumeClaim): boolean {
  return metadata.annotations?.[classAnnotation] !== undefined || spec?.storageClassName !== undefined;
}

/** Whether the volume is reserved for the claim, by its name and, once that is known, its uid. */
export function isFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const { namespace, name, uid } = spec?.claimRef ?? {};
  return namespace === metadata.namespace && name === metadata.name && (!uid || uid === metadata.uid);
}

export function bestVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
): PersistentVolume | undefined {
  const fitting = volumes.filter(
    (volume) => !volume.metadata.deletionTimestamp && mismatch(volume, claim) === undefined,
  );
  const reserved = fitting.find((volume) => isFor(volume, claim));
  if (reserved) return reserved;
  const selector = claim.spec?.selector && labelSelectorFrom(claim.spec.selector);
  const free = fitting.filter(
    (volume) =>
      !volume.spec?.claimRef &&
      volume.status?.phase === 'Available' &&
      (!selector || selector.matches(volume.metadata.labels)),
  );
  return free.sort((a, b) => compareQuantities(capacityOf(a), capacityOf(b)))[0];
}

/** Why a volume does not do for a claim, in upstream's words; undefined when it does. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  const requested = Quantity.tryParse(claim.spec?.resources?.requests?.['storage']) ?? Quantity.zero;
  if (compareQuantities(capacityOf(volume), requested) < 0) return 'requested PV is too small';
  if (classOf(volume) !== classOf(claim)) return 'storageClassName does not match';
  const attributes = (one: PersistentVolume | PersistentVolumeClaim) => one.spec?.volumeAttributesClassName ?? '';
  if (attributes(volume) !== attributes(claim)) return 'volumeAttributesClassName does not match';
  const mode = (one: PersistentVolume | PersistentVolumeClaim) => one.spec?.volumeMode ?? 'Filesystem';
  if (mode(volume) !== mode(claim)) return 'incompatible volumeMode';
  const offered = volume.spec?.accessModes ?? [];
  if (!(claim.spec?.accessModes ?? []).every((asked) => offered.includes(asked))) return 'incompatible accessMode';
  return undefined;
}

function capacityOf({ spec }: PersistentVolume): Quantity {
  return Quantity.tryParse(spec?.capacity?.['storage']) ?? Quantity.zero;
}
