/** What a node, its pods and their containers have used so far: the one value that all answers about usage are made of. */
import type { Pod } from '#api/gen/core-v1.js';

export interface NodeUsage {
  nodeName: string;
  bootedAtMs: number;
  own: CgroupUsage;
  interfaces: InterfaceUsage[];
  /** Where the kubelet keeps its files. */
  filesystem?: FilesystemUsage;
  images?: FilesystemUsage;
  processes?: { max: number; running: number; atMs: number };
}

export interface PodUsage {
  pod: Pod;
  createdAtMs: number;
  /** Of the cgroup of the pod, which is more than its containers'. */
  own?: CgroupUsage;
  sandbox?: { id: string; image: string; own: CgroupUsage };
  interfaces?: InterfaceUsage[];
  containers: ContainerUsage[];
  volumes: VolumeUsage[];
}

export interface ContainerUsage {
  id: string;
  name: string;
  image: string;
  createdAtMs: number;
  own: CgroupUsage;
  /** What it wrote beside its image and its volumes. */
  layer?: FilesystemUsage;
  logs?: FilesystemUsage;
}

/** Bytes and nanoseconds. What this machine does not count is left out. */
export interface CgroupUsage {
  atMs: number;
  cgroup: string;
  startedAtMs: number;
  cpu: {
    usage: bigint;
    user: bigint;
    system: bigint;
    shares?: number;
    periodUs?: number;
    /** Only of a limited one, as are the next three. */
    quotaUs?: number;
    periods?: number;
    throttledPeriods?: number;
    throttled?: bigint;
    pressure?: Pressure;
  };
  memory: {
    usage: number;
    workingSet: number;
    rss: number;
    cache: number;
    mapped: number;
    activeFile: number;
    inactiveFile: number;
    kernel: number;
    swap: number;
    /** undefined: unlimited, as are the next two. */
    limit?: number;
    swapLimit?: number;
    reservation?: number;
    max: number;
    failures: number;
    pageFaults: number;
    majorPageFaults: number;
    oomKills: number;
    pressure?: Pressure;
  };
  io?: { pressure: Pressure };
  devices?: DeviceUsage[];
  tasks?: { processes: number; threads: number; threadsMax: number };
}

/** Of a block device, `/dev/sda`. */
export interface DeviceUsage {
  device: string;
  reads: { bytes: number; count: number };
  writes: { bytes: number; count: number };
}

/** https://docs.kernel.org/accounting/psi.html; `total` in microseconds. */
export interface Pressure {
  some: PressureLine;
  full: PressureLine;
}

export interface PressureLine {
  avg10: number;
  avg60: number;
  avg300: number;
  total: number;
}

export interface InterfaceUsage {
  name: string;
  received: PacketCounts;
  sent: PacketCounts;
}

export interface PacketCounts {
  bytes: number;
  packets: number;
  errors: number;
  dropped: number;
}

export interface FilesystemUsage {
  atMs: number;
  /** What it lies on, where anybody asked. */
  device?: string;
  usedBytes: number;
  inodesUsed: number;
  availableBytes?: number;
  capacityBytes?: number;
  inodes?: number;
  inodesFree?: number;
}

export interface VolumeUsage extends FilesystemUsage {
  name: string;
  claim?: { name: string; namespace: string };
  /** Its bytes are those of the node's disk. */
  isEphemeral: boolean;
}

export interface UsageSource {
  node(): Promise<NodeUsage>;
  /** Of the pods that have something running; `detailed` with all that takes a look at disks. */
  pods(options: { detailed: boolean }): Promise<PodUsage[]>;
}
