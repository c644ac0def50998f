/** The cells of a Job's row. */
import type { Job } from '#api/gen/batch-v1.js';
import { humanDuration } from '#apimachinery/duration.js';
import { hasCondition } from './conditions.js';

export function statusCell({ metadata, status }: Job): string {
  if (hasCondition(status, 'Complete')) return 'Complete';
  if (hasCondition(status, 'Failed')) return 'Failed';
  if (metadata.deletionTimestamp) return 'Terminating';
  const next = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find((type) => hasCondition(status, type));
  return next ?? 'Running';
}

export function completionsCell({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  const { completions, parallelism = 0 } = spec ?? {};
  if (completions !== undefined) return `${succeeded}/${completions}`;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

export function durationCell({ status }: Job, { nowMs }: { nowMs: number }): string {
  if (!status?.startTime) return '';
  const endMs = status.completionTime ? Date.parse(status.completionTime) : nowMs;
  return humanDuration(endMs - Date.parse(status.startTime));
}
