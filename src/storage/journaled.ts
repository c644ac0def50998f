/**
 * A journal before another medium: a commit is durable once it is in the journal, and goes on into the medium with many
 * others when the journal is full. What is not there yet is kept in memory, where reads find it first; a start after a
 * kill reads it back from the journal.
 *
 * There are two files: while the records of one go into the medium, the next ones are written to the other.
 */
import type { Backing, Changes, Head, LogRecord } from './backing.js';
import { JournalFile } from './journal.js';
import { headOf, recordBytes } from './record.js';
import { StoreError } from './store.js';

/** A file that holds so much takes no more: its records go into the medium. */
const fileBytesMax = 4 << 20;

/** Of the records that go into the medium at once. */
const stepBytesMax = 1 << 20;

export class JournaledBacking implements Backing {
  revision: number;
  compacted: number;
  readonly #medium: Backing;
  readonly #fileBytesMax: number;
  /** Takes what is written. */
  #open: Segment;
  /** Goes into the medium; empty when there is nothing to go. */
  #full: Segment;
  #moving: Promise<void> | undefined;

  /** Throws StoreError `corrupt` when what the files hold does not follow on what the medium holds. */
  constructor(medium: Backing, paths: readonly [string, string], limits: { fileBytesMax?: number } = {}) {
    this.#medium = medium;
    this.#fileBytesMax = limits.fileBytesMax ?? fileBytesMax;
    this.compacted = medium.compacted;
    const files = paths.map((path) => new JournalFile(path));
    try {
      const [first, second] = files.map((file) => new Segment(file, medium.revision)).sort(olderFirst);
      [this.#full, this.#open] = second!.isEmpty ? [second!, first!] : [first!, second!];
      this.revision = lastOf(medium.revision, [this.#full, this.#open]);
    } catch (error) {
      for (const file of files) file.close();
      throw error;
    }
  }

  head(key: string): Head | undefined {
    return this.#open.heads.get(key) ?? this.#full.heads.get(key) ?? this.#medium.head(key);
  }

  *heads(prefix: string, after?: string): Iterable<{ key: string; head: Head }> {
    const isWanted = (key: string) => key.startsWith(prefix) && (after === undefined || key > after);
    const keys = new Set([...this.#full.heads.keys(), ...this.#open.heads.keys()].filter(isWanted));
    const own = [...keys].sort();
    let next = 0;
    for (const one of this.#medium.heads(prefix, after)) {
      for (; next < own.length && own[next]! < one.key; next++) yield this.#ownHead(own[next]!);
      if (own[next] === one.key) yield this.#ownHead(own[next++]!);
      else yield one;
    }
    for (; next < own.length; next++) yield this.#ownHead(own[next]!);
  }

  record(revision: number): LogRecord | undefined {
    return this.#open.records.get(revision) ?? this.#full.records.get(revision) ?? this.#medium.record(revision);
  }

  *records(after: number): Iterable<LogRecord> {
    const firstOwn = Math.min(this.#full.first, this.#open.first);
    for (const record of this.#medium.records(after)) {
      if (record.revision >= firstOwn) break; // on its way there just now
      yield record;
    }
    for (const { records } of [this.#full, this.#open]) {
      for (const record of records.values()) if (record.revision > after) yield record;
    }
  }

  async commit(changes: Changes): Promise<void> {
    const { records, dropped, revision } = changes;
    if (records.length === 0 || dropped.length > 0) {
      await this.#settle();
      await this.#medium.commit(changes);
    } else {
      if (this.#open.file.bytes >= this.#fileBytesMax) await this.#turn();
      await this.#open.file.append(records);
      for (const record of records) this.#open.add(record);
    }
    this.revision = revision;
    this.compacted = changes.compacted;
  }

  async close(): Promise<void> {
    try {
      await this.#settle();
    } finally {
      for (const { file } of [this.#open, this.#full]) file.close();
      await this.#medium.close();
    }
  }

  #ownHead(key: string): { key: string; head: Head } {
    return { key, head: (this.#open.heads.get(key) ?? this.#full.heads.get(key))! };
  }

  /** Lets the other file take what is written. Throws when the medium does not take what that one still holds. */
  async #turn(): Promise<void> {
    await this.#moved();
    [this.#open, this.#full] = [this.#full, this.#open];
    // A failure matters once this file's turn comes again: until then the journal keeps what the medium did not take.
    this.#moved().catch(() => {});
  }

  async #settle(): Promise<void> {
    await this.#turn();
    await this.#moved();
  }

  #moved(): Promise<void> {
    this.#moving ??= this.#move().finally(() => {
      this.#moving = undefined;
    });
    return this.#moving;
  }

  async #move(): Promise<void> {
    const segment = this.#full;
    if (segment.isEmpty) return;
    for (const records of segment.steps(this.#medium.revision)) {
      const heads = new Map(records.map((record) => [record.key, { key: record.key, head: headOf(record) }]));
      await this.#medium.commit({
        revision: records.at(-1)!.revision,
        compacted: this.#medium.compacted,
        records,
        heads: [...heads.values()],
        dropped: [],
      });
    }
    segment.clear();
  }
}

/** The newest revision, of records that must be one row from where the medium ends. */
function lastOf(mediumRevision: number, segments: readonly Segment[]): number {
  let last = mediumRevision;
  for (const { records } of segments) {
    for (const revision of records.keys()) {
      if (revision !== last + 1)
        throw new StoreError(
          'corrupt',
          `the journal goes on with revision ${revision} where ${last + 1} should follow`,
        );
      last = revision;
    }
  }
  return last;
}

/** Empty ones last. */
function olderFirst(a: Segment, b: Segment): number {
  return a.first === b.first ? 0 : a.first - b.first;
}

/** A file of the journal, and in memory what of it the medium does not hold yet. */
class Segment {
  readonly file: JournalFile;
  /** In order of revision. */
  readonly records = new Map<number, LogRecord>();
  readonly heads = new Map<string, Head>();

  /** With the records after this revision that the file holds. */
  constructor(file: JournalFile, after: number) {
    this.file = file;
    for (const record of file.read(after)) if (record.revision > after) this.add(record);
    if (this.isEmpty) file.restart();
  }

  get isEmpty(): boolean {
    return this.records.size === 0;
  }

  /** The first revision in it; infinite for none. */
  get first(): number {
    const [first] = this.records.keys();
    return first ?? Number.POSITIVE_INFINITY;
  }

  add(record: LogRecord): void {
    this.records.set(record.revision, record);
    this.heads.set(record.key, headOf(record));
  }

  clear(): void {
    this.records.clear();
    this.heads.clear();
    this.file.restart();
  }

  /** What comes after this revision, in parts. */
  *steps(after: number): Iterable<LogRecord[]> {
    let step: LogRecord[] = [];
    let bytes = 0;
    for (const record of this.records.values()) {
      if (record.revision <= after) continue;
      step.push(record);
      bytes += recordBytes(record);
      if (bytes < stepBytesMax) continue;
      yield step;
      step = [];
      bytes = 0;
    }
    if (step.length > 0) yield step;
  }
}
