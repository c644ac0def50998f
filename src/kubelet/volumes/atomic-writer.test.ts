import { mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeAtomically } from './atomic-writer.js';
import type { Payload } from './payload.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubelet-volume-'));
});

afterEach(() => rm(directory, { recursive: true }));

const payload = (files: Record<string, string>, mode = 0o644): Payload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode }]));

const read = (path: string) => readFile(join(directory, path), 'utf8');

test('files stand behind links, through one link that is swapped', async () => {
  expect(await writeAtomically(directory, payload({ a: '1', 'sub/b': '2' }, 0o400), { version: '..v1' })).toBe(true);
  expect(await read('a')).toBe('1');
  expect(await read('sub/b')).toBe('2');
  expect(await readlink(join(directory, '..data'))).toBe('..v1');
  expect(await readlink(join(directory, 'sub'))).toBe('..data/sub');
  expect((await stat(join(directory, 'a'))).mode & 0o777).toBe(0o400);

  expect(await writeAtomically(directory, payload({ a: '9', c: '3' }), { version: '..v2' })).toBe(true);
  expect(await read('a')).toBe('9');
  expect((await readdir(directory)).sort()).toEqual(['..data', '..v2', 'a', 'c']);
});

test('the same content is not written again', async () => {
  await writeAtomically(directory, payload({ a: '1' }), { version: '..v1' });
  expect(await writeAtomically(directory, payload({ a: '1' }), { version: '..v2' })).toBe(false);
  expect(await readlink(join(directory, '..data'))).toBe('..v1');
});

test.each(['../x', '/x', 'a/../../x', '..x', ''])('%j does not stay in the volume', async (path) => {
  await expect(writeAtomically(directory, payload({ [path]: '1' }), { version: '..v1' })).rejects.toMatchObject({
    reason: 'volume',
  });
});
