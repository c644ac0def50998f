/** Keeps container logs from filling the disk: at 10 MiB a log is renamed, the runtime opens a new one, old ones are packed. */
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Pod } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import type { NodeContext } from './node-context.js';
import { podLogDirectory } from './paths.js';
import type { Runtime } from './runtime/runtime.js';

const logBytesMax = 10 * 1024 * 1024;
/** The current one among them. */
const logFilesMax = 5;

const checkMs = 10_000;

/** Looks at the logs of what runs, every ten seconds until the signal aborts. */
export async function rotateLogs(
  { clock, log, runtime, paths, states }: Pick<NodeContext, 'clock' | 'log' | 'runtime' | 'paths' | 'states'>,
  pods: () => readonly Pod[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(checkMs, signal).catch(() => {}); // only an abort rejects, and it ends the loop
    for (const pod of signal.aborted ? [] : pods()) {
      const running = states.of(pod.metadata.uid!).containers.filter(({ state }) => state === 'running');
      for (const { id: containerId, logPath } of running) {
        const path = resolve(podLogDirectory(paths, pod), logPath);
        await rotateIfLarge({ path, containerId }, { runtime, clock }).catch((err) =>
          log.warn('log could not be rotated', { path, err }),
        );
      }
    }
  }
}

/** Gives whether the log was rotated. Throws RuntimeError when the runtime does not open a new one; the old name is back then. */
export async function rotateIfLarge(
  { path, containerId }: { path: string; containerId: string },
  { runtime, clock, bytesMax = logBytesMax }: { runtime: Runtime; clock: Clock; bytesMax?: number },
): Promise<boolean> {
  const size = await stat(path).then(
    (stats) => stats.size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return 0;
      throw error;
    },
  );
  if (size < bytesMax) return false;
  await packOld(path);
  const stamp = new Date(clock.now()).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  const rotated = `${path}.${stamp}`;
  await rename(path, rotated);
  try {
    await runtime.reopenLog(containerId);
  } catch (error) {
    await rename(rotated, path);
    throw error;
  }
  return true;
}

/** Makes room for one more rotated file, and packs all but the one to come, which a reader may still hold. */
async function packOld(path: string): Promise<void> {
  const directory = dirname(path);
  const prefix = `${basename(path)}.`;
  const names = (await readdir(directory)).filter((name) => name.startsWith(prefix)).sort();
  const partial = names.filter((name) => name.endsWith('.tmp'));
  const old = names.filter((name) => !name.endsWith('.tmp'));
  const surplus = old.slice(0, Math.max(old.length - (logFilesMax - 2), 0));
  for (const name of [...partial, ...surplus]) await rm(join(directory, name), { force: true });
  for (const name of old.slice(surplus.length)) {
    if (name.endsWith('.gz')) continue;
    const from = join(directory, name);
    await pipeline(createReadStream(from), createGzip(), createWriteStream(`${from}.tmp`));
    await rename(`${from}.tmp`, `${from}.gz`);
    await rm(from);
  }
}
