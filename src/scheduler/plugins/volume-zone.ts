/** VolumeZone: a volume with the label of a zone or region is used by nodes of that zone or region. */
import { storageClassOf } from '#api/core/storage-texts.js';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.js';
import { definePlugin } from '../framework.js';
import { concerns, type VolumeView } from '../volumes.js';

interface Place {
  label: string;
  values: readonly string[];
}

/** The labels, and those that took the place of the old ones. */
const currentLabels: Record<string, string> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region': 'topology.kubernetes.io/region',
};

export default definePlugin<readonly Place[]>({
  name: 'VolumeZone',
  preFilter: (pod, { volumes }) => {
    const places: Place[] = [];
    for (const { persistentVolumeClaim } of pod.spec.volumes ?? []) {
      if (!persistentVolumeClaim) continue;
      const { claimName } = persistentVolumeClaim;
      const claim = volumes.claim(pod.metadata.namespace ?? '', claimName);
      const found = claim ? placesOf(claim, volumes) : `persistentvolumeclaim "${claimName}" not found`;
      if (typeof found === 'string') return { rejected: { reasons: [found] } };
      places.push(...found);
    }
    return places.length > 0 ? { state: places } : 'skip';
  },
  filter: ({ state }, { labels }) => {
    if (!Object.keys(currentLabels).some((label) => labels[label] !== undefined)) return undefined;
    const fits = state.every(({ label, values }) => {
      const value = labels[label] ?? labels[currentLabels[label]!];
      return value !== undefined && values.includes(value);
    });
    return fits ? undefined : { reasons: ['node(s) had no available volume zone'], unresolvable: true };
  },
  requeueOn: ['storage class changed', 'node added', 'node labels', 'claim changed', 'volume changed'],
  hint: concerns,
});

/** Gives a text when the claim can have no volume yet. */
function placesOf(claim: PersistentVolumeClaim, volumes: VolumeView): Place[] | string {
  const name = claim.spec?.volumeName;
  if (name) {
    const volume = volumes.volume(name);
    return volume ? labelledPlaces(volume) : `persistentvolume "${name}" not found`;
  }
  const className = storageClassOf(claim);
  if (!className) return 'PersistentVolumeClaim had no pv name and storageClass name';
  const storageClass = volumes.storageClass(className);
  if (!storageClass) return `storageclass.storage.k8s.io "${className}" not found`;
  return storageClass.volumeBindingMode === 'WaitForFirstConsumer' ? [] : 'PersistentVolume had no name';
}

/** A volume of several zones names them all: `a__b`. */
function labelledPlaces({ metadata }: PersistentVolume): Place[] {
  return Object.keys(currentLabels).flatMap((label) => {
    const value = metadata.labels?.[label];
    return value === undefined ? [] : [{ label, values: value.split('__').map((one) => one.trim()) }];
  });
}
