/** One specification for every driver of the store. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { open as openLmdb } from 'lmdb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JournaledBacking } from './journaled.js';
import { openLmdbStore } from './lmdb.js';
import { MemoryBacking, openMemoryStore } from './memory.js';
import { RevisionStore, valueBytesMax } from './revision-store.js';
import type { Entry, Event, Store } from './store.js';
import { watcherEventsMax } from './watchers.js';

const folders: string[] = [];
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 't8s-store-'));
  folders.push(folder);
  return folder;
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Whose files are full all the time. */
function openSmallJournal(): Store {
  const folder = temporaryFolder();
  const paths = [join(folder, '0'), join(folder, '1')] as const;
  return new RevisionStore(new JournaledBacking(new MemoryBacking(), paths, { fileBytesMax: 200 }));
}

const bytes = (text: string) => Buffer.from(text);
const text = (entry: Entry | undefined) => entry && Buffer.from(entry.value).toString();

describe.each([
  { driver: 'memory', open: () => openMemoryStore() },
  { driver: 'lmdb', open: () => openLmdbStore(temporaryFolder()) },
  { driver: 'journaled', open: openSmallJournal },
])('the $driver store', ({ open }) => {
  let store: Store;
  let watching: AbortController;

  beforeEach(() => {
    store = open();
    watching = new AbortController();
  });
  afterEach(async () => {
    watching.abort();
    await store.close();
  });

  async function put(key: string, value: string, expected = 0): Promise<number> {
    const written = await store.put(key, bytes(value), expected);
    if (!written.ok) throw new Error(`${key} was not at ${expected} but at ${written.current?.modified}`);
    return written.revision;
  }

  async function take(events: AsyncIterable<Event[]>, count: number): Promise<string[]> {
    const seen: string[] = [];
    for await (const batch of events) {
      for (const { type, entry, previous } of batch) {
        seen.push(`${type} ${entry.key}@${entry.modified} ${text(entry)} was ${text(previous)}`);
      }
      if (seen.length >= count) break;
    }
    return seen;
  }

  test('starts at revision 1 and counts each write that takes effect', async () => {
    expect(await store.revision()).toBe(1);
    expect(await put('/a', 'one')).toBe(2);
    expect(await store.put('/a', bytes('two'), 0)).toMatchObject({ ok: false, current: { key: '/a', modified: 2 } });
    expect(await store.revision()).toBe(2);
    expect(await store.get('/a')).toMatchObject({ key: '/a', created: 2, modified: 2 });
  });

  test('updates and deletes only at the expected revision, and begins a new life after a deletion', async () => {
    await put('/a', 'one');
    await put('/a', 'two', 2);
    expect(await store.get('/a')).toMatchObject({ created: 2, modified: 3 });
    expect(await store.delete('/a', 2)).toMatchObject({ ok: false, current: { modified: 3 } });
    expect(await store.delete('/a', 3)).toEqual({ ok: true, revision: 4 });
    expect(await store.get('/a')).toBeUndefined();
    expect(await store.delete('/a', 0)).toEqual({ ok: false, current: undefined });
    await put('/a', 'three');
    expect(await store.get('/a')).toMatchObject({ created: 5, modified: 5 });
  });

  test('of many writes at once to one key exactly one wins, and losers see the winner', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => store.put('/a', bytes(`${i}`), 0)));
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    for (const result of results) if (!result.ok) expect(result.current?.modified).toBe(2);
  });

  test('ranges in key order, in pages that agree with one revision', async () => {
    for (const key of ['/p/b', '/p/a', '/q/x', '/p/d', '/p/c']) await put(key, key);
    const first = await store.range('/p/', { limit: 2 });
    expect(first.entries.map(({ key }) => key)).toEqual(['/p/a', '/p/b']);
    expect(first).toMatchObject({ revision: 6, remaining: 2 });
    await put('/p/bb', 'new');
    await put('/p/c', 'changed', 6);
    expect(await store.delete('/p/d', 5)).toMatchObject({ ok: true });
    const next = await store.range('/p/', { after: '/p/b', limit: 2, revision: first.revision });
    expect(next.entries.map(text)).toEqual(['/p/c', '/p/d']);
    expect(next.remaining).toBe(0);
  });

  test('reads the past until it is compacted, and never the future', async () => {
    await put('/a', 'one');
    await put('/a', 'two', 2);
    await put('/b', 'other');
    await store.delete('/a', 3);
    expect(text(await store.get('/a', { revision: 2 }))).toBe('one');
    expect(text(await store.get('/a', { revision: 4 }))).toBe('two');
    await store.compact(4);
    await expect(store.get('/a', { revision: 3 })).rejects.toMatchObject({ reason: 'compacted' });
    expect(text(await store.get('/a', { revision: 4 }))).toBe('two');
    await expect(store.range('/', { revision: 9 })).rejects.toMatchObject({ reason: 'future' });
    expect(() => store.watch('/', { since: 3, signal: watching.signal })).toThrow(
      expect.objectContaining({ reason: 'compacted' }),
    );
  });

  test('watches from the past into the present, without a gap and under its prefix only', async () => {
    await put('/p/a', 'one');
    await put('/q/a', 'not seen');
    await put('/p/a', 'two', 2);
    const events = take(store.watch('/p/', { since: 2, signal: watching.signal }), 3);
    await put('/p/b', 'three');
    await store.delete('/p/a', 4);
    expect(await events).toEqual([
      'put /p/a@4 two was one',
      'put /p/b@5 three was undefined',
      'delete /p/a@6 two was two',
    ]);
  });

  test('ends a watch quietly when its signal aborts', async () => {
    const events = take(store.watch('/', { since: 1, signal: watching.signal }), 1);
    watching.abort();
    expect(await events).toEqual([]);
  });

  test('tells a watcher that does not read to list again, and keeps no more than the limit for it', async () => {
    const events = store.watch('/', { since: 1, signal: watching.signal })[Symbol.asyncIterator]();
    for (let round = 0; round < 3; round++) {
      const size = watcherEventsMax / 2;
      await Promise.all(Array.from({ length: size }, (_, i) => store.put(`/${round}/${i}`, bytes('x'), 0)));
    }
    await new Promise((resolve) => setImmediate(resolve)); // by then it has been told of all of them
    await expect(events.next()).rejects.toMatchObject({ reason: 'slow' });
  });

  test('tells a watch that starts right after a write of that write once, or not at all when it starts behind it', async () => {
    const early = take(store.watch('/', { since: 1, signal: watching.signal }), 3);
    const first = await put('/a', 'one');
    const from = take(store.watch('/', { since: 1, signal: watching.signal }), 3);
    const behind = take(store.watch('/', { since: first, signal: watching.signal }), 2);
    await put('/b', 'two');
    await put('/c', 'three');
    expect(await early).toEqual(await from);
    expect((await from).slice(1)).toEqual(await behind);
  });

  test('refuses a value over the limit', async () => {
    await expect(store.put('/big', Buffer.alloc(valueBytesMax + 1), 0)).rejects.toMatchObject({ reason: 'too large' });
    expect(await store.revision()).toBe(1);
  });

  test('refuses all work once closed', async () => {
    await store.close();
    await expect(store.get('/a')).rejects.toMatchObject({ reason: 'closed' });
    await expect(store.put('/a', bytes('x'), 0)).rejects.toMatchObject({ reason: 'closed' });
  });

  test('agrees with a plain model under random writes, reads of the past and compactions', async () => {
    const step = fc.record({
      key: fc.constantFrom('/a', '/b', '/ab'),
      act: fc.constantFrom('put', 'put', 'delete', 'compact'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const subject = open();
        const past: Map<string, string>[] = [];
        const now = new Map<string, { value: string; modified: number }>();
        let compacted = 0;
        for (const { key, act } of steps) {
          const revision = await subject.revision();
          const known = now.get(key);
          if (act === 'put') {
            await subject.put(key, bytes(`v${revision}`), known?.modified ?? 0);
            now.set(key, { value: `v${revision}`, modified: revision + 1 });
          } else if (act === 'delete') {
            await subject.delete(key, known?.modified ?? 0);
            now.delete(key);
          } else {
            compacted = Math.max(compacted, revision - 1);
            await subject.compact(revision - 1);
          }
          past[await subject.revision()] = new Map([...now].map(([name, { value }]) => [name, value]));
        }
        for (let revision = Math.max(compacted, 2); revision < past.length; revision++) {
          const { entries } = await subject.range('', { revision });
          expect(new Map(entries.map((entry) => [entry.key, text(entry)]))).toEqual(past[revision]);
        }
        await subject.close();
      }),
      { numRuns: 30 },
    );
  });
});

describe('the lmdb store on disk', () => {
  test('keeps everything across a restart: values, revisions, history and watches', async () => {
    const folder = temporaryFolder();
    const before = openLmdbStore(folder);
    await before.put('/a', bytes('one'), 0);
    await before.put('/a', bytes('two'), 2);
    await before.delete('/a', 3);
    await before.compact(2);
    await before.close();
    const after = openLmdbStore(folder);
    expect(await after.revision()).toBe(4);
    expect(text(await after.get('/a', { revision: 3 }))).toBe('two');
    await expect(after.get('/a', { revision: 1 })).rejects.toMatchObject({ reason: 'compacted' });
    const watching = new AbortController();
    for await (const events of after.watch('/', { since: 2, signal: watching.signal })) {
      expect(events.map(({ type, entry }) => `${type}@${entry.modified}`)).toEqual(['put@3', 'delete@4']);
      watching.abort();
    }
    await after.close();
  });

  test('refuses a file that is not its own instead of crashing, and leaves it as it was', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'data.mdb'), 'not a database, but long enough to be read as one');
    expect(() => openLmdbStore(folder)).toThrow(expect.objectContaining({ reason: 'corrupt' }));
    truncateSync(join(folder, 'data.mdb'), 3);
    expect(() => openLmdbStore(folder)).toThrow(expect.objectContaining({ reason: 'corrupt' }));
  });

  test('opens a store of the time before there was a journal, and keeps others of that time away', async () => {
    const folder = temporaryFolder();
    const store = openLmdbStore(folder);
    await store.put('/a', bytes('one'), 0);
    await store.close();
    const formatOf = async (change?: number) => {
      const root = openLmdb({ path: join(folder, 'data.mdb'), encoding: 'binary', maxDbs: 3 });
      const table = root.openDB<Buffer, string>('state', { encoding: 'binary' });
      const state = Buffer.from(table.getBinary('state')!);
      const format = state.readUInt32LE(0);
      if (change !== undefined) state.writeUInt32LE(change, 0);
      table.putSync('state', state);
      await root.close();
      return format;
    };
    expect(await formatOf(1)).toBe(2);
    const after = openLmdbStore(folder);
    expect(text(await after.get('/a'))).toBe('one');
    await after.close();
    expect(await formatOf(3)).toBe(2);
    expect(() => openLmdbStore(folder)).toThrow(/has format 3/);
  });

  test('commits the writes of many callers together', async () => {
    const store = openLmdbStore(temporaryFolder());
    const written = await Promise.all(Array.from({ length: 500 }, (_, i) => store.put(`/${i}`, bytes('x'), 0)));
    expect(written.every(({ ok }) => ok)).toBe(true);
    expect((await store.range('/')).entries).toHaveLength(500);
    await store.close();
  });
});
