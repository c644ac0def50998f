/** What a Job's conditions say. */
import type { JobStatus } from '#api/gen/batch-v1.js';

export function hasCondition(status: JobStatus | undefined, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
}

export function isFinished(status: JobStatus | undefined): boolean {
  return hasCondition(status, 'Complete') || hasCondition(status, 'Failed');
}
