/**
 * Expressions that choose devices, all of which are checked here
 * (https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/).
 */
import type { DeviceClaim, DeviceSelector } from '#api/gen/resource-v1.js';
import { tooLong } from '#apimachinery/field-error.js';
import { loading } from '#base/loading.js';
import type { FieldErrors } from '../meta/check.js';

const expressionBytesMax = 10 * 1024;

let compiler: typeof import('./compile.js') | undefined;

/** For `load` of each kind with selectors: the compiler is read when the first of them is written. */
export async function loadForSelectors(selectors: readonly DeviceSelector[] | undefined): Promise<void> {
  if (selectors?.some(({ cel }) => cel)) compiler ??= await loading(import('./compile.js'));
}

export function loadForClaim(claim: Partial<DeviceClaim> | undefined): Promise<void> {
  const requests = (claim?.requests ?? []).flatMap(({ exactly, firstAvailable }) => [
    exactly,
    ...(firstAvailable ?? []),
  ]);
  return loadForSelectors(requests.flatMap((request) => request?.selectors ?? []));
}

/** The one place through which selectors of devices are checked when they are written. */
export function* checkDeviceExpression(path: string, expression: string): FieldErrors {
  if (Buffer.byteLength(expression) > expressionBytesMax) {
    yield tooLong(path, expressionBytesMax);
    return;
  }
  if (!compiler) throw new TypeError('expressions are checked before their compiler is loaded');
  yield* compiler.checkDeviceSelector(path, expression);
}
