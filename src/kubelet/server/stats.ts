/** GET /stats/summary: what the runtime says of the containers' use of processor and memory, by pod. */
import type { Pod } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { ContainerStats, ServedRuntime } from '../runtime/runtime.js';
import type { ServedPods } from './served-pods.js';

interface Sample {
  atMs: number;
  cpuUsageNanos: bigint;
  nanoCores: number;
}

/** Two looks closer than this say nothing about a rate. */
const rateMsMin = 500;

/** Remembers the last look, since a rate needs two. */
export class StatsSummary {
  readonly #options: { runtime: ServedRuntime; served: ServedPods; nodeName: string; startedAtMs: number };
  #samples = new Map<string, Sample>();

  constructor(options: { runtime: ServedRuntime; served: ServedPods; nodeName: string; startedAtMs: number }) {
    this.#options = options;
  }

  async read(): Promise<object> {
    const { runtime, served, nodeName, startedAtMs } = this.#options;
    const all = await runtime.stats();
    const samples = new Map<string, Sample>();
    for (const one of all) samples.set(one.containerId, rated(one, this.#samples.get(one.containerId)));
    this.#samples = samples;
    const pods = served.pods().map((pod) => {
      const sandboxId = served.sandboxId(pod);
      const own = all.filter((one) => one.sandboxId === sandboxId);
      return podStats(pod, own, samples);
    });
    return { node: { nodeName, startTime: formatTime(startedAtMs) }, pods };
  }
}

function rated({ atMs, cpuUsageNanos }: ContainerStats, before: Sample | undefined): Sample {
  if (!before) return { atMs, cpuUsageNanos, nanoCores: 0 };
  const passedMs = atMs - before.atMs;
  if (passedMs < rateMsMin) return before;
  return {
    atMs,
    cpuUsageNanos,
    nanoCores: Math.round((Number(cpuUsageNanos - before.cpuUsageNanos) * 1000) / passedMs),
  };
}

function podStats({ metadata, status }: Pod, stats: ContainerStats[], samples: Map<string, Sample>): object {
  const { name, namespace, uid } = metadata;
  const startTimes = new Map(
    [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].map((one) => [
      one.name,
      one.state?.running?.startedAt,
    ]),
  );
  return {
    podRef: { name, namespace, uid },
    startTime: status?.startTime ?? null,
    containers: stats.map((one) => ({
      name: one.name,
      startTime: startTimes.get(one.name) ?? null,
      cpu: cpuOf([one], samples),
      memory: memoryOf([one]),
    })),
    ...(stats.length > 0 ? { cpu: cpuOf(stats, samples), memory: memoryOf(stats) } : {}),
  };
}

function cpuOf(stats: ContainerStats[], samples: Map<string, Sample>): object {
  return {
    time: formatTime(Math.max(...stats.map(({ atMs }) => atMs))),
    usageNanoCores: stats.reduce((sum, { containerId }) => sum + samples.get(containerId)!.nanoCores, 0),
    usageCoreNanoSeconds: Number(stats.reduce((sum, { cpuUsageNanos }) => sum + cpuUsageNanos, 0n)),
  };
}

function memoryOf(stats: ContainerStats[]): object {
  return {
    time: formatTime(Math.max(...stats.map(({ atMs }) => atMs))),
    workingSetBytes: stats.reduce((sum, { memoryWorkingSetBytes }) => sum + memoryWorkingSetBytes, 0),
  };
}
