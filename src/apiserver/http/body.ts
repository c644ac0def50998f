/** Reads a request's body, within a limit of size and of time. */
import { IncomingMessage } from 'node:http';
import { StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { Exchange } from './exchange.js';

/** Upstream's limit on request bodies. */
export const bodyBytesMax = 3 * 1024 * 1024;
/** A client that sends its body slower than this is cut off. */
const bodyTimeoutMs = 60_000;

/** Throws StatusError: 413 for a large body, 408 in the form of a Timeout for a slow one. */
export function readBody(exchange: Exchange, clock: Clock): Uint8Array | Promise<Uint8Array> {
  const { body } = exchange;
  // Mostly it came with the head, in one piece, and is there by now.
  if (body instanceof IncomingMessage && body.complete && body.readableLength > 0 && !exchange.gone.aborted) {
    const bytes: Buffer = body.read();
    if (bytes.length > bodyBytesMax) throw tooLarge();
    return bytes;
  }
  return collectBody(exchange, clock);
}

function collectBody({ body, headers, gone: left }: Exchange, clock: Clock): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const declared = Number(headers['content-length'] ?? 0);
    if (declared > bodyBytesMax) {
      reject(tooLarge());
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (act: () => void) => {
      timer.cancel();
      body.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      act();
    };
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > bodyBytesMax) finish(() => reject(tooLarge()));
    };
    const onEnd = () => finish(() => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes)));
    const onGone = () => finish(() => reject(gone()));
    const timer = clock.setTimer(bodyTimeoutMs, () => finish(() => reject(tooSlow())));
    body.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
    if (left.aborted && !body.readableEnded) onGone();
  });
}

function tooLarge(): StatusError {
  const message = `Request entity too large: limit is ${bodyBytesMax}`;
  return new StatusError({ reason: 'RequestEntityTooLarge', message });
}

function tooSlow(): StatusError {
  return new StatusError({
    reason: 'Timeout',
    message: 'Timeout: the request body did not arrive in time',
    details: {},
  });
}

/** Nobody will read it; the pipeline only needs to stop. */
function gone(): StatusError {
  return new StatusError({ reason: 'BadRequest', message: 'the client closed the request before its body ended' });
}
