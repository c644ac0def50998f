/** Whether what a request for devices tolerates covers a taint of a device; what the taint's effect is, is another matter. */
import type { DeviceTaint, DeviceToleration } from '#api/gen/resource-v1.js';

/** Without an effect or a key, it covers all; `Exists` covers every value. */
export function toleratesDeviceTaint(
  { key, operator, value = '', effect }: DeviceToleration,
  taint: DeviceTaint,
): boolean {
  if ((effect && effect !== taint.effect) || (key && key !== taint.key)) return false;
  return operator === 'Exists' || ((!operator || operator === 'Equal') && value === (taint.value ?? ''));
}
