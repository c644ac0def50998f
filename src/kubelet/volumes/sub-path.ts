/**
 * subPath without being led astray: a container can plant symbolic links in its volume, so the path is walked one
 * directory at a time through open descriptors, and what was reached is bind-mounted by its descriptor.
 */
import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, realpath } from 'node:fs/promises';
import { dirname, join, posix, relative } from 'node:path';
import { KubeletError } from '../kubelet-error.js';
import { mount, mountPoints } from './mount-command.js';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
/** Not in Node's constants: opens a place in the tree, of any type, without opening the file (open(2)). */
const O_PATH = 0o10000000;

export interface SubPathInput {
  volume: string;
  subPath: string;
  /** Where to bind it; made when it is not there. */
  target: string;
  /** Whether what is missing of the path is made. */
  create: boolean;
}

/** Safe to call again. Throws KubeletError 'volume' when the path leaves the volume. */
export async function bindSubPath({ volume, subPath, target, create }: SubPathInput): Promise<void> {
  const normal = posix.normalize(subPath);
  if (posix.isAbsolute(subPath) || normal === '..' || normal.startsWith('../')) {
    throw new KubeletError('volume', `subPath "${subPath}" must be within the volume path`);
  }
  if ((await mountPoints(target)).includes(target)) return;
  const root = await realpath(volume);
  const inside = await resolveInside(root, normal);
  const handle = await openInside(root, inside, { create });
  try {
    const isDirectory = (await handle.stat()).isDirectory();
    await mkdir(isDirectory ? target : dirname(target), { recursive: true });
    if (!isDirectory) await (await open(target, 'a')).close();
    // mount(8) is another process, and reaches our descriptor through /proc.
    await mount(['--bind', `/proc/${process.pid}/fd/${handle.fd}`, target]);
  } finally {
    await handle.close();
  }
}

/** A file that a container has written. Throws for what is no file, is longer, or leaves the volume. */
export async function readInside(volume: string, path: string, { bytesMax }: { bytesMax: number }): Promise<string> {
  const root = await realpath(volume);
  const place = await openInside(root, await resolveInside(root, posix.normalize(path)), { create: false });
  try {
    const stat = await place.stat();
    // A pipe would be read for ever.
    if (!stat.isFile()) throw new KubeletError('volume', `"${path}" is not a file`);
    if (stat.size > bytesMax) throw new KubeletError('volume', `"${path}" has more than ${bytesMax} bytes`);
    const file = await open(`/proc/self/fd/${place.fd}`, O_RDONLY);
    try {
      // No further than it reached, however fast it grows.
      const { buffer, bytesRead } = await file.read(Buffer.alloc(stat.size), 0, stat.size, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } finally {
    await place.close();
  }
}

/** The path with links resolved, as far as it exists. */
async function resolveInside(root: string, path: string): Promise<string> {
  const missing: string[] = [];
  for (let at = join(root, path); ; at = dirname(at)) {
    try {
      const real = await realpath(at);
      const inside = relative(root, real);
      if (inside === '..' || inside.startsWith('../')) {
        throw new KubeletError('volume', `subpath "${path}" not within volume path "${root}"`);
      }
      return join(inside, ...missing);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      missing.unshift(posix.basename(at));
    }
  }
}

/**
 * No link is followed on the way: whoever swaps a directory for one meanwhile gets an error. What is made has the mode of
 * the volume, so whoever may write into the one may write into the other.
 */
async function openInside(root: string, path: string, { create }: { create: boolean }): Promise<FileHandle> {
  let handle = await open(root, O_DIRECTORY | O_RDONLY);
  const mode = create ? (await handle.stat()).mode & 0o7777 : undefined;
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of parts) {
    const next = `/proc/self/fd/${handle.fd}/${part}`;
    try {
      const opened = await openOrMake(next, mode);
      await handle.close();
      handle = opened;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }
  return handle;
}

async function openOrMake(path: string, mode: number | undefined): Promise<FileHandle> {
  const flags = O_PATH | O_NOFOLLOW;
  try {
    return await refuseLink(await open(path, flags));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || mode === undefined) throw error;
    await mkdir(path, { mode: 0o700 });
    const made = await refuseLink(await open(path, flags));
    // By its descriptor, and past the umask, which also keeps mkdir from setting the bits beyond 0777.
    try {
      await chmod(`/proc/self/fd/${made.fd}`, mode);
    } catch (failure) {
      await made.close();
      throw failure;
    }
    return made;
  }
}

/** With O_PATH, O_NOFOLLOW gives a handle on the link itself. */
async function refuseLink(handle: FileHandle): Promise<FileHandle> {
  if (!(await handle.stat()).isSymbolicLink()) return handle;
  await handle.close();
  throw new KubeletError('volume', 'subpath changed into a symbolic link while it was being mounted');
}
