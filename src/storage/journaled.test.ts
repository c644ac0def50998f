/** What is found again after the process has ended at any moment, and what becomes of writes that a disk refuses. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Changes } from './backing.js';
import { JournaledBacking } from './journaled.js';
import { MemoryBacking } from './memory.js';
import { RevisionStore } from './revision-store.js';

let folder: string;
let paths: [string, string];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 't8s-journal-'));
  paths = [join(folder, '0'), join(folder, '1')];
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (medium: MemoryBacking, fileBytesMax?: number) =>
  new RevisionStore(new JournaledBacking(medium, paths, fileBytesMax === undefined ? {} : { fileBytesMax }));
const immediate = () => new Promise((resolve) => setImmediate(resolve));

async function contents(store: RevisionStore): Promise<Record<string, string>> {
  const { entries } = await store.range('');
  return Object.fromEntries(entries.map(({ key, value }) => [key, Buffer.from(value).toString()]));
}

/** A medium on which nothing more can be written, until it can. */
class FullMedium extends MemoryBacking {
  isFull = true;

  override async commit(changes: Changes): Promise<void> {
    if (this.isFull) throw new Error('ENOSPC: no space left on device');
    await super.commit(changes);
  }
}

test('cut off anywhere, the journal gives all that was written whole before, and goes on from there', async () => {
  const store = open(new MemoryBacking());
  const ends = [0];
  const sizes = () => readFileSync(paths[0]).findLastIndex((byte) => byte !== 0) + 1;
  for (let index = 0; index < 4; index++) {
    await store.put(`/${index}`, Buffer.from(`value ${index}`), 0);
    ends.push(sizes());
  }
  const whole = readFileSync(paths[0]);
  for (let cut = 0; cut <= ends.at(-1)!; cut += 3) {
    const torn = Buffer.from(whole);
    torn.fill(0, cut);
    writeFileSync(paths[0], cut % 2 ? torn : torn.subarray(0, cut));
    const after = open(new MemoryBacking());
    const kept = ends.findLastIndex((end) => end <= cut);
    expect(Object.keys(await contents(after))).toHaveLength(kept);
    expect(await after.revision()).toBe(1 + kept);
    await after.put('/new', Buffer.from('new'), 0);
    expect(await contents(open(new MemoryBacking()))).toEqual(await contents(after));
  }
});

test('a damaged record with whole ones after it is an error, not an end', async () => {
  const store = open(new MemoryBacking());
  for (const key of ['/a', '/b', '/c']) await store.put(key, Buffer.from('value'), 0);
  const whole = readFileSync(paths[0]);
  const damaged = Buffer.from(whole);
  damaged[whole.indexOf('/b')]! ^= 1;
  writeFileSync(paths[0], damaged);
  expect(() => open(new MemoryBacking())).toThrow(expect.objectContaining({ reason: 'corrupt' }));
  writeFileSync(paths[0], 'something else altogether');
  expect(() => open(new MemoryBacking())).toThrow(/is not a journal/);
});

test('what is left of an earlier use is no damage, since the tables have it', async () => {
  const medium = new MemoryBacking();
  const store = open(medium);
  for (const key of ['/a', '/b', '/c']) await store.put(key, Buffer.from('value'), 0);
  const before = readFileSync(paths[0]);
  await store.close();
  // As when a loss of power spares the old header and the end of the first new frame, and takes what is between.
  const torn = Buffer.from(before);
  torn[before.indexOf('/a')]! ^= 1;
  writeFileSync(paths[0], torn);
  const again = open(medium);
  expect(Object.keys(await contents(again))).toEqual(['/a', '/b', '/c']);
  await again.put('/d', Buffer.from('value'), 0);
  expect(Object.keys(await contents(open(medium)))).toEqual(['/a', '/b', '/c', '/d']);
});

test('a journal that does not follow on the tables is an error', async () => {
  const medium = new MemoryBacking();
  const store = open(medium, 64);
  for (let index = 0; index < 10; index++) await store.put(`/${index}`, Buffer.from('x'.repeat(100)), 0);
  await immediate();
  expect(medium.revision).toBeGreaterThan(5);
  expect(() => open(new MemoryBacking())).toThrow(/the journal goes on with revision/);
});

test('bytes in an object that look like a record are none, wherever the journal is torn', async () => {
  const first = open(new MemoryBacking());
  await first.put('/real', Buffer.from('x'), 0);
  const frame = readFileSync(paths[0]).subarray(16, 80);
  for (const path of paths) rmSync(path);
  const store = open(new MemoryBacking());
  await store.put('/forger', Buffer.concat(Array(100).fill(frame)), 0);
  const torn = readFileSync(paths[0]);
  // The frame that holds them is cut to where one of them begins.
  torn.writeUInt32LE(torn.indexOf(frame, 40) - 24, 16);
  writeFileSync(paths[0], torn);
  expect(await contents(open(new MemoryBacking()))).toEqual({});
});

test('after a kill at any point nothing acknowledged is gone, and nothing deleted is back', async () => {
  const act = fc.record({
    key: fc.constantFrom('/a', '/b', '/c', '/d'),
    act: fc.constantFrom('put', 'put', 'put', 'delete', 'kill', 'compact', 'close'),
    length: fc.nat(120),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
      for (const path of paths) rmSync(path, { force: true });
      const medium = new MemoryBacking();
      const expected: Record<string, string> = {};
      let store = open(medium, 300);
      for (const { key, act, length } of acts) {
        const modified = (await store.get(key))?.modified ?? 0;
        if (act === 'put') {
          expected[key] = `${modified}`.padEnd(length);
          await store.put(key, Buffer.from(expected[key]), modified);
        } else if (act === 'delete') {
          delete expected[key];
          await store.delete(key, modified);
        } else if (act === 'compact') {
          await store.compact(await store.revision());
        } else {
          const revision = await store.revision();
          if (act === 'close') await store.close();
          else await immediate(); // what the killed one had given to the medium
          store = open(medium, 300);
          expect(await store.revision()).toBe(revision);
        }
        expect(await contents(store)).toEqual(expected);
      }
      await store.close();
    }),
    { numRuns: 60 },
  );
});

test('writes go on while the tables take nothing, until the journal is full, and again once they do', async () => {
  const medium = new FullMedium();
  const store = open(medium, 1000);
  let written = 0;
  const failure = await (async () => {
    for (; ; written++) await store.put(`/${written}`, Buffer.alloc(100), 0);
  })().catch((error: unknown) => error);
  expect(failure).toMatchObject({ reason: 'write failed', message: expect.stringContaining('ENOSPC') });
  expect(written).toBeGreaterThan(10);
  expect(Object.keys(await contents(open(medium, 1000)))).toHaveLength(written);
  medium.isFull = false;
  await store.put('/after', Buffer.from('x'), 0);
  await store.close();
  expect(medium.revision).toBe(written + 2);
});

test('a disk that takes nothing fails the write with its own words, and leaves no trace of it', async () => {
  const store = new RevisionStore(new JournaledBacking(new MemoryBacking(), ['/dev/full', paths[1]]));
  const written = store.put('/a', Buffer.from('x'), 0);
  await expect(written).rejects.toMatchObject({ reason: 'write failed', message: expect.stringContaining('ENOSPC') });
  expect(await store.revision()).toBe(1);
  expect(await store.get('/a')).toBeUndefined();
  copyFileSync(paths[1], join(folder, 'copy'));
  expect(readFileSync(join(folder, 'copy'))).toHaveLength(0);
});
