import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { setUpEmptyDir } from './empty-dir.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'empty-dir-'));
});
afterAll(() => rm(root, { recursive: true }));

test('it is open to all at first, and then as its pod has made it, however often it is set up', async () => {
  const directory = join(root, 'volumes', 'data');
  const setUp = () => setUpEmptyDir(directory, {}, { memoryLimitBytes: 0 });
  const mode = async () => (await stat(directory)).mode & 0o7777;
  expect(await setUp()).toBe(true);
  expect(await mode()).toBe(0o777);
  await chmod(directory, 0o700);
  expect(await setUp()).toBe(false);
  expect(await mode()).toBe(0o700);
  expect(await readdir(join(root, 'volumes'))).toEqual(['data']);
});
