/**
 * The store's rules over any medium: compare-and-swap, revisions, history, compaction and group commit.
 *
 * A write is decided at once, against the newest state including writes not yet durable; while one commit is under way,
 * the writes that arrive are gathered into the next. Readers see committed state only.
 */
import type { Backing, Changes, Head, LogRecord } from './backing.js';
import { headOf } from './record.js';
import {
  type Entry,
  type Event,
  type Range,
  type RangeOptions,
  type Store,
  StoreError,
  type Written,
} from './store.js';
import { Watchers } from './watchers.js';

/** etcd's default request limit, with room for its envelope. */
export const valueBytesMax = 1.5 * 1024 * 1024;

/** How many log records one step of a compaction visits, so that writes can pass in between. */
const compactionRecordsMax = 1000;

interface Batch {
  records: LogRecord[];
  done: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

export interface RevisionStoreOptions {
  /**
   * Watchers hear of a commit once those who wrote have gone on with it for a turn, and so with their answers. Default: in
   * the same turn, so that what follows from a write is over when nothing waits any more.
   */
  answersFirst?: boolean;
}

export class RevisionStore implements Store {
  readonly #backing: Backing;
  readonly #answersFirst: boolean;
  readonly #watchers = new Watchers();
  /** Of what is committed: watchers have yet to hear of it. */
  #untold: Event[] = [];
  /** The newest revision decided on; the backing's is the newest that is durable. */
  #decided: number;
  /** What is decided but not yet durable. */
  #pending = new Map<string, { record: LogRecord; batch: Batch }>();
  #gathering: Batch | undefined;
  #committing: Promise<void> | undefined;
  #compaction: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(backing: Backing, { answersFirst = false }: RevisionStoreOptions = {}) {
    this.#backing = backing;
    this.#answersFirst = answersFirst;
    this.#decided = backing.revision;
  }

  async revision(): Promise<number> {
    this.#assertOpen();
    return this.#backing.revision;
  }

  async get(key: string, { revision }: { revision?: number } = {}): Promise<Entry | undefined> {
    const at = this.#readable(revision);
    const head = this.#backing.head(key);
    return head && this.#asOf(head, at);
  }

  async range(prefix: string, { after, limit, revision }: RangeOptions = {}): Promise<Range> {
    const at = this.#readable(revision);
    const entries: Entry[] = [];
    let remaining = 0;
    for (const { head } of this.#backing.heads(prefix, after)) {
      if (limit !== undefined && entries.length >= limit) {
        if (this.#lives(head, at)) remaining++;
        continue;
      }
      const entry = this.#asOf(head, at);
      if (entry) entries.push(entry);
    }
    return { entries, revision: at, remaining };
  }

  put(key: string, value: Uint8Array, expected: number): Promise<Written> {
    return this.#write(key, { expected, value });
  }

  delete(key: string, expected: number): Promise<Written> {
    return this.#write(key, { expected, value: undefined });
  }

  watch(prefix: string, { since, signal }: { since: number; signal: AbortSignal }): AsyncIterable<Event[]> {
    this.#assertOpen();
    if (since > this.#backing.revision) throw new StoreError('future', `revision ${since} has not happened`);
    if (since < this.#backing.compacted) throw compacted(since);
    const upTo = this.#backing.revision;
    // What is told from here on has not been part of the past.
    this.#tell();
    const live = this.#watchers.subscribe(prefix, signal);
    const past = since < upTo ? this.#past(prefix, { since, upTo }) : [];
    return (async function* () {
      if (past.length > 0) yield past;
      yield* live;
    })();
  }

  compact(revision: number): Promise<void> {
    this.#assertOpen();
    const previous = this.#compaction;
    const compaction = previous.then(() => this.#compact(revision));
    this.#compaction = compaction.catch(() => {}); // its caller is told; the next one starts from where it got to
    return compaction;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    while (this.#committing) await this.#committing;
    this.#tell();
    this.#watchers.end();
    await this.#backing.close();
  }

  async #write(
    key: string,
    { expected, value }: { expected: number; value: Uint8Array | undefined },
  ): Promise<Written> {
    this.#assertOpen();
    if (value && value.length > valueBytesMax)
      throw new StoreError('too large', `${key} has ${value.length} bytes, over the limit of ${valueBytesMax}`);
    const pending = this.#pending.get(key);
    const head = pending ? headOf(pending.record) : this.#backing.head(key);
    const modified = head && head.created > 0 ? head.modified : 0;
    if (modified !== expected || (value === undefined && modified === 0)) {
      // What won may not be durable yet, and must not be seen before it is.
      if (pending) await pending.batch.done;
      return { ok: false, current: await this.get(key) };
    }
    const revision = ++this.#decided;
    const created = value === undefined ? 0 : modified === 0 ? revision : head!.created;
    const record = { revision, key, created, previous: head?.modified ?? 0, value: value ?? new Uint8Array(0) };
    const batch = this.#gather();
    batch.records.push(record);
    this.#pending.set(key, { record, batch });
    await batch.done;
    return { ok: true, revision };
  }

  #gather(): Batch {
    if (this.#gathering) return this.#gathering;
    let resolve!: () => void;
    let reject!: (error: unknown) => void;
    const done = new Promise<void>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    done.catch(() => {}); // each writer awaits it and gets the error; a batch nobody awaits has none to report to
    this.#gathering = { records: [], done, resolve, reject };
    if (!this.#committing) this.#committing = this.#commitAll();
    return this.#gathering;
  }

  async #commitAll(): Promise<void> {
    await Promise.resolve(); // writes of the same turn share the first commit too
    while (this.#gathering) {
      const batch = this.#gathering;
      this.#gathering = undefined;
      await this.#commit(batch);
    }
    this.#committing = undefined;
  }

  async #commit(batch: Batch): Promise<void> {
    const { records } = batch;
    try {
      if (records.length > 0) {
        await this.#backing.commit({
          revision: records.at(-1)!.revision,
          compacted: this.#backing.compacted,
          records,
          heads: records.map((record) => ({ key: record.key, head: headOf(record) })),
          dropped: [],
        });
      }
    } catch (cause) {
      this.#fail(batch, cause);
      return;
    }
    const events = this.#watchers.size > 0 ? records.map((record) => this.#event(record)) : [];
    for (const record of records) {
      if (this.#pending.get(record.key)?.record === record) this.#pending.delete(record.key);
    }
    batch.resolve();
    if (events.length === 0) return;
    if (this.#answersFirst && this.#untold.length === 0) setImmediate(() => this.#tell());
    for (const event of events) this.#untold.push(event);
    if (!this.#answersFirst) this.#tell();
  }

  #tell(): void {
    const events = this.#untold;
    if (events.length === 0) return;
    this.#untold = [];
    this.#watchers.publish(events);
  }

  /** Later writes were decided on top of the failed ones, so they fail with them. */
  #fail(batch: Batch, cause: unknown): void {
    const error = new StoreError('write failed', `the write could not be made durable: ${String(cause)}`, { cause });
    const gathered = this.#gathering;
    this.#gathering = undefined;
    this.#pending.clear();
    this.#decided = this.#backing.revision;
    batch.reject(error);
    gathered?.reject(error);
  }

  async #compact(revision: number): Promise<void> {
    const upTo = Math.min(revision, this.#backing.revision);
    let from = this.#backing.compacted;
    while (from < upTo && !this.#closed) {
      while (this.#committing) await this.#committing;
      const step = this.#compactionStep({ from, upTo });
      const commit = this.#backing.commit(step);
      this.#committing = commit
        .catch(() => {}) // thrown to the compaction's caller below, and of no concern to who waits for the turn
        .then(() => {
          this.#committing = this.#gathering ? this.#commitAll() : undefined;
        });
      await commit;
      from = step.compacted;
    }
  }

  /** A record is of no use once a later one of its key is at or before the compacted revision. */
  #compactionStep({ from, upTo }: { from: number; upTo: number }): Changes {
    const step: Changes = { revision: this.#backing.revision, compacted: upTo, records: [], heads: [], dropped: [] };
    let visited = 0;
    for (const { revision, key, created, previous } of this.#backing.records(from)) {
      if (revision > upTo) break;
      if (++visited > compactionRecordsMax) {
        step.compacted = revision - 1;
        break;
      }
      if (previous > 0) step.dropped.push(previous);
      if (created === 0) {
        step.dropped.push(revision);
        if (this.#backing.head(key)?.modified === revision) step.heads.push({ key, head: undefined });
      }
    }
    return step;
  }

  #past(prefix: string, { since, upTo }: { since: number; upTo: number }): Event[] {
    const events: Event[] = [];
    for (const record of this.#backing.records(since)) {
      if (record.revision > upTo) break;
      if (record.key.startsWith(prefix)) events.push(this.#event(record));
    }
    return events;
  }

  #event(record: LogRecord): Event {
    if (record.created > 0) return putOf(record, () => this.#before(record));
    const { key, revision: modified } = record;
    const previous = this.#before(record);
    const { value, created } = previous ?? { value: new Uint8Array(0), created: 0 };
    return { type: 'delete', entry: { key, value, created, modified }, previous };
  }

  #before({ previous }: LogRecord): Entry | undefined {
    const before = previous > 0 ? this.#backing.record(previous) : undefined;
    return before && before.created > 0 ? entryOf(before) : undefined;
  }

  #asOf(head: Head, revision: number): Entry | undefined {
    if (head.modified <= revision && head.created === 0) return undefined;
    let record = this.#backing.record(head.modified);
    while (record && record.revision > revision) record = this.#backing.record(record.previous);
    return record && record.created > 0 ? entryOf(record) : undefined;
  }

  #lives(head: Head, revision: number): boolean {
    return head.modified <= revision ? head.created > 0 : this.#asOf(head, revision) !== undefined;
  }

  #readable(revision: number | undefined): number {
    this.#assertOpen();
    if (revision === undefined) return this.#backing.revision;
    if (revision > this.#backing.revision) throw new StoreError('future', `revision ${revision} has not happened`);
    if (revision < this.#backing.compacted) throw compacted(revision);
    return revision;
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreError('closed', 'the store is closed');
  }
}

/** The value before is read when somebody asks for it: a reader that keeps all values has it already. */
function putOf(record: LogRecord, before: () => Entry | undefined): Event {
  return {
    type: 'put',
    entry: entryOf(record),
    get previous() {
      return before();
    },
  };
}

function entryOf({ key, value, created, revision }: LogRecord): Entry {
  return { key, value, created, modified: revision };
}

function compacted(revision: number): StoreError {
  return new StoreError('compacted', `revision ${revision} has been compacted`);
}
