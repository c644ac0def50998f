/** What our process costs when nothing happens: memory, and processor time over a minute. */
import { readFileSync } from 'node:fs';
import { clock, nodeReady, type RuntimeName, withCluster } from '../cluster.js';
import type { Figure } from '../figures.js';
import type { Settings } from '../settings.js';

/** The kernel counts processor time in these. */
const tickMs = 10;
const settleMs = 60_000;
const windowMs = 60_000;

export async function idle({ runtimes }: Settings): Promise<Figure[]> {
  // Idle clusters do not disturb each other, but may not share ranges: only one of them has a network.
  return (await Promise.all(runtimes.map(measure))).flat();
}

function measure(runtime: RuntimeName): Promise<Figure[]> {
  return withCluster(runtime, async (cluster) => {
    cluster.start();
    await cluster.ready();
    await nodeReady(cluster, { sinceMs: 0 });
    await clock.sleep(settleMs);
    const before = { atMs: clock.monotonic(), cpuMs: cpuMs(cluster.pid) };
    await clock.sleep(windowMs);
    const share = (100 * (cpuMs(cluster.pid) - before.cpuMs)) / (clock.monotonic() - before.atMs);
    const { rss, pss } = memoryMb(cluster.pid);
    const figure = (name: string, unit: Figure['unit'], value: number, atMost?: number): Figure => ({
      suite: 'idle',
      name: `${runtime}: ${name}`,
      unit,
      samples: [value],
      ...(atMost !== undefined && { aim: { atMost } }),
    });
    return [figure('RSS', 'MB', rss, 130), figure('PSS', 'MB', pss), figure('CPU of a core', '%', share, 0.5)];
  });
}

function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

function memoryMb(pid: number): { rss: number; pss: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (name: string) => (Number(new RegExp(`^${name}: *(\\d+) kB`, 'm').exec(text)![1]) * 1024) / 1e6;
  return { rss: of('Rss'), pss: of('Pss') };
}
