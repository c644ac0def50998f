/** What lists of one resource cost, counted as they are answered: from its memory, and from the store. */
export interface ReadCounts {
  readonly cache: ListCounts;
  readonly store: ListCounts;
}

export interface ListCounts {
  lists: number;
  /** Objects that were read for it. */
  fetched: number;
  /** Objects that the answers hold. */
  returned: number;
}

export function newReadCounts(): ReadCounts {
  const none = () => ({ lists: 0, fetched: 0, returned: 0 });
  return { cache: none(), store: none() };
}

export function countList(counts: ListCounts, { fetched, returned }: { fetched: number; returned: number }): void {
  counts.lists++;
  counts.fetched += fetched;
  counts.returned += returned;
}
