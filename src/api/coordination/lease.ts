/** Lease: a claim that must be renewed: leadership, or a node alive. */

import type { Lease } from '#api/gen/coordination-v1.js';
import { checkNonNegative, checkPositive, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';

export default defineResource<Lease>({
  group: 'coordination.k8s.io',
  versions: ['v1'],
  kind: 'Lease',
  namespaced: true,
  freeFinalizers: true,
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  storageVersionHash: 'gqkMMb/YqFM=',
  gated: { CoordinatedLeaderElection: ['spec.strategy', 'spec.preferredHolder'] },
  validate: (lease) => checkSpec(lease),
  columns: [
    nameColumn,
    {
      name: 'Holder',
      type: 'string',
      description: fieldText('coordination.v1.LeaseSpec.holderIdentity'),
      cell: ({ spec }) => spec?.holderIdentity ?? '',
    },
    ageColumn,
  ],
});

function* checkSpec({ spec = {} }: Lease): FieldErrors {
  yield* checkPositive('spec.leaseDurationSeconds', spec.leaseDurationSeconds);
  yield* checkNonNegative('spec.leaseTransitions', spec.leaseTransitions);
}
