/** What the scheduler tells of itself. https://kubernetes.io/docs/reference/instrumentation/metrics/ */
import type { Counter, Histogram, MetricRegistry } from '#base/metrics.js';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

export interface QueueSizes {
  active: number;
  backoff: number;
  unschedulable: number;
  gated: number;
}

/** From a millisecond on, each twice the one before. */
const bounds = Array.from({ length: 15 }, (_, step) => 0.001 * 2 ** step);
const labels = ['profile', 'result'];

export class SchedulerMetrics {
  readonly #attempts: Counter;
  readonly #durations: Histogram;
  /** Of the scheduler that began last: one that loses the lead ends, and another begins when it leads again. */
  #sizes: (() => QueueSizes) | undefined;

  constructor(registry: MetricRegistry) {
    const help = '[STABLE] Attempts to schedule pods, by their result';
    this.#attempts = registry.counter({ name: 'scheduler_schedule_attempts_total', help, labels });
    this.#durations = registry.histogram({
      name: 'scheduler_scheduling_attempt_duration_seconds',
      help: '[STABLE] How long an attempt to schedule a pod takes, its binding included',
      labels,
      bounds,
    });
    registry.collected({
      name: 'scheduler_pending_pods',
      type: 'gauge',
      help: '[STABLE] Pods that are not scheduled yet, by the queue they are in',
      labels: ['queue'],
      collect: () => Object.entries(this.#sizes?.() ?? {}).map(([queue, value]) => ({ labels: [queue], value })),
    });
  }

  attempted(profile: string, result: AttemptResult, seconds: number): void {
    this.#attempts.with(profile, result).add();
    this.#durations.with(profile, result).observe(seconds);
  }

  watchQueue(sizes: () => QueueSizes): void {
    this.#sizes = sizes;
  }
}
