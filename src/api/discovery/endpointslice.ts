/** EndpointSlice: a part of the addresses behind a Service. */
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { defineResource } from '../resource.js';

export default defineResource<EndpointSlice>({
  group: 'discovery.k8s.io',
  versions: ['v1'],
  kind: 'EndpointSlice',
  namespaced: true,
  storageVersionHash: 'qgS0xkrxYAI=',
  bumpsGeneration: ['addressType', 'endpoints', 'ports', 'metadata.labels'],
});
