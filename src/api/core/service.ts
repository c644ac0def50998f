/** Service: a stable name and address for a set of pods. */
import type { Service } from '#api/gen/core-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<Service>({
  group: '',
  versions: ['v1'],
  kind: 'Service',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  subresources: {
    status: true,
    others: [{ name: 'proxy', kind: 'ServiceProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] }],
  },
  allowCreateOnUpdate: true,
  storageVersionHash: '0/CO1lhkEBI=',
  storagePrefix: 'services/specs',
  selectableFields: {
    'spec.clusterIP': (service) => service.spec?.clusterIP ?? '',
    'spec.type': (service) => service.spec?.type ?? '',
  },
});
