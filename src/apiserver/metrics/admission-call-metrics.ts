/**
 * What admission webhooks and policies do, told under upstream's names.
 * https://kubernetes.io/docs/reference/instrumentation/metrics/
 */
import type { Counter, Histogram, MetricRegistry } from '#base/metrics.js';
import type { PolicyObservation } from '../admission/policy/observation.js';
import type { CallObservation } from '../admission/webhook/call.js';

const prefix = 'apiserver_admission_';
/** Whatever a webhook answers, there are not many series. */
const codeMax = 600;

export class AdmissionCallMetrics {
  readonly #policies: Record<PolicyObservation['kind'], { durations: Histogram; checks: Counter }>;
  readonly #webhooks: { durations: Histogram; rejections: Counter; failedOpen: Counter; requests: Counter };

  constructor(registry: MetricRegistry) {
    const counter = (name: string, help: string, ...more: string[]) =>
      registry.counter({ name: `${prefix}${name}`, help, labels: ['name', 'type', ...more] });
    this.#webhooks = {
      durations: registry.histogram({
        name: `${prefix}webhook_admission_duration_seconds`,
        help: '[STABLE] How long each webhook took.',
        labels: ['name', 'type', 'operation', 'rejected'],
        bounds: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25],
      }),
      rejections: counter(
        'webhook_rejection_count',
        '[ALPHA] Requests that webhooks rejected, or that were for want of their answers.',
        ...['operation', 'error_type', 'rejection_code'],
      ),
      failedOpen: counter('webhook_fail_open_count', '[ALPHA] Requests let through for want of an answer.'),
      requests: counter(
        'webhook_request_total',
        '[ALPHA] Requests that webhooks were asked about.',
        ...['operation', 'code', 'rejected'],
      ),
    };
    this.#policies = {
      validating: policyFamilies(registry, 'validating', '[BETA]'),
      mutating: policyFamilies(registry, 'mutating', '[ALPHA]'),
    };
  }

  readonly webhook = (observation: CallObservation): void => {
    const { webhook, type, request, durationMs, rejected, error, failedOpen } = observation;
    const { operation } = request;
    const { durations, rejections, requests, failedOpen: open } = this.#webhooks;
    const code = String(Math.min(observation.code, codeMax));
    durations.with(webhook, type, operation, String(rejected)).observe(durationMs / 1000);
    requests.with(webhook, type, operation, code, String(rejected)).add();
    if (failedOpen) open.with(webhook, type).add();
    if (rejected) rejections.with(webhook, type, operation, error ?? 'no_error', code).add();
  };

  readonly policy = ({ kind, policy, binding, error, action, durationMs }: PolicyObservation): void => {
    const labels = [policy, binding, error, ...(action === undefined ? [] : [action])];
    const { durations, checks } = this.#policies[kind];
    checks.with(...labels).add();
    durations.with(...labels).observe(durationMs / 1000);
  };
}

function policyFamilies(registry: MetricRegistry, kind: PolicyObservation['kind'], level: string) {
  const labels = ['policy', 'policy_binding', 'error_type', ...(kind === 'validating' ? ['enforcement_action'] : [])];
  const name = (what: string) => `apiserver_${kind}_admission_policy_${what}`;
  return {
    checks: registry.counter({
      name: name('check_total'),
      help: `${level} Evaluations of expressions of ${kind} admission policies.`,
      labels,
    }),
    durations: registry.histogram({
      name: name('check_duration_seconds'),
      help: `${level} How long expressions of ${kind} admission policies took.`,
      labels,
      bounds: [0.0000005, 0.001, 0.01, 0.1, 1],
    }),
  };
}
