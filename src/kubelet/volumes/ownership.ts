/** Gives a volume to the pod's fsGroup. https://kubernetes.io/docs/tasks/configure-pod-container/security-context/ */
import { chmod, lchown, lstat, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';

const setGroupId = 0o2000;
const groupReadWrite = 0o660;
const groupSearch = 0o110;

/** `onRootMismatch`: only when the root of the volume does not look right already. */
export async function giveToGroup(
  directory: string,
  { groupId, onRootMismatch }: { groupId: number; onRootMismatch: boolean },
): Promise<void> {
  // The volume may be named by a link; those within it are left alone.
  const root = await realpath(directory);
  if (onRootMismatch) {
    const { gid, mode } = await lstat(root);
    const wanted = setGroupId | groupReadWrite | groupSearch;
    if (gid === groupId && (mode & wanted) === wanted) return;
  }
  await give(root, groupId);
}

async function give(path: string, groupId: number): Promise<void> {
  const stats = await lstat(path);
  await lchown(path, stats.uid, groupId);
  // A link's own mode means nothing, and chmod would follow it out of the volume.
  if (stats.isSymbolicLink()) return;
  const mode = stats.mode & 0o7777;
  if (!stats.isDirectory()) {
    await chmod(path, mode | groupReadWrite);
    return;
  }
  await chmod(path, mode | groupReadWrite | groupSearch | setGroupId);
  for (const entry of await readdir(path)) await give(join(path, entry), groupId);
}
