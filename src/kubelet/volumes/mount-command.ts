/** Mounting through mount(8) and umount(8), since Node has no call for it, and what is mounted. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { KubeletError, textOf } from '../kubelet-error.js';

const run = promisify(execFile);

/** Throws KubeletError 'volume' with the command's own words. */
export async function mount(args: readonly string[]): Promise<void> {
  await command('mount', args);
}

/** Lazily: a mount that a process still holds goes away when it lets go. What is not mounted is no error. */
export async function unmount(path: string): Promise<void> {
  if ((await mountPoints(path)).includes(path)) await command('umount', ['-l', path]);
}

/** At or below `path`, the deepest first. */
export async function mountPoints(path: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const points = table.split('\n').flatMap((line) => {
    const point = line
      .split(' ')[4]
      ?.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
    return point === path || point?.startsWith(`${path}/`) ? [point] : [];
  });
  return points.sort((a, b) => b.length - a.length);
}

async function command(name: string, args: readonly string[]): Promise<void> {
  try {
    await run(name, args);
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new KubeletError('volume', `${name} ${args.join(' ')}: ${stderr?.trim() || textOf(error)}`, { cause: error });
  }
}
