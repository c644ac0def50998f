/** Waiting longer after each failure in a row, with jitter, and starting afresh after a quiet time. */
import type { Clock } from '#base/clock.js';
import { fraction, type Prng } from '#base/prng.js';

export interface BackoffOptions {
  clock: Clock;
  prng: Prng;
  initialMs: number;
  maxMs: number;
  factor: number;
  /** Each delay is lengthened by up to this share of itself. */
  jitter: number;
  /** The next delay is `initialMs` again when this long has passed since the last one was asked for. */
  resetAfterMs: number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #delayMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#delayMs = options.initialMs;
  }

  /** The delay before the next try. */
  nextMs(): number {
    const { clock, prng, initialMs, maxMs, factor, jitter, resetAfterMs } = this.#options;
    const now = clock.monotonic();
    if (now - this.#lastMs > resetAfterMs) this.#delayMs = initialMs;
    this.#lastMs = now;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * factor, maxMs);
    return delayMs * (1 + jitter * fraction(prng));
  }
}
