/** What is allowed in a Job and yet most likely not meant (kubernetes/kubernetes pkg/api/job/warnings.go). */
import type { JobSpec } from '#api/gen/batch-v1.js';
import { templateWarnings } from '../../core/pod/warnings.js';

const completionsSoftMax = 100_000;
const parallelismSoftMax = 10_000;

export function jobSpecWarnings(path: string, spec: JobSpec): string[] {
  const { completionMode, completions = 0, parallelism = 0, template } = spec;
  const isLarge = completions > completionsSoftMax && parallelism > parallelismSoftMax;
  const text =
    'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail';
  const ofSize = completionMode === 'Indexed' && isLarge ? [`${path}: ${text}`] : [];
  return [...ofSize, ...templateWarnings(`${path}.template`, template)];
}
