/** PersistentVolume: a piece of storage, there until it is claimed and used. */

import type { PersistentVolume } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import { ageColumn, nameColumn } from '../../meta/columns.js';
import { fieldText } from '../../meta/field-text.js';
import { defineResource } from '../../resource.js';
import { accessModesText, storageClassOf } from '../storage-texts.js';
import { defaultVolume } from './defaults.js';
import { validateVolume, validateVolumeUpdate } from './validate.js';
import { volumeWarnings } from './warnings.js';

export default defineResource<PersistentVolume>({
  group: '',
  versions: ['v1'],
  kind: 'PersistentVolume',
  shortNames: ['pv'],
  namespaced: false,
  metadataRepeats: { update: ['whole', 'whole'] },
  subresources: { status: true },
  storageVersionHash: 'HN/zwEC+JgM=',
  default: defaultVolume,
  prepareForCreate(volume) {
    const { creationTimestamp } = volume.metadata;
    volume.status = { phase: 'Pending', ...(creationTimestamp && { lastPhaseTransitionTime: creationTimestamp }) };
  },
  prepareForStatusUpdate: keepTransitionTime,
  validate: validateVolume,
  validateUpdate: validateVolumeUpdate,
  warnings: volumeWarnings,
  deletion: { returnsObject: true },
  columns: [
    nameColumn,
    {
      name: 'Capacity',
      type: 'string',
      description: fieldText('core.v1.PersistentVolumeSpec.capacity'),
      cell: ({ spec }) => spec?.capacity?.['storage'] ?? '0',
    },
    {
      name: 'Access Modes',
      type: 'string',
      description: fieldText('core.v1.PersistentVolumeSpec.accessModes'),
      cell: ({ spec }) => accessModesText(spec?.accessModes),
    },
    {
      name: 'Reclaim Policy',
      type: 'string',
      description: fieldText('core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy'),
      cell: ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? '',
    },
    {
      name: 'Status',
      type: 'string',
      description: fieldText('core.v1.PersistentVolumeStatus.phase'),
      cell: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')),
    },
    {
      name: 'Claim',
      type: 'string',
      description: fieldText('core.v1.PersistentVolumeSpec.claimRef'),
      cell: ({ spec }) => (spec?.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : ''),
    },
    { name: 'StorageClass', type: 'string', description: 'StorageClass of the pv', cell: storageClassOf },
    {
      name: 'VolumeAttributesClass',
      type: 'string',
      description: 'VolumeAttributesClass of the pv',
      cell: ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>',
    },
    {
      name: 'Reason',
      type: 'string',
      description: fieldText('core.v1.PersistentVolumeStatus.reason'),
      cell: ({ status }) => status?.reason ?? '',
    },
    ageColumn,
    {
      name: 'VolumeMode',
      type: 'string',
      priority: 1,
      description: fieldText('core.v1.PersistentVolumeSpec.volumeMode'),
      cell: ({ spec }) => spec?.volumeMode ?? '<unset>',
    },
  ],
});

/** Whoever sets the phase need not know of the time at which it changed. */
function keepTransitionTime(volume: PersistentVolume, old: PersistentVolume, { nowMs }: { nowMs: number }): void {
  volume.status ??= {};
  const { status } = volume;
  const before = old.status?.lastPhaseTransitionTime;
  const isSamePhase = (status.phase ?? '') === (old.status?.phase ?? '');
  if (isSamePhase) {
    if (before && !status.lastPhaseTransitionTime) status.lastPhaseTransitionTime = before;
  } else if (!status.lastPhaseTransitionTime || status.lastPhaseTransitionTime === before)
    status.lastPhaseTransitionTime = formatTime(nowMs);
}
