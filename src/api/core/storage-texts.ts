/** What volumes and claims show alike: access modes in short, and the class in its two places. */
import type { ObjectMeta } from '#apimachinery/object.js';

/** Where the class of a volume or claim stood before it was a field. */
export const betaClassAnnotation = 'volume.beta.kubernetes.io/storage-class';

const shortModes: readonly [string, string][] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

/** `RWO,ROX`, in one order whatever the object's. */
export function accessModesText(modes: readonly string[] | undefined): string {
  return shortModes
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

export function storageClassOf({
  metadata,
  spec,
}: {
  metadata: ObjectMeta;
  spec?: { storageClassName?: string };
}): string {
  return metadata.annotations?.[betaClassAnnotation] ?? spec?.storageClassName ?? '';
}

export function betaClassWarnings({ annotations }: ObjectMeta): string[] {
  if (annotations?.[betaClassAnnotation] === undefined) return [];
  return [
    `metadata.annotations[${betaClassAnnotation}]: deprecated since v1.8; use "storageClassName" attribute instead`,
  ];
}
