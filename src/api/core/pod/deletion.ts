/** How long a pod may take to go. */
import type { Pod } from '#api/gen/core-v1.js';

/** Seconds; at once where nothing can be running. A negative wish counts as one second. */
export function podGracePeriodSeconds({ spec, status }: Pod, asked: number | undefined): number {
  const isEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  if (!spec.nodeName || isEnded) return 0;
  const seconds = asked ?? spec.terminationGracePeriodSeconds ?? 0;
  return seconds < 0 ? 1 : seconds;
}
