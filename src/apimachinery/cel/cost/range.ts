/** Ranges of sizes and costs. What is beyond 64 bits stays at the greatest number of 64 bits, as upstream's does. */

export interface Range {
  min: number;
  max: number;
}

/**
 * The size that the value at a path can have: of texts in characters, of lists and maps in items. The path begins with a
 * variable and goes on with fields, `@items`, `@values` and `@keys`.
 */
export type SizeFinder = (path: readonly string[]) => Range | undefined;

/** 2^64 - 1, as near as a number comes to it. */
export const unlimited = 2 ** 64;

const capped = (value: number): number => (value < unlimited ? value : unlimited);

export const exactly = (value: number): Range => ({ min: value, max: value });

export const unknownRange: Range = { min: 0, max: unlimited };

export function plus(...ranges: readonly Range[]): Range {
  const sum = { min: 0, max: 0 };
  for (const { min, max } of ranges) {
    sum.min = capped(sum.min + min);
    sum.max = capped(sum.max + max);
  }
  return sum;
}

export function times(a: Range, b: Range): Range {
  return { min: capped(a.min * b.min), max: capped(a.max * b.max) };
}

/** Rounded up. */
export function scaled(range: Range, factor: number): Range {
  return { min: capped(Math.ceil(range.min * factor)), max: capped(Math.ceil(range.max * factor)) };
}

export function either(a: Range, b: Range): Range {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}
