/** What this machine allows, found by trying: capabilities can be listed and yet not hold, as in a user namespace. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** CRI gives every sandbox this score. */
const sandboxOomScoreAdj = -998;

/**
 * Whether processes started from here may be given the OOM score that sandboxes get. The kernel asks for
 * CAP_SYS_RESOURCE to go below the lowest score set so far (proc(5), oom_score_adj).
 */
export async function mayLowerOomScore(file = '/proc/self/oom_score_adj'): Promise<boolean> {
  const before = await readFile(file, 'utf8');
  try {
    await writeFile(file, String(sandboxOomScoreAdj));
  } catch (failure) {
    if (isErrno(failure, 'EACCES', 'EPERM')) return false;
    throw failure;
  }
  await writeFile(file, before.trim());
  return true;
}

/** Whether overlayfs works with its layers under `directory`: a file system may be unfit, or the kernel without it. */
export async function overlayWorks(directory: string): Promise<boolean> {
  await mkdir(directory, { recursive: true });
  const base = await mkdtemp(path.join(directory, 'overlay-check-'));
  try {
    const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => path.join(base, name));
    for (const each of [lower, upper, work, merged]) await mkdir(each!);
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    try {
      await run('mount', ['-t', 'overlay', 'overlay', '-o', options, merged!]);
    } catch {
      return false;
    }
    await run('umount', [merged!]);
    return true;
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

export function isErrno(failure: unknown, ...codes: string[]): boolean {
  return failure instanceof Error && codes.includes((failure as NodeJS.ErrnoException).code ?? '');
}
