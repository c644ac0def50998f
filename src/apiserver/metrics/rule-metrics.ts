/** How long rules in CEL of custom resources take, under upstream's names. */
import type { Clock } from '#base/clock.js';
import type { MetricRegistry } from '#base/metrics.js';

/** Runs the work and notes how long it took. */
export interface RuleObserver {
  compiling<T>(work: () => T): T;
  evaluating<T>(work: () => T): T;
}

/** Those that Prometheus' libraries have for want of others. */
export const standardBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function ruleMetrics(registry: MetricRegistry, clock: Clock): RuleObserver {
  const measuring = (name: string, help: string) => {
    const seconds = registry
      .histogram({ name: `apiserver_cel_${name}_duration_seconds`, help: `[BETA] ${help}`, bounds: standardBounds })
      .with();
    return <T>(work: () => T): T => {
      const startMs = clock.monotonic();
      try {
        return work();
      } finally {
        seconds.observe((clock.monotonic() - startMs) / 1000);
      }
    };
  };
  return {
    compiling: measuring('compilation', 'Time to compile rules in CEL.'),
    evaluating: measuring('evaluation', 'Time to evaluate rules in CEL.'),
  };
}
