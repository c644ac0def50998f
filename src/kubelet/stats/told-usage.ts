/** Usage where there are no cgroups to read: as a runtime tells it, and as it adds up. */
import type { ContainerStats } from '../runtime/runtime.js';
import type { CgroupUsage, PodUsage } from './usage.js';

const nothing = {
  usage: 0,
  workingSet: 0,
  rss: 0,
  cache: 0,
  mapped: 0,
  activeFile: 0,
  inactiveFile: 0,
  kernel: 0,
  swap: 0,
  max: 0,
  failures: 0,
  pageFaults: 0,
  majorPageFaults: 0,
  oomKills: 0,
};

type Place = Pick<CgroupUsage, 'atMs' | 'cgroup' | 'startedAtMs'>;

export function toldUsage(stats: ContainerStats, place: Omit<Place, 'atMs'>): CgroupUsage {
  const { atMs, cpuUsageNanos, memoryWorkingSetBytes: bytes } = stats;
  const memory = { ...nothing, usage: bytes, workingSet: bytes, rss: bytes };
  return { ...place, atMs, cpu: { usage: cpuUsageNanos, user: 0n, system: 0n }, memory };
}

export function sumOf(place: Place, parts: readonly CgroupUsage[]): CgroupUsage {
  const memory: CgroupUsage['memory'] = { ...nothing };
  const cpu = { usage: 0n, user: 0n, system: 0n };
  for (const part of parts) {
    for (const key of ['usage', 'user', 'system'] as const) cpu[key] += part.cpu[key];
    for (const key of Object.keys(nothing) as (keyof typeof nothing)[]) memory[key] += part.memory[key];
  }
  return { ...place, cpu, memory };
}

/** What a node without pods uses, since a real one is never quite still. */
const idleMilliCpu = 10;
const idleMemoryBytes = 256 * 2 ** 20;

/** A machine that is not there uses what its pods use, and a little. Time that was used stays so when pods go. */
export class SimulatedMachine {
  readonly #options: { startedAtMs: number; memoryBytes: number };
  #used = 0n;
  #last = new Map<string, bigint>();

  constructor(options: { startedAtMs: number; memoryBytes: number }) {
    this.#options = options;
  }

  add(pods: readonly PodUsage[], nowMs: number): CgroupUsage {
    const { startedAtMs, memoryBytes } = this.#options;
    const parts = pods.flatMap(({ containers }) => containers.map(({ own }) => own));
    for (const { cgroup, cpu } of parts) this.#used += cpu.usage - (this.#last.get(cgroup) ?? 0n);
    this.#last = new Map(parts.map(({ cgroup, cpu }) => [cgroup, cpu.usage]));
    const sum = sumOf({ atMs: nowMs, cgroup: '/', startedAtMs }, parts);
    const { usage, workingSet, rss } = sum.memory;
    const idle = BigInt(nowMs - startedAtMs) * BigInt(idleMilliCpu) * 1000n;
    const memory = {
      usage: usage + idleMemoryBytes,
      workingSet: workingSet + idleMemoryBytes,
      rss: rss + idleMemoryBytes,
    };
    return {
      ...sum,
      cpu: { ...sum.cpu, usage: this.#used + idle },
      memory: { ...sum.memory, ...memory, limit: memoryBytes },
    };
  }
}
