/** CSIStorageCapacity: how much room a driver has left in one part of the cluster, for the scheduler. */

import type { CSIStorageCapacity } from '#api/gen/storage-v1.js';
import { invalidValue } from '#apimachinery/field-error.js';
import { validateImmutable, validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { Quantity } from '#apimachinery/quantity.js';
import { checkSubdomain, each, type FieldErrors } from '../meta/check.js';
import { nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { deprecatedLabelWarnings } from '../meta/node-labels.js';
import { defineResource } from '../resource.js';

export default defineResource<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  versions: ['v1'],
  kind: 'CSIStorageCapacity',
  namespaced: true,
  storageVersionHash: 'xeVl+2Ly1kE=',
  allowUnconditionalUpdate: false,
  validate: (capacity) => [...checkCapacity(capacity)],
  validateUpdate: (capacity, old) => [
    ...validateImmutable('nodeTopology', { value: capacity.nodeTopology, old: old.nodeTopology }),
    ...validateImmutable('storageClassName', { value: capacity.storageClassName, old: old.storageClassName }),
  ],
  warnings,
  columns: [
    nameColumn,
    {
      name: 'StorageClassName',
      type: 'string',
      description: fieldText('storage.v1.CSIStorageCapacity.storageClassName'),
      cell: ({ storageClassName }) => storageClassName ?? '',
    },
    {
      name: 'Capacity',
      type: 'string',
      description: fieldText('storage.v1.CSIStorageCapacity.capacity'),
      cell: ({ capacity }) => capacity ?? '<unset>',
    },
  ],
});

function* checkCapacity({ nodeTopology, storageClassName, capacity }: CSIStorageCapacity): FieldErrors {
  yield* validateLabelSelector(nodeTopology, 'nodeTopology');
  yield* checkSubdomain('storageClassName', storageClassName ?? '');
  if (capacity !== undefined && Quantity.parse(capacity).sign < 0)
    yield invalidValue('capacity', capacity, 'must be greater than or equal to 0');
}

function warnings({ nodeTopology }: CSIStorageCapacity): string[] {
  const expressions = [...each('nodeTopology.matchExpressions', nodeTopology?.matchExpressions)];
  return [
    ...expressions.flatMap(({ path, value }) => deprecatedLabelWarnings([value.key], () => `${path}.key`)),
    ...deprecatedLabelWarnings(
      Object.keys(nodeTopology?.matchLabels ?? {}),
      (key) => `nodeTopology.matchLabels.${key}`,
    ),
  ];
}
