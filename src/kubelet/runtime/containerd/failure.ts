/** From gRPC's codes to our reasons. Texts are kept as the runtime gave them, since users know them. */
import { type GrpcCode, GrpcError } from '#base/grpc/channel.js';
import { RuntimeError, type RuntimeErrorReason } from '../runtime.js';

const reasons: Partial<Record<GrpcCode, RuntimeErrorReason>> = {
  NotFound: 'not found',
  DeadlineExceeded: 'timeout',
  Unavailable: 'not ready',
};

/** Runs a call and throws its GrpcError as RuntimeError; `overrides` for calls where a code means something else. */
export async function asRuntimeError<T>(
  call: () => Promise<T>,
  overrides: Partial<Record<GrpcCode, RuntimeErrorReason>> = {},
): Promise<T> {
  try {
    return await call();
  } catch (failure) {
    if (!(failure instanceof GrpcError)) throw failure;
    const reason = overrides[failure.code] ?? reasons[failure.code] ?? 'failed';
    throw new RuntimeError(reason, failure.message, { cause: failure });
  }
}

/** For calls that are done when the thing is gone already. */
export async function unlessNotFound<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (failure) {
    if (failure instanceof GrpcError && failure.code === 'NotFound') return undefined;
    if (failure instanceof RuntimeError && failure.reason === 'not found') return undefined;
    throw failure;
  }
}
