/** What is allowed in a PersistentVolume and yet on its way out (kubernetes/kubernetes pkg/api/persistentvolume). */
import type { PersistentVolume, PersistentVolumeSource } from '#api/gen/core-v1.js';
import { each } from '../../meta/check.js';
import { termWarnings } from '../pod/warnings.js';
import { betaClassWarnings } from '../storage-texts.js';

const mountOptionsAnnotation = 'volume.beta.kubernetes.io/mount-options';

const deprecatedSources: Partial<Record<keyof PersistentVolumeSource, string>> = {
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
};

export function volumeWarnings(volume: PersistentVolume): string[] {
  return [...warn(volume)];
}

function* warn({ metadata, spec = {} }: PersistentVolume): Generator<string, void, undefined> {
  yield* betaClassWarnings(metadata);
  if (metadata.annotations?.[mountOptionsAnnotation] !== undefined)
    yield `metadata.annotations[${mountOptionsAnnotation}]: deprecated since v1.31; use "mountOptions" attribute instead`;
  if (spec.persistentVolumeReclaimPolicy === 'Recycle')
    yield 'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.';
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms;
  for (const { path, value } of each('spec.nodeAffinity.required.nodeSelectorTerms', terms))
    yield* termWarnings(path, value);
  for (const [source, message] of Object.entries(deprecatedSources))
    if (spec[source as keyof PersistentVolumeSource] !== undefined) yield `spec.${source}: ${message}`;
}
