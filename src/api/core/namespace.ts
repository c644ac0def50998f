/** Namespace: a scope for names, which takes its contents with it when it goes. */
import type { Namespace } from '#api/gen/core-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<Namespace>({
  group: '',
  versions: ['v1'],
  kind: 'Namespace',
  shortNames: ['ns'],
  namespaced: false,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: { status: true, others: [{ name: 'finalize', verbs: ['update'] }] },
  storageVersionHash: 'Q3oi5N2YM8M=',
  selectableFields: { 'status.phase': (namespace) => namespace.status?.phase ?? '' },
});
