/** PodTemplate: the template of pods, kept for others to copy from. */
import type { PodTemplate } from '#api/gen/core-v1.js';
import { formatLabels } from '#apimachinery/selectors.js';
import { joinedContainers, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { defaultPodTemplate } from './pod/defaults.js';
import { gatedInTemplate } from './pod/gated.js';
import { checkPodTemplate } from './pod/validate.js';
import { templateWarnings } from './pod/warnings.js';

export default defineResource<PodTemplate>({
  group: '',
  versions: ['v1'],
  kind: 'PodTemplate',
  namespaced: true,
  storageVersionHash: 'LIXB2x4IFpk=',
  bumpsGeneration: ['template'],
  default(podTemplate) {
    podTemplate.template ??= {};
    defaultPodTemplate(podTemplate.template);
  },
  gated: gatedInTemplate('template'),
  validate: ({ template }) => checkPodTemplate('template', template ?? {}),
  warnings: ({ metadata, template }, old) =>
    old && old.metadata.generation === metadata.generation ? [] : templateWarnings('template', template),
  deletion: { returnsObject: true },
  columns: [
    nameColumn,
    {
      name: 'Containers',
      type: 'string',
      description: 'Names of each container in the template.',
      cell: ({ template }) => joinedContainers(template, 'name'),
    },
    {
      name: 'Images',
      type: 'string',
      description: 'Images referenced by each container in the template.',
      cell: ({ template }) => joinedContainers(template, 'image'),
    },
    {
      name: 'Pod Labels',
      type: 'string',
      description: 'The labels for the pod template.',
      cell: ({ template }) => formatLabels(template?.metadata?.labels),
    },
  ],
});
