/** What a node is: its identity, size and versions; read from the machine, or made up for a simulated node. */
import { readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, freemem, release, totalmem } from 'node:os';
import type { NodeSystemInfo } from '#api/gen/core-v1.js';
import { canonicalQuantity, Quantity } from '#apimachinery/quantity.js';

export interface NodeFacts {
  cpus: number;
  memoryBytes: number;
  diskBytes: number;
  pods: number;
  info: Omit<NodeSystemInfo, 'containerRuntimeVersion' | 'kubeletVersion' | 'kubeProxyVersion'>;
}

/** What is in short supply, by upstream's default eviction thresholds. */
export interface NodePressure {
  memory: boolean;
  disk: boolean;
  pids: boolean;
}

export const podsMaxDefault = 110;
/** Go's names, which images and node selectors use. */
const architectures: Record<string, string> = { x64: 'amd64', ia32: '386' };

export async function readMachine(root: string): Promise<NodeFacts> {
  const [machineID, systemUUID, bootID, osRelease, disk] = await Promise.all([
    readText('/etc/machine-id'),
    readText('/sys/class/dmi/id/product_uuid'),
    readText('/proc/sys/kernel/random/boot_id'),
    readText('/etc/os-release'),
    statfs(root),
  ]);
  return {
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    diskBytes: disk.blocks * disk.bsize,
    pods: podsMaxDefault,
    info: {
      machineID,
      systemUUID,
      bootID,
      kernelVersion: release(),
      osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
      operatingSystem: 'linux',
      architecture: goArchitecture(),
    },
  };
}

export function goArchitecture(): string {
  return architectures[arch()] ?? arch();
}

export function simulatedFacts(
  name: string,
  size: { cpus?: number; memoryBytes?: number; pods?: number } = {},
): NodeFacts {
  const { cpus = 32, memoryBytes = 256 * 2 ** 30, pods = podsMaxDefault } = size;
  return {
    cpus,
    memoryBytes,
    diskBytes: 2 ** 40,
    pods,
    info: {
      machineID: name,
      systemUUID: name,
      bootID: name,
      kernelVersion: 'simulated',
      osImage: 'simulated',
      operatingSystem: 'linux',
      architecture: goArchitecture(),
    },
  };
}

const memoryAvailableBytesMin = 100 * 2 ** 20;
const diskAvailableFractionMin = 0.1;
const inodesFreeFractionMin = 0.05;

export async function readPressure(root: string): Promise<NodePressure> {
  const [meminfo, disk, pidMax, load] = await Promise.all([
    readText('/proc/meminfo'),
    statfs(root),
    readText('/proc/sys/kernel/pid_max'),
    readText('/proc/loadavg'),
  ]);
  const availableKib = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1];
  const availableBytes = availableKib ? Number(availableKib) * 1024 : freemem();
  const tasks = Number(/\/(\d+)/.exec(load)?.[1] ?? 0);
  return {
    memory: availableBytes < memoryAvailableBytesMin,
    disk: disk.bavail < disk.blocks * diskAvailableFractionMin || disk.ffree < disk.files * inodesFreeFractionMin,
    pids: tasks >= Number(pidMax || Number.POSITIVE_INFINITY),
  };
}

/** The amounts as a node shows them; allocatable leaves what the eviction thresholds keep free. */
export function nodeAmounts({ cpus, memoryBytes, diskBytes, pods }: NodeFacts) {
  // As the API writes them, or the status would seem to have changed with every look at it.
  const kib = (bytes: number) => canonicalQuantity(`${Math.floor(bytes / 1024)}Ki`);
  const common = { cpu: String(cpus), 'hugepages-1Gi': '0', 'hugepages-2Mi': '0', pods: String(pods) };
  return {
    capacity: { ...common, 'ephemeral-storage': kib(diskBytes), memory: kib(memoryBytes) },
    allocatable: {
      ...common,
      'ephemeral-storage': Quantity.of(Math.floor(diskBytes * (1 - diskAvailableFractionMin))).toString(),
      memory: kib(Math.max(memoryBytes - memoryAvailableBytesMin, 0)),
    },
  };
}

async function readText(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Not every machine has every file, and virtual ones hide some.
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EPERM') return '';
    throw error;
  }
}
