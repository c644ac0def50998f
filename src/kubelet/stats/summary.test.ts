import { describe, expect, it } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { simulatedFacts } from '../node-facts.js';
import { cadvisorMetrics } from './cadvisor-metrics.js';
import { resourceMetrics } from './resource-metrics.js';
import { StatsSummary } from './summary.js';
import { SimulatedMachine } from './told-usage.js';
import type { CgroupUsage, FilesystemUsage, PodUsage, UsageSource } from './usage.js';

const startMs = Date.UTC(2026, 0, 1);
let nowMs = startMs;

function used({ cgroup, cores, bytes }: { cgroup: string; cores: number; bytes: number }): CgroupUsage {
  const memory = { usage: bytes, workingSet: bytes / 2, rss: 0, cache: 0, mapped: 0, activeFile: 0, inactiveFile: 0 };
  return {
    atMs: nowMs,
    cgroup,
    startedAtMs: startMs,
    cpu: { usage: BigInt(Math.round((nowMs - startMs) * cores * 1e6)), user: 0n, system: 0n },
    memory: { ...memory, kernel: 0, swap: 3, max: 0, failures: 0, pageFaults: 0, majorPageFaults: 0, oomKills: 0 },
  };
}

const disk = (usedBytes: number): FilesystemUsage => ({ atMs: nowMs, usedBytes, inodesUsed: 1, capacityBytes: 1000 });
const pod = { metadata: { name: 'web', namespace: 'shop', uid: 'u1' } } as Pod;
let cores = 0.5;

const source: UsageSource = {
  node: async () => ({
    nodeName: 'n1',
    bootedAtMs: startMs - 1000,
    own: used({ cgroup: '/', cores: 2, bytes: 4000 }),
    interfaces: [],
  }),
  pods: async ({ detailed }): Promise<PodUsage[]> => [
    {
      pod,
      createdAtMs: startMs,
      own: used({ cgroup: '/pod', cores, bytes: 200 }),
      containers: [
        {
          id: 'c1',
          name: 'app',
          image: 'app:1',
          createdAtMs: startMs,
          own: {
            ...used({ cgroup: '/pod/c1', cores, bytes: 100 }),
            tasks: { processes: 2, threads: 9, threadsMax: 0 },
          },
          ...(detailed && { layer: disk(10), logs: disk(20) }),
        },
      ],
      volumes: detailed
        ? [
            { ...disk(30), name: 'scratch', isEphemeral: true },
            { ...disk(40), name: 'data', claim: { name: 'data-0', namespace: 'shop' }, isEphemeral: false },
          ]
        : [],
    },
  ],
};

type Told = { pods: Record<string, unknown>[]; node: Record<string, unknown> };

describe('the summary', () => {
  it('tells the mean since the start first, and then the rate since the last look', async () => {
    const summary = new StatsSummary(source);
    const rate = async () => {
      const { pods } = (await summary.read({ onlyCpuAndMemory: true })) as Told;
      return (pods[0]!['cpu'] as { usageNanoCores: number }).usageNanoCores;
    };
    nowMs = startMs + 10_000;
    expect(await rate()).toBe(500_000_000);
    cores = 1;
    nowMs += 10_000;
    // From 5 core-seconds to 20.
    expect(await rate()).toBe(1_500_000_000);
    nowMs += 10;
    expect(await rate()).toBe(1_500_000_000);
  });

  it('counts for a pod what goes with it', async () => {
    const { pods, node } = (await new StatsSummary(source).read({ onlyCpuAndMemory: false })) as Told;
    expect(pods[0]).toMatchObject({
      podRef: { name: 'web', namespace: 'shop', uid: 'u1' },
      'ephemeral-storage': { usedBytes: 60, inodesUsed: 3, capacityBytes: 1000 },
      process_stats: { process_count: 2 },
    });
    expect(pods[0]!['volume']).toMatchObject([
      { name: 'scratch', usedBytes: 30 },
      { name: 'data', pvcRef: { name: 'data-0', namespace: 'shop' }, usedBytes: 40 },
    ]);
    expect(node).toMatchObject({ nodeName: 'n1', startTime: '2025-12-31T23:59:59Z' });
  });

  it('of processor and memory leaves out what takes a look at disks', async () => {
    const { pods } = (await new StatsSummary(source).read({ onlyCpuAndMemory: true })) as Told;
    expect(Object.keys(pods[0]!)).toEqual(['podRef', 'startTime', 'containers', 'cpu', 'memory', 'swap']);
  });
});

describe('resource metrics', () => {
  it('say when what they tell was so', async () => {
    cores = 0.5;
    nowMs = startMs + 1000;
    const lines = (await resourceMetrics(source, () => {})).split('\n').filter((line) => !line.startsWith('#'));
    expect(lines).toEqual([
      `container_cpu_usage_seconds_total{container="app",namespace="shop",pod="web"} 0.5 ${nowMs}`,
      `container_memory_working_set_bytes{container="app",namespace="shop",pod="web"} 50 ${nowMs}`,
      'container_start_time_seconds{container="app",namespace="shop",pod="web"} 1.7672256e+09',
      `container_swap_usage_bytes{container="app",namespace="shop",pod="web"} 3 ${nowMs}`,
      `node_cpu_usage_seconds_total 2 ${nowMs}`,
      `node_memory_working_set_bytes 2000 ${nowMs}`,
      `node_swap_usage_bytes 3 ${nowMs}`,
      `pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 0.5 ${nowMs}`,
      `pod_memory_working_set_bytes{namespace="shop",pod="web"} 100 ${nowMs}`,
      `pod_swap_usage_bytes{namespace="shop",pod="web"} 3 ${nowMs}`,
      'resource_scrape_error 0',
      '',
    ]);
  });

  it('that cannot be had are told as an error', async () => {
    const failing = { ...source, node: () => Promise.reject(new Error('no such cgroup')) };
    const errors: unknown[] = [];
    const text = await resourceMetrics(failing, (error) => errors.push(error));
    expect(text).toMatch(/^resource_scrape_error 1$/m);
    expect(text).not.toContain('pod_cpu');
    expect(errors).toHaveLength(1);
  });
});

describe('a simulated machine', () => {
  it('keeps the time that pods have used when they go, and is never quite still', async () => {
    const machine = new SimulatedMachine({ startedAtMs: startMs, memoryBytes: 2 ** 30 });
    cores = 0.5;
    nowMs = startMs + 10_000;
    const idle = 100_000_000n;
    const withPod = machine.add(await source.pods({ detailed: false }), nowMs);
    expect(withPod.cpu.usage).toBe(5_000_000_000n + idle);
    expect(withPod.memory.workingSet).toBe(50 + 256 * 2 ** 20);
    const without = machine.add([], nowMs + 10_000);
    expect(without.cpu.usage).toBe(5_000_000_000n + 2n * idle);
    expect(without.memory).toMatchObject({ workingSet: 256 * 2 ** 20, limit: 2 ** 30 });
  });
});

describe('metrics of cAdvisor', () => {
  const facts = simulatedFacts('n1', { cpus: 4 });
  const linesOf = async (from: UsageSource) => {
    const text = await cadvisorMetrics(from, { facts, failed: () => {} });
    return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  };

  it('tell node, pods and containers apart by their labels', async () => {
    cores = 0.5;
    nowMs = startMs + 1000;
    const lines = await linesOf(source);
    const of = (name: string) => lines.filter((line) => line.startsWith(`${name}{`));
    expect(of('container_memory_working_set_bytes')).toEqual([
      `container_memory_working_set_bytes{container="",id="/",image="",name="",namespace="",pod=""} 2000 ${nowMs}`,
      `container_memory_working_set_bytes{container="",id="/pod",image="",name="",namespace="shop",pod="web"} 100 ${nowMs}`,
      `container_memory_working_set_bytes{container="app",id="/pod/c1",image="app:1",name="c1",namespace="shop",pod="web"} 50 ${nowMs}`,
    ]);
    const labels = 'container="app",cpu="total",id="/pod/c1",image="app:1",name="c1",namespace="shop",pod="web"';
    expect(of('container_cpu_usage_seconds_total')).toContain(
      `container_cpu_usage_seconds_total{${labels}} 0.5 ${nowMs}`,
    );
    expect(of('container_spec_memory_limit_bytes')[0]).toMatch(/} 0$/);
    expect(of('container_cpu_cfs_periods_total')).toEqual([]);
    expect(of('machine_cpu_cores')).toEqual(['machine_cpu_cores{boot_id="n1",machine_id="n1",system_uuid="n1"} 4']);
    expect(lines).toContain('container_scrape_error 0');
  });

  it('are those of the machine alone when nothing else can be had', async () => {
    const lines = await linesOf({ ...source, pods: () => Promise.reject(new Error('gone')) });
    expect(lines.map((line) => line.split(/[{ ]/, 1)[0])).toEqual([
      'cadvisor_version_info',
      'container_scrape_error',
      'machine_cpu_cores',
      'machine_memory_bytes',
    ]);
    expect(lines).toContain('container_scrape_error 1');
  });
});
