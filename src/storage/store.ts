/**
 * The store's whole contract: revisions of opaque bytes under string keys, after etcd's model. It knows no resource.
 * Keys are ASCII, as all of Kubernetes' are.
 *
 * One counter, the revision, grows by one with each write that takes effect. Every entry remembers the revision that
 * created it and the one that last changed it. A write is answered, and its event sent, only once it is durable.
 */

export interface Store {
  /** The newest revision that is durable; 1 for a store never written to. */
  revision(): Promise<number>;

  /** The entry now, or as of `revision`. Throws `compacted` or `future` for a revision it does not hold. */
  get(key: string, options?: { revision?: number }): Promise<Entry | undefined>;

  /** Entries whose key starts with `prefix`, in key order all of one revision. */
  range(prefix: string, options?: RangeOptions): Promise<Range>;

  /**
   * Writes if the key's last change is `expected` (0: the key must not exist). A lost race is an answer, not an error:
   * it carries the entry that is there instead, so that the caller can retry without another read.
   */
  put(key: string, value: Uint8Array, expected: number): Promise<Written>;

  /** Deletes under the same condition. The event carries the revision of the deletion and the last value. */
  delete(key: string, expected: number): Promise<Written>;

  /**
   * Events after `since`, in revision order, first those of the past, then those to come, until the signal aborts
   * (the iterable then ends without an error). Throws `compacted` when the past is gone, and `slow` for a reader that
   * falls more than the driver's named limit behind: it must list again.
   */
  watch(prefix: string, options: { since: number; signal: AbortSignal }): AsyncIterable<Event[]>;

  /** Forgets what only revisions before this one can see. Reads and watches from before it throw `compacted`. */
  compact(revision: number): Promise<void>;

  /** Waits for writes under way, then frees everything. */
  close(): Promise<void>;
}

export interface Entry {
  key: string;
  value: Uint8Array;
  /** The revision that created the key, for this life of it. */
  created: number;
  /** The revision of the last change. */
  modified: number;
  /** Set by what stands before a driver: the value lies in an older form, and is to be written again. */
  stale?: boolean;
}

export interface RangeOptions {
  /** Start after this key rather than at the prefix's first. */
  after?: string;
  limit?: number;
  revision?: number;
}

export interface Range {
  entries: Entry[];
  /** The revision that the answer is consistent with. */
  revision: number;
  /** How many entries of the prefix follow the last one given. */
  remaining: number;
}

export type Written = { ok: true; revision: number } | { ok: false; current: Entry | undefined };

/** `previous` is the value before; for a deletion, `entry.value` is that last value too. */
export interface Event {
  type: 'put' | 'delete';
  entry: Entry;
  previous: Entry | undefined;
}

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly reason: StoreErrorReason;

  constructor(reason: StoreErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export type StoreErrorReason =
  | 'compacted' // the revision asked for is older than the last compaction
  | 'future' // the revision asked for has not happened
  | 'slow' // this watcher fell too far behind
  | 'too large' // the value is over the driver's limit
  | 'corrupt' // the data cannot be read; the message names the file
  | 'write failed' // the write, or one that it builds on, could not be made durable: it did not happen
  | 'closed';
