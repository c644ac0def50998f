/** Deployment: a declared number of like pods, changed by rolling from one ReplicaSet to the next. */
import type { Deployment } from '#api/gen/apps-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<Deployment>({
  group: 'apps',
  versions: ['v1'],
  kind: 'Deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  subresources: {
    scale: { replicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' },
    status: true,
  },
  storageVersionHash: '8aSe+NMegvE=',
  bumpsGeneration: ['spec', 'metadata.annotations'],
});
