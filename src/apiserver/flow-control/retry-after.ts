/**
 * How long refused clients should stay away: doubled while a priority level keeps refusing many, one less each second
 * that it does not. Upstream's rule, after TCP's.
 */
const secondsMax = 32;
const refusalsPerSecondMax = 3;

export class RetryAfter {
  #seconds = 1;
  #raisedAtSecond = 0;
  #current = { second: 0, refused: 0 };
  #history: { second: number; refused: number }[] = [];

  get seconds(): number {
    return this.#seconds;
  }

  refused(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (this.#current.second === second) {
      this.#current.refused++;
      return;
    }
    this.#history.push(this.#current);
    this.#current = { second, refused: 1 };
    const keptSince = second - Math.min(2 * this.#seconds, secondsMax);
    this.#history = this.#history.filter((one) => one.second >= keptSince);
    this.#adjust(second);
  }

  #adjust(second: number): void {
    let refused = 0;
    for (const one of this.#history) if (second - one.second <= this.#seconds) refused += one.refused;
    if (second - this.#raisedAtSecond >= this.#seconds && refused >= refusalsPerSecondMax * this.#seconds) {
      this.#seconds = Math.min(2 * this.#seconds, secondsMax);
      this.#raisedAtSecond = second;
    } else if (refused < this.#seconds && this.#seconds > 1) this.#seconds--;
  }
}
