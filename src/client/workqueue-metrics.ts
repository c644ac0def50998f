/** What work queues tell of themselves, under the names that client-go gives it. */
import type { MetricRegistry } from '#base/metrics.js';
import type { WorkQueueMetrics } from './workqueue.js';

/** From ten nanoseconds on, each ten times the one before; multiplied, since upstream's bounds have the errors of that. */
const bounds = [1e-8];
while (bounds.length < 10) bounds.push(bounds.at(-1)! * 10);
const labels = ['name'];

export function workQueueMetrics(registry: MetricRegistry): Required<Omit<WorkQueueMetrics, 'refused'>> {
  const [depth, adds, retries] = [
    registry.gauge({ name: 'workqueue_depth', help: '[BETA] Keys that wait in a work queue', labels }),
    registry.counter({ name: 'workqueue_adds_total', help: '[BETA] Keys added to a work queue', labels }),
    registry.counter({ name: 'workqueue_retries_total', help: '[BETA] Keys added again after a failure', labels }),
  ];
  const histogram = (name: string, help: string) => registry.histogram({ name, help, labels, bounds });
  const waited = histogram('workqueue_queue_duration_seconds', '[BETA] How long a key waits before work on it begins');
  const worked = histogram('workqueue_work_duration_seconds', '[BETA] How long work on a key takes');
  const queues = new Map<string, () => number[]>();
  const ofWork = (name: string, help: string, of: (ms: number[]) => number) =>
    registry.collected({
      name,
      help,
      labels,
      type: 'gauge',
      collect: () => [...queues].map(([queue, workingMs]) => ({ labels: [queue], value: of(workingMs()) / 1000 })),
    });
  ofWork('workqueue_unfinished_work_seconds', '[BETA] How long the work that is going on has taken in all', (ms) =>
    ms.reduce((sum, one) => sum + one, 0),
  );
  ofWork('workqueue_longest_running_processor_seconds', '[BETA] How long the longest work has been going on', (ms) =>
    Math.max(0, ...ms),
  );
  return {
    opened: (queue, workingMs) => queues.set(queue, workingMs),
    added: (queue) => adds.with(queue).add(),
    depth: (queue, keys) => depth.with(queue).set(keys),
    waited: (queue, ms) => waited.with(queue).observe(ms / 1000),
    worked: (queue, ms) => worked.with(queue).observe(ms / 1000),
    retried: (queue) => retries.with(queue).add(),
  };
}
