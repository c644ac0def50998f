/**
 * Lets other work of this process have its turn within a long loop. Measured by time, not by count: what a step costs
 * depends on what it is given.
 */
const turnMs = 8;

/** How many ask for a run that does the same whatever the machine's speed: then no turn is ever over. */
let untimed = 0;

/** Until the function that it gives is called. For clusters on virtual time, which must be the same in every run. */
export function withoutTurns(): () => void {
  untimed++;
  return () => {
    untimed--;
  };
}

export class Turns {
  #since = performance.now();

  /** True when this turn has lasted long enough; then `await next()`. */
  get isOver(): boolean {
    return untimed === 0 && performance.now() - this.#since >= turnMs;
  }

  async next(): Promise<void> {
    // Twice: the first may come before timers and sockets have had their turn, right after the callback of a socket.
    await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
    this.#since = performance.now();
  }
}

/** Shorter than a turn: they are taken again in every round of the event loop. */
const sharedTurnMs = 5;

/**
 * Turns of many who do much in small pieces: all of them together have one turn in a round of the event loop, and those
 * for whom it is too short have the next.
 */
export class SharedTurns {
  #waiting: (() => void)[] = [];
  #isGiving = false;

  /** Resolves when it is the caller's turn. */
  next(): Promise<void> {
    if (untimed > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#isGiving) return;
      this.#isGiving = true;
      setImmediate(() => this.#give(performance.now()));
    });
  }

  #give(sinceMs: number): void {
    const next = this.#waiting.shift();
    if (!next) {
      this.#isGiving = false;
      return;
    }
    next();
    // A tick that is asked for among promises comes once all have been settled: what was begun has then had its time.
    queueMicrotask(() =>
      process.nextTick(() => {
        if (performance.now() - sinceMs < sharedTurnMs) this.#give(sinceMs);
        else setImmediate(() => this.#give(performance.now()));
      }),
    );
  }
}

/**
 * Smaller requests are answered in not much more time than a turn is long, even where each of a list's elements is `{}`
 * and gets defaults.
 */
const largeBytesMin = 16 * 1024;

/** For a request of so many bytes, or one that changes an object of so many; undefined for one that needs none. */
export function turnsFor(bytes: number): Turns | undefined {
  return isLarge(bytes) ? new Turns() : undefined;
}

export function isLarge(bytes: number): boolean {
  return bytes >= largeBytesMin;
}

/** For a JSON value that nobody has the bytes of. Looks no further than it takes to know. */
export function turnsForValue(value: unknown): Turns | undefined {
  return bytesBelow(value, largeBytesMin) < 0 ? new Turns() : undefined;
}

/** What is left of `bytes` after the value's JSON, about; less than nothing when that is longer. */
function bytesBelow(value: unknown, bytes: number): number {
  if (typeof value === 'string') return bytes - value.length - 3;
  if (typeof value !== 'object' || value === null) return bytes - 5;
  let left = bytes - 2;
  for (const key in value) {
    if (left < 0) return left;
    left = bytesBelow((value as Record<string, unknown>)[key], left - (Array.isArray(value) ? 0 : key.length + 3));
  }
  return left;
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

/**
 * Rounds of a loop that take a few microseconds each: asking for the time after each would cost as much as some of them.
 * A prime number, so that loops that ask more than once in a round do not get their answer at the same place each time.
 */
const roundsPerStep = 61;
let rounds = 0;

/** True now and then: for loops that end a step with it, so as not to do so in each round. They share one count. */
export function endsStep(): boolean {
  rounds = (rounds + 1) % roundsPerStep;
  return rounds === 0;
}

/** At once where there are no turns to take. */
export function inTurns<T>(steps: Steps<T>, turns: Turns | undefined): T | Promise<T> {
  return turns ? stepByStep(steps, turns) : atOnce(steps);
}

async function stepByStep<T>(steps: Steps<T>, turns: Turns): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value as T;
    if (turns.isOver) await turns.next();
  }
}

/**
 * Spreads out the writes of many streams of one source while it is busy: what comes within the rest of a stream is
 * written at its end, all at once. A write costs a stream about the same whatever it holds, so the more streams there
 * are, the longer each rests; a stream that was quiet before rests not at all. Those that rest are woken together, so
 * that they have the same to write, which is then put together once for all of them.
 */
export class Pace {
  #streams = 0;
  #resting: (() => void)[] = [];

  begin(): PacedStream {
    this.#streams++;
    return new PacedStream(this);
  }

  end(): void {
    this.#streams--;
  }

  get restMs(): number {
    const restMs = this.#streams * restMsPerStream;
    return restMs < restMsMin ? 0 : Math.min(restMs, restMsMax);
  }

  /** Until the end of the rest that is under way, or of one that begins now. */
  rest(): Promise<void> {
    if (this.#resting.length === 0) setTimeout(() => this.#wake(), this.restMs);
    return new Promise((resolve) => this.#resting.push(resolve));
  }

  async #wake(): Promise<void> {
    const woken = this.#resting;
    this.#resting = [];
    for (let index = 0; index < woken.length; index += wokenAtOnce) {
      if (index > 0) await new Promise<void>((resolve) => setImmediate(resolve));
      for (const wake of woken.slice(index, index + wokenAtOnce)) wake();
    }
  }
}

/** About six times what a write takes. */
const restMsPerStream = 0.2;
const restMsMin = 2;
const restMsMax = 50;
/** So many writes take a few milliseconds, in which nobody else has a turn. */
const wokenAtOnce = 128;

export class PacedStream {
  readonly #pace: Pace;
  #writtenMs = Number.NEGATIVE_INFINITY;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** After a write: resolves when the next one may come; undefined when that is now. */
  rest(): Promise<void> | undefined {
    const { restMs } = this.#pace;
    const nowMs = performance.now();
    const sinceMs = nowMs - this.#writtenMs;
    this.#writtenMs = nowMs;
    return restMs === 0 || sinceMs >= 2 * restMs ? undefined : this.#pace.rest();
  }

  end(): void {
    this.#pace.end();
  }
}
