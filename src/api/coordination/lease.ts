/** Lease: a claim that must be renewed: leadership, or a node alive. */
import type { Lease } from '#api/gen/coordination-v1.js';
import { forbiddenField, notSupported } from '#apimachinery/field-error.js';
import { checkNonNegative, checkPositive, checkQualifiedName, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';

export default defineResource<Lease>({
  group: 'coordination.k8s.io',
  versions: ['v1'],
  kind: 'Lease',
  namespaced: true,
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  storageVersionHash: 'gqkMMb/YqFM=',
  validate: (lease) => [...checkSpec(lease)],
  columns: [nameColumn, { name: 'Holder', type: 'string', cell: ({ spec }) => spec?.holderIdentity ?? '' }, ageColumn],
});

function* checkSpec({ spec = {} }: Lease): FieldErrors {
  yield* checkPositive('spec.leaseDurationSeconds', spec.leaseDurationSeconds);
  yield* checkNonNegative('spec.leaseTransitions', spec.leaseTransitions);
  const { strategy, preferredHolder } = spec;
  // Upstream names the field twice here.
  const at = 'spec.strategy.strategy';
  if (strategy?.includes('/')) yield* checkQualifiedName(at, strategy);
  else if (strategy !== undefined && strategy !== 'OldestEmulationVersion')
    yield notSupported(at, strategy, ['OldestEmulationVersion']);
  if (preferredHolder && !strategy)
    yield forbiddenField('spec.preferredHolder', 'may only be specified if `strategy` is defined');
}
