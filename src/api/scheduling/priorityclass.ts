/** PriorityClass: a name for a pod priority. */
import type { PriorityClass } from '#api/gen/scheduling-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<PriorityClass>({
  group: 'scheduling.k8s.io',
  versions: ['v1'],
  kind: 'PriorityClass',
  shortNames: ['pc'],
  namespaced: false,
  storageVersionHash: '1QwjyaZjj3Y=',
  allowCreateOnUpdate: true,
  bumpsGeneration: [],
});
