/** Whether a toleration bears a taint (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/). */
import type { Taint, Toleration } from '#api/gen/core-v1.js';

/** No key with Exists bears every taint, no effect every effect. */
export function tolerates({ key = '', operator = '', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (operator === '' || operator === 'Equal') && value === (taint.value ?? '');
}

export function anyTolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some((toleration) => tolerates(toleration, taint));
}
