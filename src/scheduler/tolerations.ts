/** Whether a pod bears a taint (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/). */
import type { Taint, Toleration } from '#api/gen/core-v1.js';

export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint));
}

/** An empty key with Exists bears every taint, an empty effect every effect. */
function toleratesTaint({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (!operator || operator === 'Equal') && (value ?? '') === (taint.value ?? '') && !!key;
}
