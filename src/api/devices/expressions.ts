/** Expressions that choose devices, all of which are checked here (https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/). */
import { tooLong } from '#apimachinery/field-error.js';
import type { FieldErrors } from '../meta/check.js';

const expressionBytesMax = 10 * 1024;

/** The one place through which selectors of devices are checked when they are written. */
export function* checkDeviceExpression(path: string, expression: string): FieldErrors {
  if (Buffer.byteLength(expression) > expressionBytesMax) yield tooLong(path, expressionBytesMax);
}
