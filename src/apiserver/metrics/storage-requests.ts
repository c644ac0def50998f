/**
 * What a resource asks of the store and how long that takes, under the names that upstream has for its requests to etcd:
 * dashboards and alerts look for these.
 */
import type { Clock } from '#base/clock.js';
import type { Counter, Distribution, Histogram, MetricRegistry, Value } from '#base/metrics.js';
import type { StoreObserver, StoreOperation } from '../registry/observed-store.js';
import { durationBounds } from './request-metrics.js';

export class StorageRequests {
  readonly #requests: Counter;
  readonly #errors: Counter;
  readonly #durations: Histogram;
  readonly #clock: Clock;

  constructor(registry: MetricRegistry, clock: Clock) {
    const labels = ['operation', 'group', 'resource'];
    const counter = (name: string, help: string) => registry.counter({ name, help, labels });
    this.#clock = clock;
    this.#requests = counter('etcd_requests_total', '[ALPHA] Requests to the store by operation and resource.');
    this.#errors = counter('etcd_request_errors_total', '[ALPHA] Requests to the store that failed.');
    this.#durations = registry.histogram({
      name: 'etcd_request_duration_seconds',
      help: '[ALPHA] Time that requests to the store took, by operation and resource.',
      labels,
      bounds: durationBounds,
    });
  }

  /** Counts the requests of this resource. */
  of({ group, plural }: { group: string; plural: string }): StoreObserver {
    const series = new Map<StoreOperation, { requests: Value; duration: Distribution }>();
    const seriesOf = (operation: StoreOperation) => {
      let found = series.get(operation);
      if (!found) {
        const labels = [operation, group, plural];
        found = { requests: this.#requests.with(...labels), duration: this.#durations.with(...labels) };
        series.set(operation, found);
      }
      return found;
    };
    return (operation) => {
      const startMs = this.#clock.monotonic();
      return (outcome) => {
        const { requests, duration } = seriesOf(operation);
        requests.value++;
        duration.observe((this.#clock.monotonic() - startMs) / 1000);
        if (outcome === 'failed') this.#errors.with(operation, group, plural).add();
      };
    };
  }
}
