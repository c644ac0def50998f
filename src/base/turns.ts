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

/** Work in steps: at each `yield` others may have their turn. */
export type Steps<T> = Generator<void, T, void>;

/** Does the work without giving turns: for callers that cannot wait. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value as T;
  }
}

export async function inTurns<T>(steps: Steps<T>, turns = new Turns()): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value as T;
    if (turns.isOver) await turns.next();
  }
}
