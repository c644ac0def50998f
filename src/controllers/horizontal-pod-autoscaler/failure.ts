/** Why an autoscaler cannot do its work, in upstream's words, which people read in conditions and events. */
import { StatusError } from '#apimachinery/errors.js';
import { ParseError } from '#apimachinery/parse-error.js';
import { TransportError } from '#client/transport.js';

export class AutoscalerFailure extends Error {
  override readonly name = 'AutoscalerFailure';
}

/** Whether it is an answer of the world's, and no bug. */
export function isExpected(error: unknown): error is Error {
  return (
    error instanceof AutoscalerFailure ||
    error instanceof StatusError ||
    error instanceof TransportError ||
    error instanceof ParseError
  );
}

/** Says before the failure of `work` what was being done, or puts the failure's words into a sentence. */
export async function saying<T>(what: string | ((why: string) => string), work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isExpected(error)) throw error;
    const message = typeof what === 'string' ? `${what}: ${error.message}` : what(error.message);
    throw new AutoscalerFailure(message, { cause: error });
  }
}
