/** ReplicaSet: a declared number of pods of one template. */
import replicaSets from '#api/apps/replicaset.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { keepReplicas } from './replicas.js';
import { defineController } from './runtime.js';

export default defineController({
  name: 'replicaset-controller',
  ...keepReplicas({
    resource: replicaSets,
    selectorOf: ({ spec }) => labelSelectorFrom(spec.selector),
    countsTerminating: true,
  }),
});
