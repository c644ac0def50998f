/** emptyDir volumes: a directory that lives as long as the pod, on disk or in memory. */
import { chmod, mkdir } from 'node:fs/promises';
import type { EmptyDirVolumeSource } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { KubeletError } from '../kubelet-error.js';
import { mount, mountPoints } from './mount-command.js';

/** Safe to call again: what is mounted stays. Throws KubeletError 'volume' for a medium that we do not have. */
export async function setUpEmptyDir(
  directory: string,
  { medium = '', sizeLimit }: EmptyDirVolumeSource,
  { memoryLimitBytes }: { memoryLimitBytes: number },
): Promise<void> {
  if (medium !== '' && medium !== 'Memory') {
    throw new KubeletError('volume', `emptyDir medium "${medium}" is not supported on this node`);
  }
  await mkdir(directory, { recursive: true });
  if (medium === 'Memory' && !(await mountPoints(directory)).includes(directory)) {
    const limits = [Quantity.tryParse(sizeLimit)?.unitsNumber() ?? 0, memoryLimitBytes].filter((bytes) => bytes > 0);
    const size = limits.length > 0 ? ['-o', `size=${Math.min(...limits)}`] : [];
    await mount(['-t', 'tmpfs', ...size, 'tmpfs', directory]);
  }
  await chmod(directory, 0o777);
}
