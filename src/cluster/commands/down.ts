/** `t8s down`: stops the cluster; with `--purge` the machine is then as it was before. */
import { existsSync } from 'node:fs';
import { SystemClock } from '#base/clock.js';
import { resolveConfig } from '../config.js';
import { askToStop, readStatus } from '../control.js';
import { thisMachine } from '../machine/this-machine.js';
import { purge } from '../purge.js';
import { CommandError } from './failure.js';

/** Requests in work, then the store: a stop takes a moment, and must not be waited for without end. */
const stopTimeoutMs = 30_000;

export async function down(flags: Record<string, unknown>): Promise<void> {
  const config = resolveConfig({ flags, env: process.env, ...thisMachine() });
  const { dataDir } = config;
  const clock = new SystemClock();
  const running = await askToStop(dataDir);
  if (running) {
    const deadlineMs = clock.monotonic() + stopTimeoutMs;
    while ((await readStatus(dataDir)) || isAlive(running.pid)) {
      if (clock.monotonic() > deadlineMs) {
        throw new CommandError(
          `process ${running.pid} has not ended after ${stopTimeoutMs / 1000} s: see ${dataDir}/logs, then \`kill -9 ${running.pid}\``,
        );
      }
      await clock.sleep(50);
    }
    process.stdout.write(`stopped the cluster in ${dataDir}\n`);
  } else process.stdout.write(`no cluster runs in ${dataDir}\n`);
  if (flags.purge) {
    if (!existsSync(dataDir)) return;
    await purge(dataDir, clock);
    process.stdout.write(`removed its containers, network and data\n`);
  } else if (running?.runtime === 'containerd') {
    process.stdout.write('its containers keep running: `t8s up` takes them over, `t8s down --purge` removes them\n');
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    return true; // EPERM: it lives, and belongs to someone else
  }
}
