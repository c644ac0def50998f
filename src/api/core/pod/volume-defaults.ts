/** Defaults of the sources of volumes. */
import type { PersistentVolumeSource, ProjectedVolumeSource, Volume, VolumeSource } from '#api/gen/core-v1.js';
import { defaultPullPolicy } from './image.js';

/** rw-r--r-- */
const fileMode = 0o644;

export function defaultVolume(volume: Volume): void {
  const { name: _, ...source } = volume;
  if (Object.values(source).every((one) => one === undefined || one === null)) volume.emptyDir = {};
  defaultFileSources(volume);
  defaultBlockSources(volume);
  if (volume.ephemeral?.volumeClaimTemplate) volume.ephemeral.volumeClaimTemplate.spec.volumeMode ??= 'Filesystem';
  if (volume.image) volume.image.pullPolicy ||= defaultPullPolicy(volume.image.reference ?? '');
}

function defaultFileSources({ secret, configMap, downwardAPI, projected, hostPath }: VolumeSource): void {
  if (secret) secret.defaultMode ??= fileMode;
  if (configMap) configMap.defaultMode ??= fileMode;
  if (downwardAPI) {
    downwardAPI.defaultMode ??= fileMode;
    for (const { fieldRef } of downwardAPI.items ?? []) if (fieldRef) fieldRef.apiVersion ||= 'v1';
  }
  if (projected) defaultProjected(projected);
  if (hostPath) hostPath.type ??= '';
}

function defaultProjected(projected: ProjectedVolumeSource): void {
  projected.defaultMode ??= fileMode;
  for (const { serviceAccountToken, downwardAPI } of projected.sources ?? []) {
    if (serviceAccountToken) serviceAccountToken.expirationSeconds ??= 3600;
    for (const { fieldRef } of downwardAPI?.items ?? []) if (fieldRef) fieldRef.apiVersion ||= 'v1';
  }
}

/** Of pods' volumes and of persistent ones, whose sources differ only in how they name secrets. */
export function defaultBlockSources({ iscsi, rbd, azureDisk, scaleIO }: VolumeSource | PersistentVolumeSource): void {
  if (iscsi) iscsi.iscsiInterface ||= 'default';
  if (rbd) {
    rbd.pool ||= 'rbd';
    rbd.user ||= 'admin';
    rbd.keyring ||= '/etc/ceph/keyring';
  }
  if (azureDisk) {
    azureDisk.cachingMode ??= 'ReadWrite';
    azureDisk.kind ??= 'Shared';
    azureDisk.fsType ??= 'ext4';
    azureDisk.readOnly ??= false;
  }
  if (scaleIO) {
    scaleIO.storageMode ||= 'ThinProvisioned';
    scaleIO.fsType ||= 'xfs';
  }
}
