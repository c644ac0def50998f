/**
 * Code that is loaded when it is first needed. A virtual clock stands still meanwhile: how long a disk takes is no part of
 * the time that the code lives in.
 */

const loads = new Set<Promise<unknown>>();

/** Put around what a dynamic import gives. */
export async function loading<T>(code: Promise<T>): Promise<T> {
  loads.add(code);
  try {
    return await code;
  } finally {
    loads.delete(code);
  }
}

/** Whether nothing was being loaded; else resolves once all of that is there. */
export async function nothingLoads(): Promise<boolean> {
  if (loads.size === 0) return true;
  // Whoever asked for it is told of a failure.
  await Promise.allSettled(loads);
  return false;
}
