/**
 * Time as a parameter: the only file, with its neighbours in `base/`, that may touch the global clock and timers.
 */
import { nothingLoads } from './loading.js';

/** A pending timer. Cancelling one that has fired, or was cancelled, does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time in milliseconds since the Unix epoch. May jump; never use it to measure a duration. */
  now(): number;
  /** Milliseconds from an arbitrary origin; never goes back. */
  monotonic(): number;
  /** Calls `fire` once, `delayMs` from now (0 or less: as soon as possible, but never synchronously). */
  setTimer(delayMs: number, fire: () => void): Timer;
  /** Resolves after `delayMs`; rejects with `signal.reason` when the signal aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Sleeps by its timers. */
export abstract class SleepingClock {
  abstract setTimer(delayMs: number, fire: () => void): Timer;

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = () => {
        timer.cancel();
        reject(signal?.reason);
      };
      const timer = this.setTimer(delayMs, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

/** Node would fire a longer timeout at once, so longer ones are chained. */
const timeoutMsMax = 2 ** 31 - 1;

/**
 * The machine's clock. A pending timer keeps the process alive, as Node's do: a command that only sleeps between two
 * looks must not end in the middle. So whoever is done cancels its timers, or aborts its sleeps.
 */
export class SystemClock extends SleepingClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    return new MachineTimer(delayMs, fire);
  }
}

/** One object a timer: a cluster of a thousand nodes sets hundreds of them a second. */
class MachineTimer implements Timer {
  #handle: NodeJS.Timeout;

  constructor(delayMs: number, fire: () => void) {
    this.#handle = this.#arm(Math.max(delayMs, 0), fire);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #arm(leftMs: number, fire: () => void): NodeJS.Timeout {
    if (leftMs <= timeoutMsMax) return setTimeout(fire, leftMs);
    return setTimeout(() => {
      this.#handle = this.#arm(leftMs - timeoutMsMax, fire);
    }, timeoutMsMax);
  }
}

interface VirtualTimer {
  atMs: number;
  order: number;
  fire: () => void;
}

/**
 * A clock that moves only when told. Timers fire in order of their time, and among equals in the order they were set.
 */
export class VirtualClock extends SleepingClock implements Clock {
  #nowMs: number;
  #originMs: number;
  #jumpedMs = 0;
  #order = 0;
  #timers = new Set<VirtualTimer>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    super();
    this.#nowMs = startMs;
    this.#originMs = startMs;
  }

  now(): number {
    return this.#nowMs + this.#jumpedMs;
  }

  monotonic(): number {
    return this.#nowMs - this.#originMs;
  }

  /** The wall time is set, as by an administrator or a time server: forward or back, and no timer hears of it. */
  jump(deltaMs: number): void {
    this.#jumpedMs += deltaMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const timer = { atMs: this.#nowMs + Math.max(delayMs, 0), order: this.#order++, fire };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** How many timers wait; a test that expects quiet asserts 0. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer, or undefined when none waits. */
  get nextInMs(): number | undefined {
    const next = this.#next();
    return next && next.atMs - this.#nowMs;
  }

  /**
   * Moves time forward, firing what falls due, and lets promises and I/O settle after each timer so that the code
   * under test can set the next one.
   */
  async advance(deltaMs: number): Promise<void> {
    const endMs = this.#nowMs + deltaMs;
    await settle();
    for (let next = this.#next(); next && next.atMs <= endMs; next = this.#next()) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
      await settle();
    }
    // Another advance, begun while this one let things settle, may have come further.
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  #next(): VirtualTimer | undefined {
    let first: VirtualTimer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) first = timer;
    }
    return first;
  }
}

/** Lets microtasks, the immediates they queue, and the code they load run out. */
async function settle(): Promise<void> {
  do for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  while (!(await nothingLoads()));
}
