/** GET /metrics/resource: processor and memory of node, pods and containers, which is what metrics-server reads. */
import { type CollectedOptions, MetricRegistry, type Sample } from '#base/metrics.js';
import type { CgroupUsage, PodUsage, UsageSource } from './usage.js';

const container = ['container', 'pod', 'namespace'];
const pod = ['pod', 'namespace'];
type Row = Pick<CollectedOptions, 'name' | 'type' | 'help' | 'labels'>;

const cpu = (what: string, labels?: string[]): Row => ({
  name: `${what}_cpu_usage_seconds_total`,
  type: 'counter',
  help: `[STABLE] Processor time that the ${what} has used, in core-seconds`,
  labels,
});
const memory = (what: string, labels?: string[]): Row => ({
  name: `${what}_memory_working_set_bytes`,
  type: 'gauge',
  help: `[STABLE] Memory that the ${what} works with now, in bytes`,
  labels,
});
const swap = (what: string, labels?: string[]): Row => ({
  name: `${what}_swap_usage_bytes`,
  type: 'gauge',
  help: `[ALPHA] Swap that the ${what} uses now, in bytes`,
  labels,
});
const swapLimit: Row = {
  name: 'container_swap_limit_bytes',
  type: 'gauge',
  help: '[ALPHA] Swap that the container may use, in bytes',
  labels: container,
};
const startTime: Row = {
  name: 'container_start_time_seconds',
  type: 'gauge',
  help: '[STABLE] When the container was started, in seconds since the Unix epoch',
  labels: container,
};
const scrapeError: Row = {
  name: 'resource_scrape_error',
  type: 'gauge',
  help: '[STABLE] 1 if the metrics of containers could not be had, 0 otherwise',
};

export async function resourceMetrics(source: UsageSource, failed: (error: unknown) => void): Promise<string> {
  const registry = new MetricRegistry();
  const add = (row: Row, samples: readonly Sample[]) => registry.collected({ ...row, collect: () => samples });
  try {
    const [node, pods] = await Promise.all([source.node(), source.pods({ detailed: false })]);
    addUsage(add, { what: 'node' }, [{ labels: [], own: node.own }]);
    const containers = pods.flatMap((one) =>
      one.containers.map(({ name, createdAtMs, own }) => ({ labels: [name, ...namesOf(one)], createdAtMs, own })),
    );
    addUsage(add, { what: 'container', labels: container }, containers);
    add(
      swapLimit,
      containers.flatMap(({ labels, own }) => {
        const { swapLimit: value } = own.memory;
        return value === undefined ? [] : [{ labels, value, timeMs: own.atMs }];
      }),
    );
    add(
      startTime,
      containers.map(({ labels, createdAtMs }) => ({ labels, value: createdAtMs / 1000 })),
    );
    const counted = pods.flatMap((one) => (one.own ? [{ labels: namesOf(one), own: one.own }] : []));
    addUsage(add, { what: 'pod', labels: pod }, counted);
    add(scrapeError, [{ value: 0 }]);
    return registry.expose();
  } catch (error) {
    failed(error);
    const empty = new MetricRegistry();
    empty.collected({ ...scrapeError, collect: () => [{ value: 1 }] });
    return empty.expose();
  }
}

function addUsage(
  add: (row: Row, samples: Sample[]) => void,
  { what, labels }: { what: string; labels?: string[] },
  all: readonly { labels: readonly string[]; own: CgroupUsage }[],
): void {
  const samples = (of: (usage: CgroupUsage) => number) =>
    all.map((one) => ({ labels: one.labels, value: of(one.own), timeMs: one.own.atMs }));
  add(
    cpu(what, labels),
    samples((usage) => Number(usage.cpu.usage) / 1e9),
  );
  add(
    memory(what, labels),
    samples((usage) => usage.memory.workingSet),
  );
  add(
    swap(what, labels),
    samples((usage) => usage.memory.swap),
  );
}

function namesOf({ pod: { metadata } }: PodUsage): string[] {
  return [metadata.name ?? '', metadata.namespace ?? ''];
}
