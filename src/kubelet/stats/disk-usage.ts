/** What files take on disk: a whole file system, or what lies below a directory. */
import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { deviceName } from './device-usage.js';
import type { FilesystemUsage } from './usage.js';

type Room = Required<Pick<FilesystemUsage, 'availableBytes' | 'capacityBytes' | 'inodes' | 'inodesFree'>>;

/** The file system that has the path; used is what all have of it. undefined: there is no such path (any more). */
export async function filesystemUsage(path: string, nowMs: number): Promise<(FilesystemUsage & Room) | undefined> {
  const [found, entry] = await Promise.all([statfs(path).catch(missing), lstat(path).catch(missing)]);
  if (!found || !entry) return undefined;
  const { bsize, blocks, bfree, bavail, files, ffree } = found;
  return {
    atMs: nowMs,
    device: await deviceName(deviceNumber(entry.dev)),
    usedBytes: (blocks - bfree) * bsize,
    inodesUsed: files - ffree,
    availableBytes: bavail * bsize,
    capacityBytes: blocks * bsize,
    inodes: files,
    inodesFree: ffree,
  };
}

/** The same, but used is what lies below the directory, on this file system. */
export async function directoryUsage(path: string, nowMs: number): Promise<FilesystemUsage | undefined> {
  const room = await filesystemUsage(path, nowMs);
  if (!room) return undefined;
  return { ...room, ...(await below(path)) };
}

/** As du counts: blocks, a file of several names once. One directory after another, so that a large one starves nobody. */
async function below(root: string): Promise<{ usedBytes: number; inodesUsed: number }> {
  const seen = new Set<bigint>();
  let usedBytes = 0;
  const device = (await lstat(root, { bigint: true }).catch(missing))?.dev;
  const waiting = [root];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    const names = (await readdir(directory).catch(missing)) ?? [];
    const paths = names.map((name) => join(directory, name));
    for (const path of directory === root ? [root, ...paths] : paths) {
      const found = await lstat(path, { bigint: true }).catch(missing);
      if (!found || found.dev !== device || seen.has(found.ino)) continue;
      seen.add(found.ino);
      usedBytes += Number(found.blocks) * 512;
      if (path !== root && found.isDirectory()) waiting.push(path);
    }
  }
  return { usedBytes, inodesUsed: seen.size };
}

/** makedev(3): major and minor stand in each other's gaps. */
function deviceNumber(device: number): string {
  return `${(device >> 8) & 0xfff}:${(device & 0xff) | ((device >> 12) & 0xfff00)}`;
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
  return undefined;
}
