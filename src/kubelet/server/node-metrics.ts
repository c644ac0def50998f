/** What a node tells of usage and of its own work, by path, in the form that each path has. */
import type { Log } from '#base/log.js';
import { resourceMetrics } from '../stats/resource-metrics.js';
import { StatsSummary } from '../stats/summary.js';
import type { UsageSource } from '../stats/usage.js';

export interface NodeMetricsOptions {
  usage: UsageSource;
  log: Log;
}

export class NodeMetrics {
  readonly #options: NodeMetricsOptions;
  readonly #summary: StatsSummary;
  readonly #briefSummary: StatsSummary;

  constructor(options: NodeMetricsOptions) {
    this.#options = options;
    this.#summary = new StatsSummary(options.usage);
    this.#briefSummary = new StatsSummary(options.usage);
  }

  /** Of /stats/summary. */
  async summary({ onlyCpuAndMemory }: { onlyCpuAndMemory: boolean }): Promise<object> {
    const summary = onlyCpuAndMemory ? this.#briefSummary : this.#summary;
    return summary.read({ onlyCpuAndMemory });
  }

  /** In Prometheus' form; undefined for a path that has none. */
  async text(path: string): Promise<string | undefined> {
    const { usage, log } = this.#options;
    if (path === 'metrics/resource')
      return resourceMetrics(usage, (err) => log.warn('resource metrics could not be had', { err }));
    return undefined;
  }
}
