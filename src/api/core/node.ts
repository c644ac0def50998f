/** Node: a machine that runs pods. */
import type { Node } from '#api/gen/core-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<Node>({
  group: '',
  versions: ['v1'],
  kind: 'Node',
  shortNames: ['no'],
  namespaced: false,
  subresources: {
    status: true,
    others: [{ name: 'proxy', kind: 'NodeProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] }],
  },
  storageVersionHash: 'XwShjMxG9Fs=',
  storagePrefix: 'minions',
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable ?? false) },
});
