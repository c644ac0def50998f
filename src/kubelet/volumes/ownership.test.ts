import { lstat, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { giveToGroup } from './ownership.js';

test('a volume that is named by a link is given with what is in it, and what a link within it leads to is not', async () => {
  const root = await mkdtemp(join(tmpdir(), 'ownership-'));
  try {
    const [volume, named, outside] = [join(root, 'volume'), join(root, 'named'), join(root, 'outside')];
    await mkdir(volume, { mode: 0o700 });
    await symlink(volume, named);
    await writeFile(outside, '', { mode: 0o600 });
    await writeFile(join(volume, 'file'), '', { mode: 0o600 });
    await symlink(outside, join(volume, 'link'));
    // Our own group: any other is for root alone to give.
    const groupId = (await lstat(root)).gid;
    await giveToGroup(named, { groupId, onRootMismatch: false });
    const modes = await Promise.all(
      [volume, join(volume, 'file'), outside].map(async (path) => (await lstat(path)).mode),
    );
    expect(modes.map((mode) => (mode & 0o7777).toString(8))).toEqual(['2770', '660', '600']);
  } finally {
    await rm(root, { recursive: true });
  }
});
