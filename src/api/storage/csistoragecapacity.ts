/** CSIStorageCapacity: how much room a driver has left in one part of the cluster, for the scheduler. */

import type { CSIStorageCapacity } from '#api/gen/storage-v1.js';
import { invalidValue } from '#apimachinery/field-error.js';
import { validateImmutable, validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { Quantity } from '#apimachinery/quantity.js';
import { checkSubdomain, each, type FieldErrors } from '../meta/check.js';
import { createdColumn, nameColumn } from '../meta/columns.js';
import { deprecatedLabelWarnings } from '../meta/node-labels.js';
import { defineResource } from '../resource.js';

export default defineResource<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  versions: ['v1'],
  kind: 'CSIStorageCapacity',
  namespaced: true,
  metadataRepeats: { update: ['whole', 'change'] },
  storageVersionHash: 'xeVl+2Ly1kE=',
  allowUnconditionalUpdate: false,
  validate: (capacity) => checkCapacity(capacity),
  validateUpdate: (capacity, old) => [
    ...validateImmutable('nodeTopology', { value: capacity.nodeTopology, old: old.nodeTopology }),
    ...validateImmutable('storageClassName', { value: capacity.storageClassName, old: old.storageClassName }),
  ],
  warnings,
  // Upstream's server does not use the columns that it has for this kind.
  columns: [nameColumn, createdColumn],
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
