/** Secret: small confidential data. */
import type { Secret } from '#api/gen/core-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<Secret>({
  group: '',
  versions: ['v1'],
  kind: 'Secret',
  namespaced: true,
  storageVersionHash: 'S6u1pOWzb84=',
  selectableFields: { type: (secret) => secret.type ?? '' },
});
