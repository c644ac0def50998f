/** GET /stats/summary: usage in the form of upstream's stats.k8s.io v1alpha1 Summary. */
import { formatTime } from '#apimachinery/object.js';
import type {
  CgroupUsage,
  ContainerUsage,
  FilesystemUsage,
  InterfaceUsage,
  NodeUsage,
  PodUsage,
  UsageSource,
  VolumeUsage,
} from './usage.js';

interface Sample {
  atMs: number;
  usage: bigint;
  nanoCores: number;
}

/** Two looks closer than this say nothing about a rate. */
const rateMsMin = 500;

/** Remembers the last look, since a rate needs two. */
export class StatsSummary {
  readonly #source: UsageSource;
  #samples = new Map<string, Sample>();

  constructor(source: UsageSource) {
    this.#source = source;
  }

  /** `onlyCpuAndMemory`: without what takes a look at disks. */
  async read({ onlyCpuAndMemory }: { onlyCpuAndMemory: boolean }): Promise<object> {
    const [node, pods] = await Promise.all([this.#source.node(), this.#source.pods({ detailed: !onlyCpuAndMemory })]);
    const samples = new Map<string, Sample>();
    const rate = (usage: CgroupUsage): number => {
      const sample = rated(usage, this.#samples.get(usage.cgroup));
      samples.set(usage.cgroup, sample);
      return sample.nanoCores;
    };
    const answer = {
      node: onlyCpuAndMemory ? nodeCpuAndMemory(node, rate) : nodeStats(node, { rate, pods }),
      pods: pods.map((pod) => podStats(pod, { rate, onlyCpuAndMemory })),
    };
    this.#samples = samples;
    return answer;
  }
}

/** The first look tells the mean since the start. */
function rated({ atMs, startedAtMs, cpu: { usage } }: CgroupUsage, before: Sample | undefined): Sample {
  const since = before ?? { atMs: startedAtMs, usage: 0n };
  const passedMs = atMs - since.atMs;
  if (passedMs < rateMsMin) return before ?? { atMs, usage, nanoCores: 0 };
  const nanoCores = Math.max(Math.round((Number(usage - since.usage) * 1000) / passedMs), 0);
  return { atMs, usage, nanoCores };
}

type Rate = (usage: CgroupUsage) => number;

function nodeCpuAndMemory({ nodeName, own }: NodeUsage, rate: Rate): object {
  return { nodeName, startTime: formatTime(own.startedAtMs), ...cpuAndMemory(own, rate), swap: swapOf(own) };
}

function nodeStats(node: NodeUsage, { rate, pods }: { rate: Rate; pods: readonly PodUsage[] }): object {
  const { nodeName, own, bootedAtMs, interfaces, filesystem, images, processes } = node;
  const imageFs = images && fsOf(images);
  return {
    nodeName,
    systemContainers: [podsContainer(pods, rate)].filter((one) => one !== undefined),
    startTime: formatTime(bootedAtMs),
    ...cpuAndMemory(own, rate),
    ...ioOf(own),
    ...(interfaces.length > 0 && { network: networkOf(interfaces, own.atMs) }),
    ...(filesystem && { fs: fsOf(filesystem) }),
    ...(imageFs && { runtime: { imageFs, containerFs: imageFs } }),
    ...(processes && {
      rlimit: { time: formatTime(processes.atMs), maxpid: processes.max, curproc: processes.running },
    }),
    swap: swapOf(own),
  };
}

/** All pods as if they were one system container, which upstream takes from the cgroup above them. */
function podsContainer(pods: readonly PodUsage[], rate: Rate): object | undefined {
  const own = pods.flatMap((pod) => pod.own ?? []);
  const [first] = own;
  if (!first) return undefined;
  const sum = (of: (one: CgroupUsage) => number) => own.reduce((total, one) => total + of(one), 0);
  return {
    name: 'pods',
    startTime: formatTime(Math.min(...own.map(({ startedAtMs }) => startedAtMs))),
    cpu: {
      time: formatTime(first.atMs),
      usageNanoCores: sum(rate),
      usageCoreNanoSeconds: sum(({ cpu }) => Number(cpu.usage)),
    },
    memory: {
      time: formatTime(first.atMs),
      usageBytes: sum(({ memory }) => memory.usage),
      workingSetBytes: sum(({ memory }) => memory.workingSet),
      rssBytes: sum(({ memory }) => memory.rss),
      pageFaults: sum(({ memory }) => memory.pageFaults),
      majorPageFaults: sum(({ memory }) => memory.majorPageFaults),
    },
  };
}

function podStats(usage: PodUsage, { rate, onlyCpuAndMemory }: { rate: Rate; onlyCpuAndMemory: boolean }): object {
  const { pod, createdAtMs, own, interfaces, containers, volumes } = usage;
  const { name, namespace, uid } = pod.metadata;
  const brief = {
    podRef: { name, namespace, uid },
    startTime: formatTime(createdAtMs),
    containers: containers.map((one) => containerStats(one, rate)),
    ...(own && { ...cpuAndMemory(own, rate), swap: swapOf(own) }),
  };
  if (onlyCpuAndMemory) return brief;
  const tasks = containers.reduce((sum, one) => sum + (one.own.tasks?.processes ?? 0), 0);
  return {
    ...brief,
    ...(own && ioOf(own)),
    ...(interfaces && own && { network: networkOf(interfaces, own.atMs) }),
    ...(volumes.length > 0 && { volume: volumes.map(volumeOf) }),
    ...ephemeralOf(containers, volumes),
    process_stats: { process_count: tasks },
  };
}

function containerStats({ name, createdAtMs, own, layer, logs }: ContainerUsage, rate: Rate): object {
  return {
    name,
    startTime: formatTime(createdAtMs),
    ...cpuAndMemory(own, rate),
    ...ioOf(own),
    ...(layer && { rootfs: fsOf(layer) }),
    ...(logs && { logs: fsOf(logs) }),
    swap: swapOf(own),
  };
}

function cpuAndMemory(usage: CgroupUsage, rate: Rate): object {
  const { atMs, cpu, memory } = usage;
  const time = formatTime(atMs);
  const { limit, workingSet } = memory;
  return {
    cpu: {
      time,
      usageNanoCores: rate(usage),
      usageCoreNanoSeconds: Number(cpu.usage),
      ...(cpu.pressure && { psi: cpu.pressure }),
    },
    memory: {
      time,
      ...(limit !== undefined && { availableBytes: Math.max(limit - workingSet, 0) }),
      usageBytes: memory.usage,
      workingSetBytes: workingSet,
      rssBytes: memory.rss,
      pageFaults: memory.pageFaults,
      majorPageFaults: memory.majorPageFaults,
      ...(memory.pressure && { psi: memory.pressure }),
    },
  };
}

function ioOf({ io, atMs }: CgroupUsage): object {
  return { io: { time: formatTime(atMs), ...(io && { psi: io.pressure }) } };
}

function swapOf({ atMs, memory: { swap, swapLimit } }: CgroupUsage): object {
  const available = swapLimit === undefined ? {} : { swapAvailableBytes: Math.max(swapLimit - swap, 0) };
  return { time: formatTime(atMs), ...available, swapUsageBytes: swap };
}

/** By this name the runtime makes the one that counts for a pod. */
const mainInterface = 'eth0';

function networkOf(interfaces: readonly InterfaceUsage[], atMs: number): object {
  const told = interfaces.map(({ name, received, sent }) => ({
    name,
    rxBytes: received.bytes,
    rxErrors: received.errors,
    txBytes: sent.bytes,
    txErrors: sent.errors,
  }));
  const main = told.find(({ name }) => name === mainInterface) ?? { name: '' };
  return { time: formatTime(atMs), ...main, interfaces: told };
}

function fsOf(usage: FilesystemUsage) {
  const { atMs, usedBytes, inodesUsed, availableBytes, capacityBytes, inodes, inodesFree } = usage;
  return { time: formatTime(atMs), availableBytes, capacityBytes, usedBytes, inodesFree, inodes, inodesUsed };
}

function volumeOf({ name, claim, ...usage }: VolumeUsage): object {
  return { ...fsOf(usage), name, ...(claim && { pvcRef: claim }) };
}

/** What of the node's disk goes when the pod goes. */
function ephemeralOf(containers: readonly ContainerUsage[], volumes: readonly VolumeUsage[]): object {
  const parts = [
    ...containers.flatMap(({ layer, logs }) => [layer, logs]),
    ...volumes.filter(({ isEphemeral }) => isEphemeral),
  ].filter((one) => one !== undefined);
  const [first] = parts;
  if (!first) return {};
  const sum = (key: 'usedBytes' | 'inodesUsed') => parts.reduce((total, one) => total + one[key], 0);
  return { 'ephemeral-storage': fsOf({ ...first, usedBytes: sum('usedBytes'), inodesUsed: sum('inodesUsed') }) };
}
