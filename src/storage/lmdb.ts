/**
 * The embedded store: LMDB, a memory-mapped B+tree whose commits are atomic on disk, written off the main thread; and
 * before it a journal, since one of its commits takes several writes and syncs.
 *
 * Three tables: `heads` by key, `log` by revision, and `state`, which holds the newest and the compacted revision.
 * One process at a time: `cluster/` sees to that.
 */
import { closeSync, existsSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Backing, Changes, Head, LogRecord } from './backing.js';
import { JournaledBacking } from './journaled.js';
import { decodeHead, decodeRecord, encodeHead, encodeRecord } from './record.js';
import { RevisionStore } from './revision-store.js';
import { type Store, StoreError } from './store.js';

/** Raised when the layout changes, so that no earlier t8s overlooks what it does not know of. */
const formatVersion = 2;
/** The same tables, and no journal beside them. */
const formatWithoutJournal = 1;

/** Where LMDB's first meta page keeps its magic number, and what it is (the header of a page comes first). */
const magic = { offset: 24, value: 0xbeefc0de };

/** Opens or creates the store in this folder. Throws StoreError `corrupt` when what is there is not ours. */
export function openLmdbStore(folder: string): Store {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'data.mdb');
  checkMagic(path);
  try {
    return new RevisionStore(openBacking(folder, path), { answersFirst: true });
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw new StoreError('corrupt', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function openBacking(folder: string, path: string): Backing {
  const tables = new LmdbBacking(path);
  try {
    return new JournaledBacking(tables, [join(folder, 'journal.0'), join(folder, 'journal.1')]);
  } catch (error) {
    void tables.close();
    throw error;
  }
}

/** LMDB crashes the process on some files that are not its own, so they are refused before it sees them. */
function checkMagic(path: string): void {
  if (!existsSync(path)) return;
  const file = openSync(path, 'r');
  try {
    const page = Buffer.alloc(magic.offset + 4);
    const length = readSync(file, page, 0, page.length, 0);
    if (length === 0) return; // created, and killed before the first page was written
    if (length < page.length || page.readUInt32LE(magic.offset) !== magic.value) {
      throw new StoreError('corrupt', `${path} is not an LMDB file`);
    }
  } finally {
    closeSync(file);
  }
}

class LmdbBacking implements Backing {
  revision = 1;
  compacted = 0;
  readonly #root: RootDatabase<Buffer, string>;
  readonly #heads: Database<Buffer, string>;
  readonly #log: Database<Buffer, number>;
  readonly #state: Database<Buffer, string>;

  constructor(path: string) {
    // Without overlappingSync the promise of a transaction resolves after its fsync, which is what we promise.
    this.#root = open({ path, encoding: 'binary', overlappingSync: false, noMemInit: true, maxDbs: 3 });
    this.#heads = this.#root.openDB('heads', { encoding: 'binary' });
    this.#log = this.#root.openDB('log', { encoding: 'binary' });
    this.#state = this.#root.openDB('state', { encoding: 'binary' });
    const stored = this.#state.getBinary('state');
    const version = stored?.readUInt32LE(0) ?? formatWithoutJournal;
    if (version !== formatVersion && version !== formatWithoutJournal) {
      throw new StoreError('corrupt', `${path} has format ${version}, and this t8s reads format ${formatVersion}`);
    }
    if (stored) {
      this.revision = stored.readDoubleLE(4);
      this.compacted = stored.readDoubleLE(12);
    }
    // Before there is anything in a journal.
    if (version !== formatVersion) this.#state.putSync('state', encodeState(this));
  }

  head(key: string): Head | undefined {
    const bytes = this.#heads.getBinary(key);
    return bytes && decodeHead(bytes);
  }

  *heads(prefix: string, after?: string): Iterable<{ key: string; head: Head }> {
    for (const { key, value } of this.#heads.getRange({ start: after ?? prefix, end: endOf(prefix) })) {
      if (key === after) continue;
      yield { key, head: decodeHead(value) };
    }
  }

  record(revision: number): LogRecord | undefined {
    const bytes = this.#log.getBinary(revision);
    return bytes && decodeRecord(revision, bytes);
  }

  *records(after: number): Iterable<LogRecord> {
    for (const { key, value } of this.#log.getRange({ start: after + 1 })) yield decodeRecord(key, value);
  }

  async commit({ revision, compacted, records, heads, dropped }: Changes): Promise<void> {
    // A batch is one transaction that the writing thread makes by itself; one with a callback comes back here first.
    await this.#root.batch(() => {
      for (const record of records) this.#log.put(record.revision, encodeRecord(record));
      for (const one of dropped) this.#log.remove(one);
      for (const { key, head } of heads) {
        if (head) this.#heads.put(key, encodeHead(head));
        else this.#heads.remove(key);
      }
      this.#state.put('state', encodeState({ revision, compacted }));
    });
    this.revision = revision;
    this.compacted = compacted;
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

/** The first string after all that start with the prefix. */
function endOf(prefix: string): string | undefined {
  if (prefix === '') return undefined;
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

function encodeState({ revision, compacted }: { revision: number; compacted: number }): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE(formatVersion, 0);
  bytes.writeDoubleLE(revision, 4);
  bytes.writeDoubleLE(compacted, 12);
  return bytes;
}
