import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readInside } from './sub-path.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 't8s-sub-path-'));
  const volume = join(root, 'volume');
  await mkdir(join(volume, 'deep'), { recursive: true });
  await writeFile(join(volume, 'deep', 'file'), 'text');
  await writeFile(join(volume, 'long'), 'x'.repeat(100));
  await writeFile(join(root, 'outside'), 'secret');
  await symlink('deep/file', join(volume, 'link'));
  await symlink('../outside', join(volume, 'out'));
  await symlink(root, join(volume, 'up'));
  execFileSync('mkfifo', [join(volume, 'pipe')]);
});
afterAll(() => rm(root, { recursive: true }));

test.each(['deep/file', './deep//file', 'link'])('%s of a volume is read', async (path) => {
  expect(await readInside(join(root, 'volume'), path, { bytesMax: 10 })).toBe('text');
});

test.each([
  ['out', 'not within volume path'],
  ['up/outside', 'not within volume path'],
  ['../outside', 'not within volume path'],
  ['pipe', '"pipe" is not a file'],
  ['deep', '"deep" is not a file'],
  ['long', 'has more than 10 bytes'],
  ['none', 'ENOENT'],
])('%s is not', async (path, why) => {
  await expect(readInside(join(root, 'volume'), path, { bytesMax: 10 })).rejects.toThrow(why);
});
