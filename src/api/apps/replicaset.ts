/** ReplicaSet: a declared number of like pods. */
import type { ReplicaSet } from '#api/gen/apps-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<ReplicaSet>({
  group: 'apps',
  versions: ['v1'],
  kind: 'ReplicaSet',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  subresources: {
    scale: { replicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' },
    status: true,
  },
  storageVersionHash: 'P1RzHs8/mWQ=',
  bumpsGeneration: ['spec'],
});
