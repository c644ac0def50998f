/** ReplicationController: the older way to declare a number of pods of one template. */
import replicationControllers from '#api/core/replicationcontroller.js';
import type { ReplicationController } from '#api/gen/core-v1.js';
import { labelSelectorFromMap } from '#apimachinery/selectors.js';
import { keepReplicas, type ReplicaOwner } from './replicas.js';
import { defineController } from './runtime.js';

/** As the server gives it back: its spec is always there. */
type Owner = ReplicationController & ReplicaOwner;

export default defineController({
  name: 'replication-controller',
  eventSource: 'replication-controller',
  ...keepReplicas<Owner>({
    resource: replicationControllers,
    selectorOf: ({ spec }) => labelSelectorFromMap(spec.selector),
    countsTerminating: false,
  }),
});
