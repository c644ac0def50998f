/** Lease: a claim that must be renewed: leadership, or a node alive. */
import type { Lease } from '#api/gen/coordination-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<Lease>({
  group: 'coordination.k8s.io',
  versions: ['v1'],
  kind: 'Lease',
  namespaced: true,
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  storageVersionHash: 'gqkMMb/YqFM=',
});
