/** How long admission takes, as a whole and by plugin, under upstream's names. */
import type { Distribution, MetricRegistry } from '#base/metrics.js';

export type AdmissionStep = 'admit' | 'validate';

/** Of one plugin or one step; kept by whoever counts. */
export interface AdmissionSeries {
  observe(operation: string, outcome: { seconds: number; rejected: boolean }): void;
}

/** `name` undefined: of a whole step. */
export type AdmissionObserver = (type: AdmissionStep, name?: string) => AdmissionSeries;

const bounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5];

export function admissionMetrics(registry: MetricRegistry): AdmissionObserver {
  const steps = registry.histogram({
    name: 'apiserver_admission_step_admission_duration_seconds',
    help: '[STABLE] Time that a step of admission took, by operation and whether it refused',
    labels: ['type', 'operation', 'rejected'],
    bounds,
  });
  const plugins = registry.histogram({
    name: 'apiserver_admission_controller_admission_duration_seconds',
    help: '[STABLE] Time that an admission plugin took, by operation and whether it refused',
    labels: ['name', 'type', 'operation', 'rejected'],
    bounds,
  });
  return (type, name) => {
    const known = new Map<string, Distribution>();
    const make = (operation: string, rejected: string) =>
      name === undefined ? steps.with(type, operation, rejected) : plugins.with(name, type, operation, rejected);
    return {
      observe(operation, { seconds, rejected }) {
        if (rejected) return make(operation, 'true').observe(seconds);
        let series = known.get(operation);
        if (!series) known.set(operation, (series = make(operation, 'false')));
        series.observe(seconds);
      },
    };
  };
}
