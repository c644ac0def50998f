/** What a Job's conditions say. */
import type { JobStatus } from '#api/gen/batch-v1.js';

export function hasCondition(status: JobStatus | undefined, type: string, is = 'True'): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === is) === true;
}

export function isFinished(status: JobStatus | undefined): boolean {
  return hasCondition(status, 'Complete') || hasCondition(status, 'Failed');
}
