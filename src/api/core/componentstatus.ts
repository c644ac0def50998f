/** ComponentStatus: the health of a control plane part, computed when asked for. */
import type { ComponentStatus } from '#api/gen/core-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<ComponentStatus>({
  group: '',
  versions: ['v1'],
  kind: 'ComponentStatus',
  shortNames: ['cs'],
  namespaced: false,
  verbs: ['get', 'list'],
});
