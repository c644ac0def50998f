/**
 * Keys in order, in runs of bounded length: in one array of all of them each new key would move half of the others, which
 * is a good part of a write where there are tens of thousands.
 */

/** A longer run is cut in two. */
export const runLengthMax = 512;

export class SortedKeys {
  /** None is empty. */
  readonly #runs: string[][] = [];

  /** `keys` in any order, none of them twice. */
  constructor(keys: Iterable<string> = []) {
    const sorted = [...keys].sort();
    for (let from = 0; from < sorted.length; from += runLengthMax)
      this.#runs.push(sorted.slice(from, from + runLengthMax));
  }

  /** Of a key that is not there. */
  insert(key: string): void {
    if (this.#runs.length === 0) {
      this.#runs.push([key]);
      return;
    }
    const place = this.#runOf(key);
    const run = this.#runs[place]!;
    run.splice(lowerBound(run, key), 0, key);
    if (run.length > runLengthMax) this.#runs.splice(place + 1, 0, run.splice(runLengthMax / 2));
  }

  /** Of a key that is there. */
  delete(key: string): void {
    const place = this.#runOf(key);
    const run = this.#runs[place]!;
    run.splice(lowerBound(run, key), 1);
    if (run.length === 0) this.#runs.splice(place, 1);
  }

  /** The keys that start with the prefix, from the one after `after`, no more than `limit`; and how many follow these. */
  page(
    prefix: string,
    { after, limit = Number.POSITIVE_INFINITY }: { after?: string | undefined; limit?: number } = {},
  ): { keys: string[]; remaining: number } {
    const keys: string[] = [];
    let remaining = 0;
    const start = after ?? prefix;
    const first = this.#runOf(start);
    for (let place = first; place < this.#runs.length; place++) {
      const run = this.#runs[place]!;
      let from = place === first ? lowerBound(run, start) : 0;
      if (run[from] === after) from++;
      const to = run.at(-1)!.startsWith(prefix) ? run.length : lowerBound(run, `${prefix}\uffff`);
      const taken = Math.min(to, from + limit - keys.length);
      for (let index = from; index < taken; index++) keys.push(run[index]!);
      remaining += to - taken;
      if (to < run.length) break;
    }
    return { keys, remaining };
  }

  /** The run that holds the key, or would: the last that does not begin after it. */
  #runOf(key: string): number {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#runs[middle]![0]! <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The index of the first key that is not before `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
