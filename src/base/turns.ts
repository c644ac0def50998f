/**
 * Lets other work of this process have its turn within a long loop. Measured by time, not by count: what a step costs
 * depends on what it is given.
 */
const turnMs = 8;

export class Turns {
  #since = performance.now();

  /** True when this turn has lasted long enough; then `await next()`. */
  get isOver(): boolean {
    return performance.now() - this.#since >= turnMs;
  }

  async next(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#since = performance.now();
  }
}
