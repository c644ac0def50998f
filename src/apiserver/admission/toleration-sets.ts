/** Tolerations as sets of taints: which contain which, and what is left of several that overlap. */
import type { Toleration } from '#api/gen/core-v1.js';
import { equal } from '#base/json.js';

/** Without those that another one covers; of equal ones the first stays. */
export function mergeTolerations(all: readonly Toleration[]): Toleration[] {
  const merged: Toleration[] = [];
  for (const [index, toleration] of all.entries()) {
    const covered =
      merged.some((other) => covers(other, toleration)) ||
      all.slice(index + 1).some((other) => !equal(other, toleration) && covers(other, toleration));
    if (!covered) merged.push(toleration);
  }
  return merged;
}

/** Whether `wide` tolerates all that `narrow` does. */
export function covers(wide: Toleration, narrow: Toleration): boolean {
  if (equal(wide, narrow)) return true;
  const { key = '', operator = '', effect = '', tolerationSeconds, value = '' } = wide;
  if ((narrow.key ?? '') !== key && (key !== '' || operator !== 'Exists')) return false;
  if (effect !== '' && (narrow.effect ?? '') !== effect) return false;
  if (effect === 'NoExecute' && tolerationSeconds !== undefined) {
    if (narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > tolerationSeconds) return false;
  }
  if (operator === 'Exists') return true;
  const isEqual = operator === '' || operator === 'Equal';
  return isEqual && (narrow.operator ?? '') === operator && (narrow.value ?? '') === value;
}
