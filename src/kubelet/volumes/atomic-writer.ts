/**
 * Replaces all files of a volume at once, so that a reader sees the old set or the new one: each set lives in a
 * directory of its own, `..data` is a symbolic link to the current one, and the visible names are links through it.
 */
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { KubeletError } from '../kubelet-error.js';
import type { Payload } from './payload.js';

const dataLink = '..data';
const newDataLink = '..data_tmp';

export interface WriteOptions {
  /** The name of this set's directory, `..2026_01_01_10_00_00.1234567`, new for every write. */
  version: string;
  /** Files belong to this group, and it may read them. */
  groupId?: number;
}

/** Gives whether anything changed. Throws KubeletError 'volume' for a path that leaves the volume. */
export async function writeAtomically(directory: string, payload: Payload, options: WriteOptions): Promise<boolean> {
  for (const path of payload.keys()) checkPath(path);
  const current = await readlink(join(directory, dataLink)).catch(ignoreMissing);
  if (current && (await holds(join(directory, current), payload))) return false;

  const target = join(directory, options.version);
  await mkdir(target, { mode: 0o755 });
  await chmod(target, 0o755);
  await Promise.all([...payload].map(([path, file]) => writeFileWithParents(target, { path, ...file }, options)));
  await rm(join(directory, newDataLink), { force: true });
  await symlink(options.version, join(directory, newDataLink));
  await rename(join(directory, newDataLink), join(directory, dataLink));
  await linkNames(directory, payload);
  if (current) await rm(join(directory, current), { recursive: true, force: true });
  return true;
}

function checkPath(path: string): void {
  const normal = posix.normalize(path);
  if (path === '' || posix.isAbsolute(path) || normal === '..' || normal.startsWith('../') || path.startsWith('..')) {
    throw new KubeletError('volume', `invalid path: ${path} must stay in the volume and must not start with '..'`);
  }
}

async function holds(directory: string, payload: Payload): Promise<boolean> {
  const files = await listFiles(directory);
  if (files.length !== payload.size) return false;
  for (const path of files) {
    const wanted = payload.get(path);
    if (!wanted || !(await readFile(join(directory, path))).equals(wanted.data)) return false;
  }
  return true;
}

async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(ignoreMissing);
  return (entries ?? [])
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.path, entry.name).slice(directory.length + 1));
}

async function writeFileWithParents(
  target: string,
  file: { path: string; data: Buffer; mode: number; uid?: number },
  { groupId }: WriteOptions,
): Promise<void> {
  const full = join(target, file.path);
  if (file.path.includes('/')) await mkdir(dirname(full), { recursive: true, mode: 0o755 });
  const mode = groupId === undefined ? file.mode : file.mode | 0o440;
  await writeFile(full, file.data, { mode });
  // The umask has had its say on the mode above.
  await chmod(full, mode);
  if (file.uid !== undefined || groupId !== undefined) await chown(full, file.uid ?? -1, groupId ?? -1);
}

/** One link for each first part of a path; those that nothing stands behind any more go. */
async function linkNames(directory: string, payload: Payload): Promise<void> {
  const names = new Set([...payload.keys()].map((path) => posix.normalize(path).split('/')[0]!));
  for (const entry of await readdir(directory)) {
    if (!entry.startsWith('..') && !names.has(entry))
      await rm(join(directory, entry), { recursive: true, force: true });
  }
  for (const name of names) {
    const link = join(directory, name);
    const there = await lstat(link).catch(ignoreMissing);
    if (!there) await symlink(join(dataLink, name), link);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
