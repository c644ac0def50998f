/** How many seats a priority level wanted, over a while: highest, mean, deviation, and smoothed over the whiles before. */

/** So that half of a past demand is forgotten after five minutes of ten-second periods (upstream's coefficient). */
const smoothing = 0.977;

export interface DemandFigures {
  highest: number;
  average: number;
  deviation: number;
  smoothed: number;
}

export class SeatDemand {
  #value = 0;
  #highest = 0;
  #sinceMs: number;
  #elapsedMs = 0;
  #sum = 0;
  #sumOfSquares = 0;
  #figures: DemandFigures = { highest: 0, average: 0, deviation: 0, smoothed: 0 };

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  get figures(): DemandFigures {
    return this.#figures;
  }

  get seats(): number {
    return this.#value;
  }

  set(seats: number, nowMs: number): void {
    this.#integrate(nowMs);
    this.#value = seats;
    if (seats > this.#highest) this.#highest = seats;
  }

  /** Ends one period and begins the next. */
  endPeriod(nowMs: number): DemandFigures {
    this.#integrate(nowMs);
    const { average, deviation, smoothed } = this.#figures;
    const figures = { highest: Math.round(this.#highest), average, deviation, smoothed };
    if (this.#elapsedMs > 0) {
      figures.average = this.#sum / this.#elapsedMs;
      const variance = this.#sumOfSquares / this.#elapsedMs - figures.average ** 2;
      figures.deviation = Math.sqrt(Math.max(0, variance));
      const envelope = figures.average + figures.deviation;
      figures.smoothed = Math.max(envelope, smoothing * smoothed + (1 - smoothing) * envelope);
    }
    this.#highest = this.#value;
    this.#elapsedMs = 0;
    this.#sum = 0;
    this.#sumOfSquares = 0;
    this.#figures = figures;
    return figures;
  }

  #integrate(nowMs: number): void {
    const spanMs = nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
    this.#elapsedMs += spanMs;
    this.#sum += spanMs * this.#value;
    this.#sumOfSquares += spanMs * this.#value ** 2;
  }
}
