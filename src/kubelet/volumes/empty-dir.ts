/** emptyDir volumes: a directory that lives as long as the pod, on disk or in memory. */
import { chmod, lstat, mkdir, rename } from 'node:fs/promises';
import type { EmptyDirVolumeSource } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { KubeletError } from '../kubelet-error.js';
import { mount, mountPoints } from './mount-command.js';

/**
 * Safe to call again: what is there stays as its pod has made it, its mode too. Gives whether it was made just now.
 * Throws KubeletError 'volume' for a medium that we do not have.
 */
export async function setUpEmptyDir(
  directory: string,
  { medium = '', sizeLimit }: EmptyDirVolumeSource,
  { memoryLimitBytes }: { memoryLimitBytes: number },
): Promise<boolean> {
  if (medium !== '' && medium !== 'Memory') {
    throw new KubeletError('volume', `emptyDir medium "${medium}" is not supported on this node`);
  }
  const isNew = await makeOpenDirectory(directory);
  if (medium !== 'Memory' || (await mountPoints(directory)).includes(directory)) return isNew;
  const limits = [Quantity.tryParse(sizeLimit)?.unitsNumber() ?? 0, memoryLimitBytes].filter((bytes) => bytes > 0);
  const size = limits.length > 0 ? ['-o', `size=${Math.min(...limits)}`] : [];
  // Its own mode is 1777: whoever may write everywhere in it may not remove what others have written.
  await mount(['-t', 'tmpfs', ...size, 'tmpfs', directory]);
  return true;
}

/** For everybody to write into. It gets its name last, so that one that is there has its mode, whenever we were killed. */
async function makeOpenDirectory(directory: string): Promise<boolean> {
  if (await exists(directory)) return false;
  const unnamed = `${directory}~`;
  await mkdir(unnamed, { recursive: true });
  await chmod(unnamed, 0o777);
  await rename(unnamed, directory);
  return true;
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
