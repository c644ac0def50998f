/** VolumeAttributesClass: what can be changed of a volume while it is in use. */

import type { VolumeAttributesClass } from '#api/gen/storage-v1.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';
import { checkParameters, checkProvisioner, refuseChange } from './rules.js';

export default defineResource<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  versions: ['v1'],
  kind: 'VolumeAttributesClass',
  shortNames: ['vac'],
  namespaced: false,
  metadataRepeats: { update: ['change', 'whole'] },
  deletion: { returnsObject: true },
  storageVersionHash: 'tIjydgKBC5w=',
  validate: ({ driverName, parameters }) => [
    ...checkProvisioner('driverName', driverName),
    ...checkParameters('parameters', parameters, { mayBeEmpty: false }),
  ],
  tellsChangeFirst: true,
  validateUpdate: (attributes, old) => [
    ...refuseChange('driverName', { value: attributes.driverName, old: old.driverName }),
    ...refuseChange('parameters', { value: attributes.parameters, old: old.parameters }),
  ],
  columns: [
    nameColumn,
    {
      name: 'DriverName',
      type: 'string',
      description: fieldText('storage.v1.VolumeAttributesClass.driverName'),
      cell: ({ driverName }) => driverName ?? '',
    },
    ageColumn,
  ],
});
