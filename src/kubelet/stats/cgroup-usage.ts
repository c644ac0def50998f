/** What the kernel has counted for one cgroup: its files, of either version, read into one form. */
import { stat } from 'node:fs/promises';
import { devicesOfVersion1, devicesOfVersion2 } from './device-usage.js';
import { optional } from './kernel-file.js';
import type { CgroupUsage, Pressure } from './usage.js';

/** Where a cgroup lies, by controller: in version 2 always the same. undefined: the controller is not there. */
export interface CgroupPlace {
  version: 1 | 2;
  directory(controller: string): string | undefined;
}

/** A limit beyond this is none: version 1 has no other word for it. */
const unlimitedBytes = 2 ** 62;
/** Clock ticks, in which version 1 counts, of every Linux. */
const tickNanos = 10_000_000n;

/** undefined: there is no such cgroup (any more). */
export async function readCgroupUsage(
  place: CgroupPlace,
  { cgroup, nowMs }: { cgroup: string; nowMs: number },
): Promise<CgroupUsage | undefined> {
  const directory = place.directory('memory');
  if (!directory) return undefined;
  try {
    const { ctimeMs } = await stat(directory);
    const read = place.version === 2 ? readVersion2(directory) : readVersion1(place);
    return { atMs: nowMs, cgroup, startedAtMs: Math.floor(ctimeMs), ...(await read) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // It may go while it is read.
    if (code === 'ENOENT' || code === 'ENODEV') return undefined;
    throw error;
  }
}

type Counted = Omit<CgroupUsage, 'atMs' | 'cgroup' | 'startedAtMs'>;

async function readVersion1(place: CgroupPlace): Promise<Counted> {
  const read = (controller: string, file: string) => optional(place.directory(controller), file);
  const number = async (controller: string, file: string) => Number((await read(controller, file)) ?? 0);
  const [usage, times, period, quota, shares, cpuStat] = await Promise.all([
    read('cpuacct', 'cpuacct.usage'),
    read('cpuacct', 'cpuacct.stat').then(keyed),
    number('cpu', 'cpu.cfs_period_us'),
    number('cpu', 'cpu.cfs_quota_us'),
    number('cpu', 'cpu.shares'),
    read('cpu', 'cpu.stat').then(keyed),
  ]);
  const [used, most, failures, limit, swapLimit, reservation, kernel, memoryStat, oom] = await Promise.all([
    number('memory', 'memory.usage_in_bytes'),
    number('memory', 'memory.max_usage_in_bytes'),
    number('memory', 'memory.failcnt'),
    number('memory', 'memory.limit_in_bytes'),
    number('memory', 'memory.memsw.limit_in_bytes'),
    number('memory', 'memory.soft_limit_in_bytes'),
    number('memory', 'memory.kmem.usage_in_bytes'),
    read('memory', 'memory.stat').then(keyed),
    read('memory', 'memory.oom_control').then(keyed),
  ]);
  const total = (name: string) => memoryStat.get(`total_${name}`) ?? memoryStat.get(name) ?? 0;
  return {
    cpu: {
      usage: BigInt((usage ?? '0').trim()),
      user: BigInt(times.get('user') ?? 0) * tickNanos,
      system: BigInt(times.get('system') ?? 0) * tickNanos,
      ...(shares > 0 && { shares }),
      ...(period > 0 && { periodUs: period }),
      ...(quota > 0 && {
        quotaUs: quota,
        periods: cpuStat.get('nr_periods') ?? 0,
        throttledPeriods: cpuStat.get('nr_throttled') ?? 0,
        throttled: BigInt(cpuStat.get('throttled_time') ?? 0),
      }),
    },
    memory: {
      usage: used,
      workingSet: Math.max(used - total('inactive_file'), 0),
      rss: total('rss'),
      cache: total('cache'),
      mapped: total('mapped_file'),
      activeFile: total('active_file'),
      inactiveFile: total('inactive_file'),
      kernel,
      swap: total('swap'),
      ...limited({ limit, swapLimit, reservation }),
      max: most,
      failures,
      pageFaults: total('pgfault'),
      majorPageFaults: total('pgmajfault'),
      oomKills: oom.get('oom_kill') ?? 0,
    },
    ...(await readTasks(place.directory('pids'))),
    ...(await devicesOfVersion1(place.directory('blkio'))),
  };
}

async function readVersion2(directory: string): Promise<Counted> {
  const read = (file: string) => optional(directory, file);
  const [cpuStat, cpuMax, weight, cpuPressure] = await Promise.all([
    read('cpu.stat').then(keyed),
    read('cpu.max'),
    read('cpu.weight'),
    read('cpu.pressure').then(pressureOf),
  ]);
  const [current, most, max, swap, swapMax, low, memoryStat, events, memoryPressure, ioPressure] = await Promise.all([
    read('memory.current'),
    read('memory.peak'),
    read('memory.max'),
    read('memory.swap.current'),
    read('memory.swap.max'),
    read('memory.low'),
    read('memory.stat').then(keyed),
    read('memory.events').then(keyed),
    read('memory.pressure').then(pressureOf),
    read('io.pressure').then(pressureOf),
  ]);
  const micros = (name: string) => BigInt(cpuStat.get(name) ?? 0) * 1000n;
  const [quota = 'max', period = '0'] = (cpuMax ?? '').trim().split(' ');
  const of = (name: string) => memoryStat.get(name) ?? 0;
  const used = Number(current ?? 0);
  const bytes = (text: string | undefined) => (!text || text.trim() === 'max' ? unlimitedBytes : Number(text));
  return {
    cpu: {
      usage: micros('usage_usec'),
      user: micros('user_usec'),
      system: micros('system_usec'),
      ...(weight && { shares: sharesOf(Number(weight)) }),
      ...(Number(period) > 0 && { periodUs: Number(period) }),
      ...(/^\d/.test(quota) && {
        quotaUs: Number(quota),
        periods: cpuStat.get('nr_periods') ?? 0,
        throttledPeriods: cpuStat.get('nr_throttled') ?? 0,
        throttled: micros('throttled_usec'),
      }),
      ...(cpuPressure && { pressure: cpuPressure }),
    },
    memory: {
      usage: used,
      workingSet: Math.max(used - of('inactive_file'), 0),
      rss: of('anon'),
      cache: of('file'),
      mapped: of('file_mapped'),
      activeFile: of('active_file'),
      inactiveFile: of('inactive_file'),
      kernel: of('kernel'),
      swap: Number(swap ?? 0),
      ...limited({ limit: bytes(max), swapLimit: bytes(swapMax), reservation: Number(low ?? 0) || unlimitedBytes }),
      max: Number(most ?? 0),
      failures: events.get('max') ?? 0,
      pageFaults: of('pgfault'),
      majorPageFaults: of('pgmajfault'),
      oomKills: events.get('oom_kill') ?? 0,
      ...(memoryPressure && { pressure: memoryPressure }),
    },
    ...(ioPressure && { io: { pressure: ioPressure } }),
    ...(await readTasks(directory)),
    ...(await devicesOfVersion2(directory)),
  };
}

/** 0, where a limit cannot be, is a file that is not there. */
function limited<K extends string>(limits: Record<K, number>): Partial<Record<K, number>> {
  const kept = Object.entries<number>(limits).filter(([, bytes]) => bytes > 0 && bytes < unlimitedBytes);
  return Object.fromEntries(kept) as Partial<Record<K, number>>;
}

/** The inverse of the kubelet's `cpuWeight`. */
function sharesOf(weight: number): number {
  return Math.floor(2 + ((weight - 1) * 262_142) / 9999);
}

async function readTasks(directory: string | undefined): Promise<Pick<Counted, 'tasks'>> {
  const [current, most, processes] = await Promise.all([
    optional(directory, 'pids.current'),
    optional(directory, 'pids.max'),
    optional(directory, 'cgroup.procs'),
  ]);
  // The uppermost cgroup is not counted.
  if (!current) return {};
  const list = (processes ?? '').split('\n').filter(Boolean);
  const threadsMax = !most || most.trim() === 'max' ? 0 : Number(most);
  return { tasks: { processes: list.length, threads: Number(current), threadsMax } };
}

/** `name number` lines. */
export function keyed(text = ''): Map<string, number> {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  return new Map(lines.filter(({ length }) => length === 2).map(([name, value]) => [name!, Number(value)]));
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and `full` likewise. */
export function pressureOf(text: string | undefined): Pressure | undefined {
  const lineOf = (kind: string) => {
    const found = new RegExp(`^${kind} avg10=(\\S+) avg60=(\\S+) avg300=(\\S+) total=(\\d+)`, 'm').exec(text ?? '');
    const [avg10 = 0, avg60 = 0, avg300 = 0, total = 0] = (found?.slice(1) ?? []).map(Number);
    return { found: found !== null, line: { avg10, avg60, avg300, total } };
  };
  const some = lineOf('some');
  return some.found ? { some: some.line, full: lineOf('full').line } : undefined;
}
