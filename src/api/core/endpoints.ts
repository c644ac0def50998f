/** Endpoints: the addresses behind a Service, in their older form. */
import type { Endpoints } from '#api/gen/core-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<Endpoints>({
  group: '',
  versions: ['v1'],
  kind: 'Endpoints',
  plural: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  allowCreateOnUpdate: true,
  storageVersionHash: 'fWeeMqaN/OA=',
  storagePrefix: 'services/endpoints',
});
