/** ReplicaSet: a declared number of like pods. */

import type { ReplicaSet, ReplicaSetSpec } from '#api/gen/apps-v1.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { defaultPodTemplate } from '../core/pod/defaults.js';
import { gatedInTemplate } from '../core/pod/gated.js';
import { checkNonNegative, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn, selectorColumn, templateColumns } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';
import { checkCounts, checkParts, checkSelectedTemplate, warnOfNamedTemplate } from './template.js';

const parts = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'];

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
  default: setDefaults,
  gated: {
    ...gatedInTemplate('spec.template'),
    DeploymentReplicaSetTerminatingReplicas: ['status.terminatingReplicas'],
  },
  validate: ({ spec }) => checkSpec(spec),
  validateUpdate: (replicaSet, old) =>
    validateImmutable('spec.selector', { value: replicaSet.spec.selector, old: old.spec.selector }),
  validateStatusUpdate: ({ status = { replicas: 0 } }) => [
    ...checkCounts(status, ['replicas', ...parts, 'observedGeneration', 'terminatingReplicas']),
    ...checkParts(status, parts),
  ],
  warnings: warnOfNamedTemplate,
  columns: [
    nameColumn,
    {
      name: 'Desired',
      type: 'integer',
      description: fieldText('apps.v1.ReplicaSetSpec.replicas'),
      cell: ({ spec }) => spec.replicas ?? 0,
    },
    {
      name: 'Current',
      type: 'integer',
      description: fieldText('apps.v1.ReplicaSetStatus.replicas'),
      cell: ({ status }) => status?.replicas ?? 0,
    },
    {
      name: 'Ready',
      type: 'integer',
      description: fieldText('apps.v1.ReplicaSetStatus.readyReplicas'),
      cell: ({ status }) => status?.readyReplicas ?? 0,
    },
    ageColumn,
    ...templateColumns,
    { ...selectorColumn, description: fieldText('apps.v1.ReplicaSetSpec.selector') },
  ],
});

function setDefaults(replicaSet: ReplicaSet): void {
  replicaSet.spec ??= {} as ReplicaSetSpec;
  const { spec } = replicaSet;
  spec.replicas ??= 1;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
}

function* checkSpec(spec: ReplicaSetSpec): FieldErrors {
  yield* checkNonNegative('spec.replicas', spec.replicas);
  yield* checkNonNegative('spec.minReadySeconds', spec.minReadySeconds);
  // Upstream's message names the deployment here as well.
  yield* checkSelectedTemplate('spec', spec, { emptyFor: 'deployment', owner: 'ReplicaSet' });
}
