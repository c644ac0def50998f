/** Paths of which one stands in another, as upstream sees it: the text of one begins with that of the other. */

/** So many are told of, and no more: each is held against all others. */
const overlappingMax = 1000;

/** `<message>: "a/b" with "a"`, for each path with the first before it that it overlaps with. */
export function* pathOverlaps(paths: readonly string[], message: string): Generator<string, void, undefined> {
  const seen = new Set<string>();
  for (const path of overlapping(paths.map(plainOf))) {
    const other = [...seen].find((one) => one.startsWith(path) || path.startsWith(one));
    if (other && path) yield `${message}: ${JSON.stringify(path)} with ${JSON.stringify(other)}`;
    seen.add(path);
  }
}

function plainOf(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}

/** Those that overlap with any other, in the order given. Of most volumes there are none. */
function overlapping(paths: readonly string[]): string[] {
  const found = new Set<string>();
  /** Each begins with the one before it. */
  const around: string[] = [];
  for (const path of [...paths].sort()) {
    while (around.length > 0 && !path.startsWith(around.at(-1)!)) around.pop();
    if (around.length > 0) found.add(around.at(-1)!).add(path);
    around.push(path);
  }
  return found.size === 0 ? [] : paths.filter((path) => found.has(path)).slice(0, overlappingMax);
}

/** Whether paths that come one after the other overlap, without holding each against all others. */
export class PathsApart {
  readonly #sorted: string[] = [];
  holds = true;

  add(given: string): void {
    if (!this.holds) return;
    const path = plainOf(given);
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle]! < path) low = middle + 1;
      else high = middle;
    }
    // Of paths that do not overlap, one that begins another stands right before it.
    const [before, after] = [this.#sorted[low - 1], this.#sorted[low]];
    this.holds = !(after?.startsWith(path) || (before !== undefined && path.startsWith(before)));
    this.#sorted.splice(low, 0, path);
  }
}
