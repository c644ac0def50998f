/** hostPath volumes: a path of the node, checked or made as its type asks. */

import type { Stats } from 'node:fs';
import { chmod, mkdir, open, stat } from 'node:fs/promises';
import type { HostPathVolumeSource } from '#api/gen/core-v1.js';
import { KubeletError } from '../kubelet-error.js';

const checks: Record<string, { is: (stats: Stats) => boolean; name: string }> = {
  Directory: { is: (stats) => stats.isDirectory(), name: 'directory' },
  DirectoryOrCreate: { is: (stats) => stats.isDirectory(), name: 'directory' },
  File: { is: (stats) => stats.isFile(), name: 'file' },
  FileOrCreate: { is: (stats) => stats.isFile(), name: 'file' },
  Socket: { is: (stats) => stats.isSocket(), name: 'socket file' },
  CharDevice: { is: (stats) => stats.isCharacterDevice(), name: 'character device' },
  BlockDevice: { is: (stats) => stats.isBlockDevice(), name: 'block device' },
};

/** Throws KubeletError 'volume' when the path is not what the type says. */
export async function setUpHostPath({ path, type = '' }: HostPathVolumeSource): Promise<void> {
  const check = checks[type];
  if (!check) return;
  if (type.endsWith('OrCreate')) await create(path, type);
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (!stats || !check.is(stats)) {
    throw new KubeletError('volume', `hostPath type check failed: ${path} is not a ${check.name}`);
  }
}

async function create(path: string, type: string): Promise<void> {
  if (type === 'DirectoryOrCreate') {
    const made = await mkdir(path, { recursive: true });
    if (made) await chmod(path, 0o755);
    return;
  }
  try {
    await (await open(path, 'wx', 0o644)).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
