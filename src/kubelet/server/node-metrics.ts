/** What a node tells of usage and of its own work, by path, in the form that each path has. */
import type { Log } from '#base/log.js';
import { MetricRegistry } from '#base/metrics.js';
import type { Measured } from '../kubelet.js';
import { resourceMetrics } from '../stats/resource-metrics.js';
import { StatsSummary } from '../stats/summary.js';
import type { FilesystemUsage, UsageSource } from '../stats/usage.js';
import { kubeletConfiguration } from './configuration.js';

export class NodeMetrics {
  readonly #options: Measured & { log: Log };
  readonly #summary: StatsSummary;
  readonly #briefSummary: StatsSummary;

  constructor(options: Measured & { log: Log }) {
    this.#options = options;
    this.#summary = new StatsSummary(options.usage);
    this.#briefSummary = new StatsSummary(options.usage);
  }

  get metrics(): Measured['metrics'] {
    return this.#options.metrics;
  }

  /** Of /configz. */
  get configuration(): object {
    return kubeletConfiguration(this.#options.configured);
  }

  /** Of /stats/summary. */
  async summary({ onlyCpuAndMemory }: { onlyCpuAndMemory: boolean }): Promise<object> {
    const summary = onlyCpuAndMemory ? this.#briefSummary : this.#summary;
    return summary.read({ onlyCpuAndMemory });
  }

  /** In Prometheus' form; undefined for a path that has none. */
  async text(path: string): Promise<string | undefined> {
    const { usage, log, metrics, facts } = this.#options;
    const failed = (err: unknown) => log.warn('usage could not be had', { err });
    if (path === 'metrics') return metrics.own.expose() + (await volumeMetrics(usage, failed));
    if (path === 'metrics/probes') return metrics.probes.expose();
    if (path === 'metrics/resource') return resourceMetrics(usage, failed);
    if (path !== 'metrics/cadvisor') return undefined;
    const { cadvisorMetrics } = await import('../stats/cadvisor-metrics.js');
    return cadvisorMetrics(usage, { facts, failed });
  }
}

type Amount = Exclude<keyof FilesystemUsage, 'atMs' | 'device'>;

const volumeAmounts: readonly { name: string; help: string; amount: Amount }[] = [
  { name: 'available_bytes', help: 'Bytes of the volume that are free.', amount: 'availableBytes' },
  { name: 'capacity_bytes', help: 'Bytes that the volume can hold.', amount: 'capacityBytes' },
  { name: 'inodes', help: 'Inodes that the volume can hold.', amount: 'inodes' },
  { name: 'inodes_free', help: 'Inodes of the volume that are free.', amount: 'inodesFree' },
  { name: 'inodes_used', help: 'Inodes of the volume that are in use.', amount: 'inodesUsed' },
  { name: 'used_bytes', help: 'Bytes of the volume that are in use.', amount: 'usedBytes' },
];

/** Of volumes that pods have by claims. */
async function volumeMetrics(usage: UsageSource, failed: (error: unknown) => void): Promise<string> {
  const pods = await usage.pods({ detailed: true }).catch((error: unknown) => {
    failed(error);
    return [];
  });
  const claimed = pods.flatMap(({ volumes }) => volumes.filter(({ claim }) => claim));
  const byClaim = new Map(claimed.map((volume) => [`${volume.claim!.namespace}/${volume.claim!.name}`, volume]));
  const registry = new MetricRegistry();
  for (const { name, help, amount } of volumeAmounts) {
    registry.collected({
      name: `kubelet_volume_stats_${name}`,
      type: 'gauge',
      help: `[ALPHA] ${help}`,
      labels: ['namespace', 'persistentvolumeclaim'],
      collect: () =>
        [...byClaim.values()].flatMap(({ claim, ...volume }) => {
          const value = volume[amount];
          return value === undefined ? [] : [{ labels: [claim!.namespace, claim!.name], value }];
        }),
    });
  }
  return registry.expose();
}
