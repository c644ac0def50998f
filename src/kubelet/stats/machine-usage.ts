/** What the machine as a whole has used, and what went over a network: the kernel's files under /proc. */
import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import type { CgroupUsage, InterfaceUsage, NodeUsage, PacketCounts } from './usage.js';

/**
 * The uppermost cgroup of version 2 has no memory of its own, and none has a limit: the machine's numbers stand in.
 * https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
export async function machineUsage(root: CgroupUsage): Promise<CgroupUsage> {
  const { memory } = root;
  const limit = totalmem();
  if (memory.usage > 0) return { ...root, memory: { ...memory, limit } };
  const info = await memoryInfo();
  const usage = info('MemTotal') - info('MemFree');
  const swap = info('SwapTotal') - info('SwapFree');
  const workingSet = Math.max(usage - memory.inactiveFile, 0);
  return { ...root, memory: { ...memory, usage, workingSet, swap, swapLimit: info('SwapTotal'), limit } };
}

async function memoryInfo(): Promise<(name: string) => number> {
  const text = await readFile('/proc/meminfo', 'utf8');
  return (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024;
}

export async function bootedAtMs(): Promise<number> {
  const seconds = /^btime (\d+)$/m.exec(await readFile('/proc/stat', 'utf8'))?.[1];
  return Number(seconds ?? 0) * 1000;
}

export async function processCount(nowMs: number): Promise<NonNullable<NodeUsage['processes']>> {
  const [most, load] = await Promise.all(['/proc/sys/kernel/pid_max', '/proc/loadavg'].map((path) => read(path)));
  return { max: Number(most), running: Number(/\/(\d+)/.exec(load!)?.[1] ?? 0), atMs: nowMs };
}

/** Of the network that the process is on. undefined: it has ended. */
export async function interfacesOf(pid: number | 'self'): Promise<InterfaceUsage[] | undefined> {
  try {
    return parseInterfaces(await read(`/proc/${pid}/net/dev`));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EINVAL') return undefined;
    throw error;
  }
}

/** What carries nothing from one machine or pod to another, as cAdvisor leaves it out. */
const localInterface = /^(lo|veth|docker|nerdctl)/;

/** proc(5): two lines of titles, then for each interface eight numbers of what came and eight of what went. */
export function parseInterfaces(text: string): InterfaceUsage[] {
  const counts = (numbers: readonly number[]): PacketCounts => {
    const [bytes = 0, packets = 0, errors = 0, dropped = 0] = numbers;
    return { bytes, packets, errors, dropped };
  };
  return text.split('\n').flatMap((line) => {
    const [, name, rest] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (!name || localInterface.test(name)) return [];
    const numbers = rest!.trim().split(/\s+/).map(Number);
    return [{ name, received: counts(numbers), sent: counts(numbers.slice(8)) }];
  });
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8');
}
