import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pressureOf, readCgroupUsage } from './cgroup-usage.js';
import { directoryUsage } from './disk-usage.js';
import { parseInterfaces } from './machine-usage.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'usage-'));
});
afterEach(() => rm(root, { recursive: true }));

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(root, name, '..'), { recursive: true });
    await writeFile(join(root, name), text);
  }
}

describe('a cgroup', () => {
  it('of version 2 is read whole', async () => {
    const pressure =
      'some avg10=1.50 avg60=0.25 avg300=0.00 total=42\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n';
    await write({
      'cpu.stat': 'usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\nnr_periods 9\nnr_throttled 4\nthrottled_usec 5\n',
      'cpu.max': '50000 100000\n',
      'cpu.weight': '39\n',
      'cpu.pressure': pressure,
      'memory.current': '1000\n',
      'memory.max': 'max\n',
      'memory.swap.max': '64\n',
      'memory.swap.current': '16\n',
      'memory.stat': 'anon 500\nfile 400\nfile_mapped 30\nkernel 20\ninactive_file 300\nactive_file 100\npgfault 8\n',
      'memory.events': 'low 0\nmax 2\noom 1\noom_kill 1\n',
      'pids.current': '3\n',
      'pids.max': 'max\n',
      'cgroup.procs': '10\n11\n',
    });
    const usage = await readCgroupUsage({ version: 2, directory: () => root }, { cgroup: '/a', nowMs: 5 });
    expect(usage).toMatchObject({
      atMs: 5,
      cgroup: '/a',
      cpu: { usage: 3_000_000n, user: 2_000_000n, system: 1_000_000n, shares: 998, periodUs: 100_000, quotaUs: 50_000 },
      memory: { usage: 1000, workingSet: 700, rss: 500, cache: 400, mapped: 30, kernel: 20, swap: 16, swapLimit: 64 },
      tasks: { processes: 2, threads: 3, threadsMax: 0 },
    });
    expect(usage?.cpu).toMatchObject({ periods: 9, throttledPeriods: 4, throttled: 5000n });
    expect(usage?.cpu.pressure?.some).toEqual({ avg10: 1.5, avg60: 0.25, avg300: 0, total: 42 });
    expect(usage?.memory).toMatchObject({ failures: 2, oomKills: 1, pageFaults: 8, majorPageFaults: 0 });
    expect(usage?.memory).not.toHaveProperty('limit');
  });

  it('of version 1 is read from each of its hierarchies', async () => {
    await write({
      'cpuacct/cpuacct.usage': '123456789\n',
      'cpuacct/cpuacct.stat': 'user 7\nsystem 3\n',
      'cpu/cpu.cfs_period_us': '100000\n',
      'cpu/cpu.cfs_quota_us': '-1\n',
      'cpu/cpu.shares': '256\n',
      'memory/memory.usage_in_bytes': '1000\n',
      'memory/memory.limit_in_bytes': '9223372036854771712\n',
      'memory/memory.stat': 'rss 1\ntotal_rss 500\ntotal_cache 400\ntotal_inactive_file 2000\n',
      'memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
    });
    const directory = (controller: string) => join(root, controller);
    const usage = await readCgroupUsage({ version: 1, directory }, { cgroup: '/a', nowMs: 5 });
    expect(usage).toMatchObject({
      cpu: { usage: 123_456_789n, user: 70_000_000n, system: 30_000_000n, shares: 256, periodUs: 100_000 },
      memory: { usage: 1000, workingSet: 0, rss: 500, cache: 400, oomKills: 3 },
    });
    expect(usage?.cpu).not.toHaveProperty('quotaUs');
    expect(usage?.memory).not.toHaveProperty('limit');
  });

  it('that is gone has no usage', async () => {
    const place = { version: 2 as const, directory: () => join(root, 'none') };
    expect(await readCgroupUsage(place, { cgroup: '/a', nowMs: 5 })).toBeUndefined();
  });
});

it('pressure is not there where the kernel does not count it', () => {
  expect(pressureOf(undefined)).toBeUndefined();
  expect(pressureOf('')).toBeUndefined();
});

it('interfaces that carry nothing away are not counted', () => {
  const lines = [
    'Inter-|   Receive                          |  Transmit',
    ' face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed',
    '    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0',
    '  eth0:1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0',
    'veth12: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0',
  ];
  const received = { bytes: 1000, packets: 10, errors: 1, dropped: 2 };
  const sent = { bytes: 2000, packets: 20, errors: 3, dropped: 4 };
  expect(parseInterfaces(lines.join('\n'))).toEqual([{ name: 'eth0', received, sent }]);
});

it('a directory takes what is below it', async () => {
  await write({ 'a/one': 'x'.repeat(10_000), 'a/b/two': 'y' });
  const usage = await directoryUsage(root, 1);
  expect(usage?.inodesUsed).toBe(5);
  expect(usage?.usedBytes).toBeGreaterThanOrEqual(10_000);
  expect(usage?.usedBytes).toBeLessThan(100_000);
  expect(await directoryUsage(join(root, 'none'), 1)).toBeUndefined();
});
