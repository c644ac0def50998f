/** Job: pods that run until enough of them have succeeded. */

import type { Job } from '#api/gen/batch-v1.js';
import { gatedInTemplate } from '../../core/pod/gated.js';
import { nameWarnings } from '../../core/pod/warnings.js';
import { ageColumn, nameColumn, selectorColumn, templateColumns } from '../../meta/columns.js';
import { fieldText } from '../../meta/field-text.js';
import { defineResource } from '../../resource.js';
import { completionsCell, durationCell, statusCell } from './columns.js';
import { defaultJob, generateSelector } from './defaults.js';
import { validateJobCreate } from './validate.js';
import { validateJobStatus } from './validate-status.js';
import { validateJobUpdate } from './validate-update.js';
import { jobSpecWarnings } from './warnings.js';

export default defineResource<Job>({
  group: 'batch',
  versions: ['v1'],
  kind: 'Job',
  categories: ['all'],
  namespaced: true,
  metadataRepeats: { update: ['whole', 'change'] },
  subresources: { status: true },
  storageVersionHash: 'mudhfqk/qZY=',
  bumpsGeneration: ['spec'],
  default: defaultJob,
  gated: gatedInTemplate('spec.template'),
  prepareForCreate: generateSelector,
  validateCreate: validateJobCreate,
  validateUpdate: validateJobUpdate,
  validateStatusUpdate: validateJobStatus,
  warnings(job, old) {
    if (old && old.metadata.generation === job.metadata.generation) return [];
    return [...(old ? [] : nameWarnings(job.metadata)), ...jobSpecWarnings('spec', job.spec)];
  },
  deletion: {
    propagation: 'orphan',
    warning:
      'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
  },
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', description: 'Status of the job.', cell: statusCell },
    {
      name: 'Completions',
      type: 'string',
      description: fieldText('batch.v1.JobStatus.succeeded'),
      cell: completionsCell,
    },
    { name: 'Duration', type: 'string', description: 'Time required to complete the job.', cell: durationCell },
    ageColumn,
    ...templateColumns,
    { ...selectorColumn, description: fieldText('batch.v1.JobSpec.selector') },
  ],
});
