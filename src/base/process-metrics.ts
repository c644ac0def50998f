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
  add('virtual_memory_max_bytes', 'gauge', 'The most virtual memory that there may be, in bytes.', () => {
    const limit = /^Max address space +(\S+)/m.exec(readProc('limits'))?.[1];
    return limit === undefined ? undefined : limit === 'unlimited' ? 2 ** 64 : Number(limit);
  });
  const network = (column: number) => () => {
    const rows = readProc('net/dev')
      .split('\n')
      .flatMap((line) => /^\s*(?!lo:)\S+:(.*)$/.exec(line)?.[1] ?? []);
    return rows.length === 0 ? undefined : rows.reduce((sum, row) => sum + Number(row.trim().split(/\s+/)[column]), 0);
  };
  add('network_receive_bytes_total', 'counter', "Bytes received over the process's network.", network(0));
  add('network_transmit_bytes_total', 'counter', "Bytes sent over the process's network.", network(8));
  add('max_fds', 'gauge', 'The most file descriptors that may be open.', () => {
    const limit = /^Max open files +(\d+)/m.exec(readProc('limits'))?.[1];
    return limit === undefined ? undefined : Number(limit);
  });
}

const pageBytes = 4096;

/** '' where there is no /proc. */
export function readProc(name: string): string {
  try {
    return readFileSync(`/proc/self/${name}`, 'utf8');
  } catch {
    return '';
  }
}
