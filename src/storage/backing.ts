/**
 * What a medium must offer below `RevisionStore`: a log of records by revision, and for each key its head, the
 * newest revision in its life. Following `previous` from a head leads back through the key's past.
 */

export interface Backing {
  /** As of the last commit. */
  readonly revision: number;
  readonly compacted: number;

  head(key: string): Head | undefined;
  /** Heads under the prefix in key order, after a key if given; tombstones included. */
  heads(prefix: string, after?: string): Iterable<{ key: string; head: Head }>;
  record(revision: number): LogRecord | undefined;
  /** Records after a revision, in order. */
  records(after: number): Iterable<LogRecord>;

  /** All or nothing, and durable when it resolves. Never called again before it has. */
  commit(changes: Changes): Promise<void>;
  close(): Promise<void>;
}

export interface Head {
  modified: number;
  /** 0 marks a tombstone: the key was deleted at `modified`. */
  created: number;
}

export interface LogRecord {
  revision: number;
  key: string;
  /** The revision that created the key's present life; 0 when this record deletes it. */
  created: number;
  /** The key's revision before this one; 0 for none. It may have been compacted away. */
  previous: number;
  /** Empty for a deletion. */
  value: Uint8Array;
}

export interface Changes {
  revision: number;
  compacted: number;
  records: LogRecord[];
  /** undefined removes the head. Applied in order. */
  heads: { key: string; head: Head | undefined }[];
  /** Records to forget. */
  dropped: number[];
}
