/** Sets of completion indexes, as intervals in order: read leniently, joined, and written as `0-3,5`. */
import { type IndexInterval, parseIndexes } from '#api/batch/job/indexes.js';

export type IndexSet = readonly IndexInterval[];

/** What a status or a rule says, without indexes that a Job which was made smaller no longer has. */
export function readIndexSet(text: string | undefined, completions: number): IndexSet {
  // The server has let it through, so that only the limit may have changed since.
  const all = parseIndexes(text ?? '', Number.MAX_SAFE_INTEGER);
  const below = all.filter(({ first }) => first < completions);
  return union(
    below.map(({ first, last }) => ({ first, last: Math.min(last, completions - 1) })),
    [],
  );
}

export function indexSet(indexes: Iterable<number>): IndexSet {
  const sorted = [...new Set(indexes)].sort((a, b) => a - b);
  return union(
    sorted.map((index) => ({ first: index, last: index })),
    [],
  );
}

/** Neighbouring intervals become one. */
export function union(a: IndexSet, b: IndexSet): IndexSet {
  const joined: IndexInterval[] = [];
  for (const { first, last } of [...a, ...b].sort((left, right) => left.first - right.first)) {
    const before = joined.at(-1);
    if (before && first <= before.last + 1) before.last = Math.max(before.last, last);
    else joined.push({ first, last });
  }
  return joined;
}

export function hasIndex(set: IndexSet, index: number): boolean {
  let low = 0;
  let high = set.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (set[middle]!.last < index) low = middle + 1;
    else high = middle;
  }
  return low < set.length && set[low]!.first <= index;
}

/** How many indexes both have. */
export function overlapCount(a: IndexSet, b: IndexSet): number {
  let count = 0;
  for (let left = 0, right = 0; left < a.length && right < b.length; ) {
    const [one, other] = [a[left]!, b[right]!];
    count += Math.max(Math.min(one.last, other.last) - Math.max(one.first, other.first) + 1, 0);
    if (one.last < other.last) left++;
    else right++;
  }
  return count;
}

/** The lowest indexes that are not in the set. */
export function missingIndexes(
  set: IndexSet,
  { count, completions }: { count: number; completions: number },
): number[] {
  const missing: number[] = [];
  let candidate = 0;
  for (const { first, last } of [...set, { first: completions, last: completions }]) {
    for (; candidate < first && candidate < completions && missing.length < count; candidate++) missing.push(candidate);
    candidate = Math.max(candidate, last + 1);
  }
  return missing;
}

export function formatIndexSet(set: IndexSet): string {
  const parts = set.map(({ first, last }) => {
    if (first === last) return `${first}`;
    return `${first}${last === first + 1 ? ',' : '-'}${last}`;
  });
  return parts.join(',');
}
