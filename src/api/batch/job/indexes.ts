/** Sets of completion indexes as text, `0-3,5`: which may be written, with upstream's words for what may not. */

export interface IndexInterval {
  first: number;
  last: number;
}

/** A text that is no set of indexes. */
export class IndexesError extends Error {}

/** Throws an IndexesError for what is not in order, or not below `completions`. */
export function parseIndexes(text: string, completions: number): IndexInterval[] {
  if (text === '') return [];
  const intervals: IndexInterval[] = [];
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions);
    const before = intervals.at(-1);
    if (before && before.last >= interval.first)
      throw new IndexesError(`non-increasing order, previous: ${before.last}, current: ${interval.first}`);
    intervals.push(interval);
  }
  return intervals;
}

export function countIndexes(intervals: readonly IndexInterval[]): number {
  return intervals.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

/** The lowest index in both. What cannot be read is passed over: its own check tells. */
export function firstOverlap(one: string, other: string, completions: number): number | undefined {
  const left = readable(one, completions);
  const right = readable(other, completions);
  let place = 0;
  for (const { first, last } of left) {
    while (place < right.length && right[place]!.last < first) place++;
    const found = right[place];
    if (found && found.first <= last) return Math.max(first, found.first);
  }
  return undefined;
}

function readable(text: string, completions: number): IndexInterval[] {
  return text.split(',').flatMap((part) => {
    try {
      return [parseInterval(part, completions)];
    } catch (error) {
      if (error instanceof IndexesError) return [];
      throw error;
    }
  });
}

function parseInterval(text: string, completions: number): IndexInterval {
  const [first = '', last, ...more] = text.split('-');
  if (more.length > 0) {
    const rule = "violates the requirement that an index interval can have at most two parts separated by '-'";
    throw new IndexesError(`the fragment ${JSON.stringify(text)} ${rule}`);
  }
  const start = parseIndex(first, completions);
  if (last === undefined) return { first: start, last: start };
  const end = parseIndex(last, completions);
  if (start >= end) throw new IndexesError(`non-increasing order, previous: ${start}, current: ${end}`);
  return { first: start, last: end };
}

function parseIndex(text: string, completions: number): number {
  if (!/^\+?[0-9]{1,18}$/.test(text))
    throw new IndexesError(`cannot convert string to integer for index: ${JSON.stringify(text)}`);
  const index = Number(text);
  if (index >= completions) throw new IndexesError(`too large index: ${JSON.stringify(text)}`);
  return index;
}
