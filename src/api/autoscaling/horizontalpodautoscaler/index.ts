/** HorizontalPodAutoscaler: how many replicas something has, by what its pods are measured to do. */

import type { HorizontalPodAutoscaler } from '#api/gen/autoscaling-v2.js';
import { checkNonNegative } from '../../meta/check.js';
import { ageColumn, nameColumn } from '../../meta/columns.js';
import { fieldText } from '../../meta/field-text.js';
import { defineResource } from '../../resource.js';
import { targetsCell } from './columns.js';
import { convertAutoscalers } from './convert.js';
import { defaultAutoscaler } from './defaults.js';
import { validateAutoscaler } from './validate.js';

export default defineResource<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  versions: ['v2', 'v1'],
  convert: convertAutoscalers,
  kind: 'HorizontalPodAutoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  subresources: { status: true },
  storageVersionHash: 'qwQve8ut294=',
  default: defaultAutoscaler,
  gated: { HPAConfigurableTolerance: ['spec.behavior.scaleDown.tolerance', 'spec.behavior.scaleUp.tolerance'] },
  validateCreate: (autoscaler) => validateAutoscaler(autoscaler),
  validateUpdate: (autoscaler, old) => validateAutoscaler(autoscaler, old),
  validateStatusUpdate: ({ status }) => [
    ...checkNonNegative('status.currentReplicas', status?.currentReplicas),
    ...checkNonNegative('status.desiredReplicas', status?.desiredReplicas),
  ],
  columns: [
    nameColumn,
    {
      name: 'Reference',
      type: 'string',
      description: fieldText('autoscaling.v2.HorizontalPodAutoscalerSpec.scaleTargetRef'),
      cell: ({ spec }) => `${spec.scaleTargetRef?.kind ?? ''}/${spec.scaleTargetRef?.name ?? ''}`,
    },
    {
      name: 'Targets',
      type: 'string',
      description: fieldText('autoscaling.v2.HorizontalPodAutoscalerSpec.metrics'),
      cell: targetsCell,
    },
    {
      name: 'MinPods',
      type: 'string',
      description: fieldText('autoscaling.v2.HorizontalPodAutoscalerSpec.minReplicas'),
      cell: ({ spec }) => String(spec.minReplicas ?? '<unset>'),
    },
    {
      name: 'MaxPods',
      type: 'string',
      description: fieldText('autoscaling.v2.HorizontalPodAutoscalerSpec.maxReplicas'),
      cell: ({ spec }) => spec.maxReplicas ?? 0,
    },
    {
      name: 'Replicas',
      type: 'string',
      description: fieldText('autoscaling.v2.HorizontalPodAutoscalerStatus.currentReplicas'),
      cell: ({ status }) => status?.currentReplicas ?? 0,
    },
    ageColumn,
  ],
});
