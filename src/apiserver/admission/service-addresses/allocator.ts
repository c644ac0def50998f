/** Hands out numbers of a range, each to one owner at a time, within one process. */
import type { Clock } from '#base/clock.js';
import { below, type Prng } from '#base/prng.js';

/** Blind draws before the range is walked through for a free number. */
const drawsMax = 32;
/** A number given for a write that has not been seen through is kept this long. */
export const pendingMs = 10_000;

export interface AllocatorOptions {
  size: number;
  /** The lowest numbers, left to those who ask for one by name: draws take them last. */
  staticBand: number;
  clock: Clock;
  prng: Prng;
  /** All that is stored. Asked for at the start, when two want one number, and when the range seems full. */
  held(): Promise<Iterable<{ owner: string; number: number }>>;
}

interface Holding {
  owner: string;
  sinceMs: number;
}

/**
 * Memory leads and storage confirms: a number is taken in memory before the write, so that two requests cannot both
 * get it, and one whose owner turns out to be gone is free again.
 */
export class Allocator {
  readonly #options: AllocatorOptions;
  readonly #holdings = new Map<number, Holding>();
  #loaded: Promise<void> | undefined;

  constructor(options: AllocatorOptions) {
    this.#options = options;
  }

  /** `had`: the number was the owner's already, and is not to be released for it. A dry run takes nothing. */
  async take(number: number, owner: string, { dryRun }: { dryRun: boolean }): Promise<'taken' | 'had' | 'refused'> {
    await this.#load();
    const holding = this.#holdings.get(number);
    if (holding && holding.owner !== owner && !this.#isPending(holding)) await this.#refresh();
    const now = this.#holdings.get(number);
    if (now) return now.owner === owner ? 'had' : 'refused';
    if (!dryRun) this.#put(number, owner);
    return 'taken';
  }

  /** The number's owner is being deleted: whether it still holds is for storage to say, the next time it is wanted. */
  doubt(number: number): void {
    const holding = this.#holdings.get(number);
    if (holding) holding.sinceMs = Number.NEGATIVE_INFINITY;
  }

  /** A free number; undefined when there is none. */
  async draw(owner: string, { dryRun }: { dryRun: boolean }): Promise<number | undefined> {
    await this.#load();
    let found = this.#findFree();
    if (found === undefined) {
      await this.#refresh();
      found = this.#findFree();
    }
    if (found !== undefined && !dryRun) this.#put(found, owner);
    return found;
  }

  /** Gives back what was taken for a write that did not happen. */
  release(number: number, owner: string): void {
    if (this.#holdings.get(number)?.owner === owner) this.#holdings.delete(number);
  }

  #put(number: number, owner: string): void {
    this.#holdings.set(number, { owner, sinceMs: this.#options.clock.monotonic() });
  }

  #isPending({ sinceMs }: Holding): boolean {
    return this.#options.clock.monotonic() - sinceMs < pendingMs;
  }

  #findFree(): number | undefined {
    const { size, staticBand, prng } = this.#options;
    const upper = size - staticBand;
    for (let draw = 0; upper > 0 && draw < drawsMax; draw++) {
      const number = staticBand + below(prng, upper);
      if (!this.#holdings.has(number)) return number;
    }
    for (let number = staticBand; number < size; number++) if (!this.#holdings.has(number)) return number;
    for (let number = 0; number < staticBand; number++) if (!this.#holdings.has(number)) return number;
    return undefined;
  }

  #load(): Promise<void> {
    this.#loaded ??= this.#refresh().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  async #refresh(): Promise<void> {
    const held = await this.#options.held();
    for (const [number, holding] of this.#holdings) if (!this.#isPending(holding)) this.#holdings.delete(number);
    for (const { owner, number } of held)
      if (!this.#holdings.has(number)) this.#holdings.set(number, { owner, sinceMs: Number.NEGATIVE_INFINITY });
  }
}
