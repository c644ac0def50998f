/** ResourceSlice: a part of the devices that a driver has in one pool. */

import type { ResourceSlice, ResourceSliceSpec } from '#api/gen/resource-v1.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';
import { gatedInSlice } from './gated.js';
import { checkSliceSpec } from './slice-rules.js';

export default defineResource<ResourceSlice>({
  group: 'resource.k8s.io',
  versions: ['v1'],
  kind: 'ResourceSlice',
  namespaced: false,
  deletion: { returnsObject: true },
  storageVersionHash: 'KsC072WgaEY=',
  bumpsGeneration: ['spec'],
  gated: gatedInSlice,
  selectableFields: {
    'spec.driver': ({ spec }) => spec?.driver ?? '',
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
  },
  validate: ({ spec }) => checkSliceSpec(spec ?? ({} as ResourceSliceSpec)),
  validateUpdate: ({ spec }, { spec: old }) => [
    ...validateImmutable('spec.pool.name', { value: spec.pool?.name, old: old.pool?.name }),
    ...validateImmutable('spec.driver', { value: spec.driver, old: old.driver }),
    ...validateImmutable('spec.nodeName', { value: spec.nodeName, old: old.nodeName }),
  ],
  warnings: ({ spec }) => {
    const driver = spec?.driver ?? '';
    if (driver === driver.toLowerCase()) return [];
    return [`spec.driver: driver names should be lowercase; ${JSON.stringify(driver)} contains uppercase characters`];
  },
  columns: [
    nameColumn,
    {
      name: 'Node',
      type: 'string',
      description: fieldText('resource.v1.ResourceSliceSpec.nodeName'),
      cell: ({ spec }) => spec?.nodeName ?? '<unset>',
    },
    {
      name: 'Driver',
      type: 'string',
      description: fieldText('resource.v1.ResourceSliceSpec.driver'),
      cell: ({ spec }) => spec?.driver ?? '',
    },
    {
      name: 'Pool',
      type: 'string',
      description: fieldText('resource.v1.ResourcePool.name'),
      cell: ({ spec }) => spec?.pool?.name ?? '',
    },
    ageColumn,
  ],
});
