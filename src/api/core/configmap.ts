/** ConfigMap: configuration as keys and texts. */
import type { ConfigMap } from '#api/gen/core-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<ConfigMap>({
  group: '',
  versions: ['v1'],
  kind: 'ConfigMap',
  shortNames: ['cm'],
  namespaced: true,
  storageVersionHash: 'qFsyl6wFWjQ=',
});
