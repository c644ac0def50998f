/** What a node is: its identity, size and versions; read from the machine, or made up for a simulated node. */
import { readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, release, totalmem } from 'node:os';
import type { NodeSystemInfo } from '#api/gen/core-v1.js';
import { canonicalQuantity, Quantity } from '#apimachinery/quantity.js';
import { type Signal, type Threshold, unitsOf } from './eviction/thresholds.js';

export interface NodeFacts {
  cpus: number;
  memoryBytes: number;
  diskBytes: number;
  pods: number;
  info: Omit<NodeSystemInfo, 'containerRuntimeVersion' | 'kubeletVersion' | 'kubeProxyVersion'>;
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

export type NodeAmounts = ReturnType<typeof nodeAmounts>;

/** The amounts as a node shows them; allocatable leaves what the hard eviction thresholds keep free. */
export function nodeAmounts({ cpus, memoryBytes, diskBytes, pods }: NodeFacts, thresholds: readonly Threshold[]) {
  // As the API writes them, or the status would seem to have changed with every look at it.
  const kib = (bytes: number) => canonicalQuantity(`${Math.floor(bytes / 1024)}Ki`);
  const common = { cpu: String(cpus), 'hugepages-1Gi': '0', 'hugepages-2Mi': '0', pods: String(pods) };
  const kept = (wanted: Signal, capacity: number) => {
    const value = thresholds.find(({ signal, graceMs }) => signal === wanted && graceMs === 0)?.value;
    return value ? unitsOf(value, capacity) : 0;
  };
  return {
    capacity: { ...common, 'ephemeral-storage': kib(diskBytes), memory: kib(memoryBytes) },
    allocatable: {
      ...common,
      'ephemeral-storage': Quantity.of(Math.max(diskBytes - kept('nodefs.available', diskBytes), 0)).toString(),
      memory: kib(Math.max(memoryBytes - kept('memory.available', memoryBytes), 0)),
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
