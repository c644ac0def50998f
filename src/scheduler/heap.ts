/** A binary heap: the first of many things by a rule, where things come and go. */
export class Heap<T> {
  readonly #goesBefore: (a: T, b: T) => boolean;
  readonly #items: T[] = [];

  constructor(goesBefore: (a: T, b: T) => boolean) {
    this.#goesBefore = goesBefore;
  }

  /** The first that counts; those before it that do not are dropped. */
  first(counts: (item: T) => boolean): T | undefined {
    while (this.#items.length > 0 && !counts(this.#items[0]!)) this.#dropFirst();
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#goesBefore(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  #dropFirst(): void {
    const items = this.#items;
    const last = items.pop()!;
    if (items.length === 0) return;
    let at = 0;
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      if (child + 1 < items.length && this.#goesBefore(items[child + 1]!, items[child]!)) child++;
      if (!this.#goesBefore(items[child]!, last)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
  }
}
