/** How some of a pod's conditions are written by a strategic merge, so that those it has keep their places before them. */
import type { Pod, PodCondition } from '../../gen/core-v1.js';

export function conditionsPatch(
  { status }: Pod,
  conditions: readonly (Omit<PodCondition, 'lastProbeTime'> & { lastProbeTime?: string | null })[],
): Record<string, unknown> {
  const types = new Set([...(status?.conditions ?? []), ...conditions].map(({ type }) => type));
  return { conditions, '$setElementOrder/conditions': [...types].map((type) => ({ type })) };
}
