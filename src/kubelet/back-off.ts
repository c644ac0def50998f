/** Growing delays by key, forgotten after a quiet time twice the longest delay; for restarts and for image pulls. */
import type { Clock } from '#base/clock.js';

interface Entry {
  delayMs: number;
  updatedAtMs: number;
}

export interface BackOffOptions {
  clock: Clock;
  initialMs: number;
  maximumMs: number;
}

export class BackOff {
  readonly #options: BackOffOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: BackOffOptions) {
    this.#options = options;
  }

  /** Milliseconds still to wait, when the last failure was at `failedAtMs`; 0 when free to try. */
  remainingMs(key: string, failedAtMs: number): number {
    const entry = this.#entries.get(key);
    if (!entry || this.#isStale(entry, failedAtMs)) return 0;
    return Math.max(0, failedAtMs + entry.delayMs - this.#options.clock.now());
  }

  /** Milliseconds still to wait since the failure that was last noted with `increase`. */
  remainingSinceUpdateMs(key: string): number {
    const entry = this.#entries.get(key);
    return entry ? Math.max(0, entry.updatedAtMs + entry.delayMs - this.#options.clock.now()) : 0;
  }

  delayMs(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Notes an attempt made after a failure at `failedAtMs`: the next failure waits twice as long. */
  increase(key: string, failedAtMs: number): void {
    const { clock, initialMs, maximumMs } = this.#options;
    const entry = this.#entries.get(key);
    const fresh = !entry || this.#isStale(entry, failedAtMs);
    const delayMs = fresh ? initialMs : Math.min(entry.delayMs * 2, maximumMs);
    this.#entries.set(key, { delayMs, updatedAtMs: clock.now() });
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  #isStale(entry: Entry, failedAtMs: number): boolean {
    return failedAtMs - entry.updatedAtMs > 2 * this.#options.maximumMs;
  }
}
