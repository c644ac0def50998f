/** What the scheduler tells of itself. https://kubernetes.io/docs/reference/instrumentation/metrics/ */
import {
  type Counter,
  type Distribution,
  growing,
  type Histogram,
  type MetricRegistry,
  type Value,
} from '#base/metrics.js';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

export interface QueueSizes {
  active: number;
  backoff: number;
  unschedulable: number;
  gated: number;
}

export interface CacheSizes {
  nodes: number;
  pods: number;
  assumed_pods: number;
}

/** So many attempts and more are not told apart. */
const attemptsMax = 15;

/** From a millisecond on, each twice the one before. */
const bounds = growing(0.001, 2, 15);
const labels = ['profile', 'result'];

export class SchedulerMetrics {
  readonly #attempts: Counter;
  readonly #durations: Histogram;
  readonly #scheduled: { attempts: Distribution; seconds: Histogram };
  readonly #algorithm: Distribution;
  readonly #preemptions: { attempts: Value; victims: Distribution };
  /** Of the scheduler that began last: one that loses the lead ends, and another begins when it leads again. */
  #sizes: (() => QueueSizes) | undefined;
  #cached: (() => CacheSizes) | undefined;

  constructor(registry: MetricRegistry) {
    const help = '[STABLE] Attempts to schedule pods, by their result';
    this.#attempts = registry.counter({ name: 'scheduler_schedule_attempts_total', help, labels });
    this.#durations = registry.histogram({
      name: 'scheduler_scheduling_attempt_duration_seconds',
      help: '[STABLE] How long an attempt to schedule a pod takes, its binding included',
      labels,
      bounds,
    });
    this.#scheduled = {
      attempts: registry
        .histogram({
          name: 'scheduler_pod_scheduling_attempts',
          help: '[STABLE] Attempts that it took to schedule a pod',
          bounds: [1, 2, 4, 8, 16],
        })
        .with(),
      seconds: registry.histogram({
        name: 'scheduler_pod_scheduling_sli_duration_seconds',
        help: '[BETA] How long it took to schedule a pod since it came into the queue, by the attempts',
        labels: ['attempts'],
        bounds: growing(0.01, 2, 20),
      }),
    };
    this.#algorithm = registry
      .histogram({
        name: 'scheduler_scheduling_algorithm_duration_seconds',
        help: '[ALPHA] How long it takes to choose a node',
        bounds,
      })
      .with();
    this.#preemptions = {
      attempts: registry
        .counter({ name: 'scheduler_preemption_attempts_total', help: '[STABLE] Times that pods were to make room' })
        .with(),
      victims: registry
        .histogram({
          name: 'scheduler_preemption_victims',
          help: '[STABLE] Pods that were chosen to make room for another',
          bounds: [1, 2, 4, 8, 16, 32, 64],
        })
        .with(),
    };
    registry.collected({
      name: 'scheduler_cache_size',
      type: 'gauge',
      help: '[ALPHA] Nodes and pods that the scheduler knows, and pods whose binding it waits for',
      labels: ['type'],
      collect: () => Object.entries(this.#cached?.() ?? {}).map(([type, value]) => ({ labels: [type], value })),
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

  /** `seconds` since it came into the queue. */
  scheduled(attempts: number, seconds: number): void {
    this.#scheduled.attempts.observe(attempts);
    this.#scheduled.seconds.with(attempts < attemptsMax ? String(attempts) : `${attemptsMax}+`).observe(seconds);
  }

  decided(seconds: number): void {
    this.#algorithm.observe(seconds);
  }

  preempted(victims: number): void {
    this.#preemptions.attempts.add();
    this.#preemptions.victims.observe(victims);
  }

  watch(sizes: () => QueueSizes, cached: () => CacheSizes): void {
    this.#sizes = sizes;
    this.#cached = cached;
  }
}
