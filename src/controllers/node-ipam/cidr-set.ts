/** Ranges of equal size within one range: which are taken, and which comes next. */
import { type AddressRange, formatRange, parseRange, rangeHolds, rangeSize } from '#apimachinery/addresses.js';

export class CidrSet {
  readonly #whole: AddressRange;
  readonly #length: number;
  readonly #count: number;
  /** By index, how many have it: a range that is named twice by hand is free when both are gone. */
  readonly #taken = new Map<number, number>();
  /** What is given back is not given out again until all others have been. */
  #next = 0;

  constructor(whole: AddressRange, length: number) {
    this.#whole = whole;
    this.#length = length;
    this.#count = Number(rangeSize(whole) / rangeSize({ ...whole, length }));
  }

  /** Undefined when all are taken. */
  takeNext(): string | undefined {
    for (let tried = 0; tried < this.#count; tried++) {
      const index = (this.#next + tried) % this.#count;
      if (this.#taken.has(index)) continue;
      this.#taken.set(index, 1);
      this.#next = (index + 1) % this.#count;
      return this.#rangeAt(index);
    }
    return undefined;
  }

  /** Whatever part of the text's range lies in ours. Gives false when none does. */
  occupy(text: string): boolean {
    const indexes = this.#indexesOf(text);
    for (const index of indexes) this.#taken.set(index, (this.#taken.get(index) ?? 0) + 1);
    return indexes.length > 0;
  }

  release(text: string): void {
    for (const index of this.#indexesOf(text)) {
      const holders = (this.#taken.get(index) ?? 1) - 1;
      if (holders > 0) this.#taken.set(index, holders);
      else this.#taken.delete(index);
    }
  }

  #rangeAt(index: number): string {
    const { family, first } = this.#whole;
    const size = rangeSize({ ...this.#whole, length: this.#length });
    return formatRange({ family, first: first + size * BigInt(index), length: this.#length });
  }

  #indexesOf(text: string): number[] {
    const range = parseRange(text);
    if (!range) return [];
    const { family, first, length } = this.#whole;
    const isWhole = range.length <= length && rangeHolds(range, { family, value: first });
    if (isWhole) return Array.from({ length: this.#count }, (_, index) => index);
    if (!rangeHolds(this.#whole, { family: range.family, value: range.first })) return [];
    const size = rangeSize({ ...this.#whole, length: this.#length });
    const from = Number((range.first - first) / size);
    const to = Number((range.first + rangeSize(range) - 1n - first) / size);
    return Array.from({ length: to - from + 1 }, (_, at) => from + at);
  }
}
