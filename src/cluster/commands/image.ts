/** `t8s image import|ls|rm`: images in the cluster's own containerd. */

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '#base/clock.js';
import { SystemPrng } from '#base/prng.js';
import { ContainerdRuntime } from '#kubelet/runtime/containerd/containerd.js';
import { containerdPaths } from '#kubelet/runtime/containerd/daemon.js';
import { readImageArchive } from '#kubelet/runtime/images/archive.js';
import { resolveConfig } from '../config.js';
import { openLog } from '../logging.js';
import { thisMachine } from '../machine/this-machine.js';
import { CommandError } from './failure.js';

export async function importFile(file: string, flags: Record<string, unknown>): Promise<void> {
  if (!existsSync(file)) throw new CommandError(`${file} does not exist`);
  await withRuntime(flags, async (runtime) => {
    const directory = await mkdtemp(join(tmpdir(), 't8s-image-'));
    try {
      for (const image of await readImageArchive(file, { directory })) {
        await runtime.importImage(image);
        process.stdout.write(`imported ${image.names.join(', ')}\n`);
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}

export async function list(flags: Record<string, unknown>): Promise<void> {
  await withRuntime(flags, async (runtime) => {
    const rows = (await runtime.images()).flatMap(({ id, tags, sizeBytes }) =>
      (tags.length > 0 ? tags : ['<none>']).map((tag) => [
        tag,
        id.replace(/^sha256:/, '').slice(0, 12),
        megabytes(sizeBytes),
      ]),
    );
    process.stdout.write(table([['IMAGE', 'ID', 'SIZE'], ...rows.sort((a, b) => (a[0]! < b[0]! ? -1 : 1))]));
  });
}

export async function remove(reference: string, flags: Record<string, unknown>): Promise<void> {
  await withRuntime(flags, async (runtime) => {
    if (!(await runtime.image(reference)))
      throw new CommandError(`there is no image ${reference}: \`t8s image ls\` lists them`);
    await runtime.removeImage(reference);
    process.stdout.write(`removed ${reference}\n`);
  });
}

async function withRuntime(
  flags: Record<string, unknown>,
  work: (runtime: ContainerdRuntime) => Promise<void>,
): Promise<void> {
  const { dataDir } = resolveConfig({ flags, env: process.env, ...thisMachine() });
  const { socket } = containerdPaths(dataDir);
  if (!existsSync(socket))
    throw new CommandError(`no containerd runs in ${dataDir}: start the cluster with \`t8s up\``);
  const log = openLog({ level: 'error' });
  const runtime = new ContainerdRuntime({ socketPath: socket, clock: new SystemClock(), prng: new SystemPrng(), log });
  try {
    await work(runtime);
  } finally {
    await runtime.close();
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function table(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}
