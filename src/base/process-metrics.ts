/** What the process takes of its machine, under the names that Prometheus' client libraries share. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Clock } from './clock.js';
import type { MetricRegistry } from './metrics.js';

export function addProcessMetrics(registry: MetricRegistry, clock: Clock): void {
  const startedSeconds = Math.round((clock.now() - process.uptime() * 1000) / 10) / 100;
  const add = (name: string, type: 'counter' | 'gauge', help: string, read: () => number | undefined) =>
    registry.collected({
      name: `process_${name}`,
      type,
      help,
      collect: () => {
        const value = read();
        return value === undefined ? [] : [{ value }];
      },
    });
  add('cpu_seconds_total', 'counter', 'Processor time spent, in seconds.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  add('resident_memory_bytes', 'gauge', 'Resident memory in bytes.', () => process.memoryUsage.rss());
  add('virtual_memory_bytes', 'gauge', 'Virtual memory in bytes.', () => {
    const pages = /^(\d+)/.exec(readProc('statm'))?.[1];
    return pages === undefined ? undefined : Number(pages) * pageBytes;
  });
  add('start_time_seconds', 'gauge', 'Start of the process since the Unix epoch, in seconds.', () => startedSeconds);
  add('open_fds', 'gauge', 'Open file descriptors.', () => {
    try {
      return readdirSync('/proc/self/fd').length;
    } catch {
      return undefined; // There is no /proc on this system.
    }
  });
  add('max_fds', 'gauge', 'The most file descriptors that may be open.', () => {
    const limit = /^Max open files +(\d+)/m.exec(readProc('limits'))?.[1];
    return limit === undefined ? undefined : Number(limit);
  });
}

const pageBytes = 4096;

/** '' where there is no /proc. */
function readProc(name: string): string {
  try {
    return readFileSync(`/proc/self/${name}`, 'utf8');
  } catch {
    return '';
  }
}
