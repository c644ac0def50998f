/** What a PersistentVolume is when its author did not say. */
import type { PersistentVolume } from '#api/gen/core-v1.js';
import { roundUpToMilli } from '../pod/defaults.js';
import { defaultBlockSources } from '../pod/volume-defaults.js';

export function defaultVolume(volume: PersistentVolume): void {
  volume.spec ??= {};
  volume.status ??= {};
  volume.status.phase ||= 'Pending';
  const { spec } = volume;
  spec.persistentVolumeReclaimPolicy ||= 'Retain';
  spec.volumeMode ??= 'Filesystem';
  if (spec.capacity) roundUpToMilli(spec.capacity);
  if (spec.hostPath) spec.hostPath.type ??= '';
  defaultBlockSources(spec);
}
