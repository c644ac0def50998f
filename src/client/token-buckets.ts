/** How often something may happen for each of many keys: so many times at once, then at a steady rate. */
import type { Clock } from '#base/clock.js';
import { RecentMap } from './recent-map.js';

export interface TokenBucketsOptions {
  clock: Clock;
  /** How long it takes until one more is allowed. */
  tokenMs: number;
  burst: number;
  /** Keys that were not asked about for longest are forgotten beyond that. */
  keysMax: number;
}

export class TokenBuckets {
  readonly #options: TokenBucketsOptions;
  /** By key, when its bucket is full again. */
  readonly #fullMs: RecentMap<string, number>;

  constructor(options: TokenBucketsOptions) {
    this.#options = options;
    this.#fullMs = new RecentMap(options.keysMax);
  }

  /** False when there is no token left; then none is taken. */
  take(key: string): boolean {
    const { clock, tokenMs, burst } = this.#options;
    const nowMs = clock.monotonic();
    const fullMs = Math.max(this.#fullMs.get(key) ?? 0, nowMs) + tokenMs;
    if (fullMs - nowMs > burst * tokenMs) return false;
    this.#fullMs.set(key, fullMs);
    return true;
  }
}
