/** ReplicationController: the older way to declare a number of like pods. */

import type { ReplicationController, ReplicationControllerSpec } from '#api/gen/core-v1.js';
import { invalidValue, required } from '#apimachinery/field-error.js';
import { subdomainProblems } from '#apimachinery/names.js';
import { formatLabels, labelSelectorFromMap } from '#apimachinery/selectors.js';
import { checkCounts, checkLasting, checkParts, warnOfNamedTemplate } from '../apps/template.js';
import { checkNonNegative, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn, templateColumns } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';
import { defaultPodTemplate } from './pod/defaults.js';
import { gatedInTemplate } from './pod/gated.js';
import { checkPodTemplate } from './pod/validate.js';

const parts = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'];

export default defineResource<ReplicationController>({
  group: '',
  versions: ['v1'],
  kind: 'ReplicationController',
  shortNames: ['rc'],
  categories: ['all'],
  namespaced: true,
  validateName: (name) => subdomainProblems(name, 'bytes'),
  freePrefix: true,
  subresources: {
    scale: { replicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' },
    status: true,
  },
  storageVersionHash: 'Jond2If31h0=',
  storagePrefix: 'controllers',
  bumpsGeneration: ['spec'],
  default: setDefaults,
  gated: gatedInTemplate('spec.template'),
  validate: ({ spec }) => checkSpec(spec),
  validateStatusUpdate: ({ status = { replicas: 0 } }) => [
    ...checkCounts(status, ['replicas', ...parts, 'observedGeneration']),
    ...checkParts(status, parts),
  ],
  warnings: warnOfNamedTemplate,
  deletion: { propagation: 'orphan' },
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  columns: [
    nameColumn,
    {
      name: 'Desired',
      type: 'integer',
      description: fieldText('core.v1.ReplicationControllerSpec.replicas'),
      cell: ({ spec }) => spec?.replicas ?? 0,
    },
    {
      name: 'Current',
      type: 'integer',
      description: fieldText('core.v1.ReplicationControllerStatus.replicas'),
      cell: ({ status }) => status?.replicas ?? 0,
    },
    {
      name: 'Ready',
      type: 'integer',
      description: fieldText('core.v1.ReplicationControllerStatus.readyReplicas'),
      cell: ({ status }) => status?.readyReplicas ?? 0,
    },
    ageColumn,
    ...templateColumns,
    {
      name: 'Selector',
      type: 'string',
      priority: 1,
      description: fieldText('core.v1.ReplicationControllerSpec.selector'),
      cell: ({ spec }) => formatLabels(spec?.selector),
    },
  ],
});

function setDefaults(controller: ReplicationController): void {
  controller.spec ??= {};
  const { spec, metadata } = controller;
  const { labels } = spec.template?.metadata ?? {};
  if (labels) {
    if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
    if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
  }
  spec.replicas ??= 1;
  if (spec.template) defaultPodTemplate(spec.template);
}

function* checkSpec({ minReadySeconds, selector, replicas, template }: ReplicationControllerSpec): FieldErrors {
  yield* checkNonNegative('spec.minReadySeconds', minReadySeconds);
  const selected = labelSelectorFromMap(selector);
  if (selected.isEverything) yield required('spec.selector');
  yield* checkNonNegative('spec.replicas', replicas);
  if (!template) {
    yield required('spec.template');
    return;
  }
  const { labels } = template.metadata ?? {};
  if (!selected.matches(labels))
    yield invalidValue('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`');
  yield* checkPodTemplate('spec.template', template);
  yield* checkLasting('spec.template', template, { owner: 'ReplicationController' });
}
