/**
 * Keys waiting to be worked on: each waits at most once, is never worked on twice at a time, and comes back later after
 * a failure. The limits are client-go's (per key 5 ms doubling to 1000 s; over all 10 a second, 100 at once).
 */
import type { Clock, Timer } from '#base/clock.js';

export interface WorkQueueOptions {
  clock: Clock;
  /** For metrics and logs. */
  name: string;
  metrics?: WorkQueueMetrics;
  backoffMsMin?: number;
  backoffMsMax?: number;
  /** How many rate-limited additions pass in a second, and at once after a quiet time. */
  perSecond?: number;
  burst?: number;
  keysMax?: number;
  /** Called once there is room again after keys were refused: it must add all keys that may need work. */
  refill?: () => void;
}

/** What `workqueue_*` metrics are made of. */
export interface WorkQueueMetrics {
  added?(queue: string): void;
  depth?(queue: string, keys: number): void;
  waited?(queue: string, ms: number): void;
  worked?(queue: string, ms: number): void;
  retried?(queue: string): void;
  /** A queue that may be asked from now on how long work on each of its keys has been going on. */
  opened?(queue: string, workingMs: () => number[]): void;
  /** The queue was full and a key was refused. */
  refused?(queue: string): void;
}

export class WorkQueue {
  readonly #options: Required<Omit<WorkQueueOptions, 'metrics' | 'refill'>> & WorkQueueOptions;
  /** Waiting keys with the time they came, in order. */
  readonly #waiting = new Map<string, number>();
  /** Keys being worked on, with the time work began. */
  readonly #working = new Map<string, number>();
  /** Keys added while being worked on. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { atMs: number; timer: Timer }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  /** The time at which the overall bucket is full again. */
  #bucketFullMs = 0;
  #overflowed = false;
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = {
      backoffMsMin: 5,
      backoffMsMax: 1_000_000,
      perSecond: 10,
      burst: 100,
      keysMax: 250_000,
      ...options,
    };
    const { metrics, name, clock } = options;
    metrics?.opened?.(name, () => [...this.#working.values()].map((beganMs) => clock.monotonic() - beganMs));
  }

  /** Keys waiting, without delayed ones and those being worked on. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** Whether nothing waits, is delayed or is being worked on. */
  get idle(): boolean {
    return this.#waiting.size + this.#working.size + this.#again.size + this.#delayed.size === 0;
  }

  add(key: string): void {
    const { metrics, name, keysMax, clock } = this.#options;
    if (this.#closed || this.#waiting.has(key) || this.#again.has(key)) return;
    if (this.#waiting.size + this.#again.size >= keysMax) {
      this.#overflowed = true;
      metrics?.refused?.(name);
      return;
    }
    metrics?.added?.(name);
    if (this.#working.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#waiting.set(key, clock.monotonic());
    metrics?.depth?.(name, this.#waiting.size);
    this.#hand();
  }

  /** Adds the key after the delay; of two delays for one key the shorter counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const { clock, keysMax } = this.#options;
    const atMs = clock.monotonic() + delayMs;
    const earlier = this.#delayed.get(key);
    if (earlier && earlier.atMs <= atMs) return;
    if (!earlier && this.#delayed.size >= keysMax) {
      // No room to remember the delay: working early is safe, forgetting is not.
      this.add(key);
      return;
    }
    earlier?.timer.cancel();
    const timer = clock.setTimer(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { atMs, timer });
  }

  /** Adds the key after a delay that doubles with each call until `forget`. */
  addRateLimited(key: string): void {
    const { backoffMsMin, backoffMsMax, metrics, name } = this.#options;
    metrics?.retried?.(name);
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const ownMs = Math.min(backoffMsMin * 2 ** failures, backoffMsMax);
    this.addAfter(key, Math.max(ownMs, this.#bucketDelayMs()));
  }

  /** The key succeeded, or is given up: its next failure is its first. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** How often in a row the key was added by `addRateLimited`. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, which is then being worked on until `done`; undefined once the queue is closed. */
  next(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#hand();
    });
  }

  /** Works on one key after the other until the signal aborts, and closes the queue then. */
  async workOff(signal: AbortSignal, work: (key: string) => Promise<void>): Promise<void> {
    const end = () => this.close();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    for (let key = await this.next(); key !== undefined; key = await this.next()) {
      try {
        await work(key);
      } finally {
        this.done(key);
      }
    }
  }

  /** Must follow each key that `next` gave. */
  done(key: string): void {
    const { metrics, name, clock, keysMax, refill } = this.#options;
    const beganMs = this.#working.get(key);
    if (beganMs === undefined) throw new Error(`${name}: ${key} is not being worked on`);
    this.#working.delete(key);
    metrics?.worked?.(name, clock.monotonic() - beganMs);
    if (this.#again.delete(key) && !this.#closed) {
      this.#waiting.set(key, clock.monotonic());
      metrics?.depth?.(name, this.#waiting.size);
      this.#hand();
    }
    if (this.#overflowed && this.#waiting.size + this.#again.size <= keysMax / 2) {
      this.#overflowed = false;
      refill?.();
    }
  }

  /** Drops what waits; `next` gives undefined from now on. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    this.#again.clear();
    this.#hand();
  }

  #hand(): void {
    const { metrics, name, clock } = this.#options;
    while (this.#takers.length > 0) {
      if (this.#closed) {
        this.#takers.shift()!(undefined);
        continue;
      }
      const first = this.#waiting.entries().next();
      if (first.done) return;
      const [key, sinceMs] = first.value;
      this.#waiting.delete(key);
      const nowMs = clock.monotonic();
      this.#working.set(key, nowMs);
      metrics?.waited?.(name, nowMs - sinceMs);
      metrics?.depth?.(name, this.#waiting.size);
      this.#takers.shift()!(key);
    }
  }

  /** Takes one token, and says how long to wait until it is there. */
  #bucketDelayMs(): number {
    const { clock, perSecond, burst } = this.#options;
    const nowMs = clock.monotonic();
    const tokenMs = 1000 / perSecond;
    this.#bucketFullMs = Math.max(this.#bucketFullMs, nowMs) + tokenMs;
    return Math.max(this.#bucketFullMs - nowMs - burst * tokenMs, 0);
  }
}
