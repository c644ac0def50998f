/** `/metrics` and `/metrics/slis`: everything that the API server counts of itself, in one place. */
import type { FeatureGates } from '#apimachinery/features/gates.js';
import type { Clock } from '#base/clock.js';
import { MetricRegistry } from '#base/metrics.js';
import { addProcessMetrics } from '#base/process-metrics.js';
import { addRuntimeMetrics } from '#base/runtime-metrics.js';
import type { RemoteApi } from '../aggregation/remote-api.js';
import type { AuditCounts } from '../audit/audit.js';
import type { Answer } from '../call.js';
import type { FlowControl } from '../flow-control/flow-control.js';
import { FlowMetrics } from '../flow-control/flow-metrics.js';
import type { HealthEndpoint } from '../health.js';
import type { PathHandler } from '../path-handler.js';
import type { ObjectRegistry } from '../registry/store.js';
import { AdmissionCallMetrics } from './admission-call-metrics.js';
import { type AdmissionObserver, admissionMetrics } from './admission-metrics.js';
import { addAuditMetrics } from './audit-metrics.js';
import { PodSecurityMetrics } from './pod-security-metrics.js';
import { RequestMetrics } from './request-metrics.js';
import { type RuleObserver, ruleMetrics } from './rule-metrics.js';
import { StorageRequests } from './storage-requests.js';
import { addStoreMetrics } from './store-metrics.js';
import { tokenMetrics } from './token-metrics.js';

export interface ServerMetricsOptions {
  clock: Clock;
  flow: () => FlowControl;
  registry: () => ObjectRegistry;
  gates: FeatureGates;
  /** Undefined where nothing is audited. */
  audit: () => AuditCounts | undefined;
  /** `gitVersion` and the like, as `/version` tells them. */
  build: Record<string, string>;
}

const buildLabels = [
  'build_date',
  'compiler',
  'git_commit',
  'git_tree_state',
  'git_version',
  'go_version',
  'major',
  'minor',
  'platform',
];

export class ServerMetrics {
  /** Others of the same process may add theirs. */
  readonly registry = new MetricRegistry();
  readonly requests: RequestMetrics;
  readonly flow: FlowMetrics;
  readonly rules: RuleObserver;
  readonly tokens = tokenMetrics(this.registry);
  readonly storage: StorageRequests;
  readonly admissionCalls = new AdmissionCallMetrics(this.registry);
  readonly admission: AdmissionObserver;
  readonly podSecurity = new PodSecurityMetrics(this.registry);
  readonly #unavailable = this.registry.counter({
    name: 'aggregator_unavailable_apiservice_total',
    help: '[ALPHA] Times that the server behind an APIService was found not to be available, by the reason.',
    labels: ['name', 'reason'],
  });
  readonly #indicators = new MetricRegistry();
  readonly #health: { state: ReturnType<MetricRegistry['gauge']>; total: ReturnType<MetricRegistry['counter']> };

  constructor({ clock, flow, registry, gates, audit, build }: ServerMetricsOptions) {
    this.requests = new RequestMetrics(this.registry);
    this.admission = admissionMetrics(this.registry);
    this.flow = new FlowMetrics(this.registry, () => flow().levels);
    this.#health = {
      state: this.#indicators.gauge({
        name: 'kubernetes_healthcheck',
        help: '[STABLE] Whether a health check passed when it last ran.',
        labels: ['name', 'type'],
      }),
      total: this.#indicators.counter({
        name: 'kubernetes_healthchecks_total',
        help: '[STABLE] Runs of health checks by outcome.',
        labels: ['name', 'status', 'type'],
      }),
    };
    this.rules = ruleMetrics(this.registry, clock);
    this.storage = new StorageRequests(this.registry, clock);
    addProcessMetrics(this.registry, clock);
    addRuntimeMetrics(this.registry, build['goVersion'] ?? '');
    addAuditMetrics(this.registry, audit);
    this.#addInFlight(flow);
    addStoreMetrics(this.registry, registry);
    this.registry.collected({
      name: 'kubernetes_feature_enabled',
      type: 'gauge',
      help: '[BETA] Whether a feature gate is enabled, and its stage.',
      labels: ['name', 'stage'],
      collect: () =>
        [...gates.states()]
          .sort((a, b) => (a.name < b.name ? -1 : 1))
          .map(({ name, stage, enabled }) => ({
            labels: [name, stage === 'GA' ? '' : stage],
            value: Number(enabled),
          })),
    });
    this.registry.collected({
      name: 'kubernetes_build_info',
      type: 'gauge',
      help: '[BETA] Always 1; the labels tell which version this is.',
      labels: buildLabels,
      collect: () => [{ labels: buildLabels.map((label) => build[camelCase(label)] ?? ''), value: 1 }],
    });
    const { emulationMajor, emulationMinor, minCompatibilityMajor, minCompatibilityMinor, major, minor } = build;
    const versions = [`${major}.${minor}`, `${emulationMajor}.${emulationMinor}`];
    this.registry.collected({
      name: 'version_info',
      type: 'gauge',
      help: '[ALPHA] Always 1; the labels tell with which versions this one goes.',
      labels: ['component', 'binary', 'emulation', 'min_compat'],
      collect: () => [{ labels: ['kube', ...versions, `${minCompatibilityMajor}.${minCompatibilityMinor}`], value: 1 }],
    });
  }

  checked(name: string, endpoint: HealthEndpoint, passed: boolean): void {
    this.#health.state.with(name, endpoint).set(passed ? 1 : 0);
    this.#health.total.with(name, passed ? 'success' : 'error', endpoint).add();
  }

  /** The server behind an APIService is found not to be available. */
  unavailable(name: string, reason: string): void {
    this.#unavailable.with(name, reason).add();
  }

  /** Which servers of groups are not to be had: this one, whose APIServices are `local`, always is. */
  watchAggregation(remotes: () => Iterable<RemoteApi>, local: () => Iterable<string>): void {
    this.registry.collected({
      name: 'aggregator_unavailable_apiservice',
      type: 'gauge',
      help: '[ALPHA] Whether the server behind an APIService is not available',
      labels: ['name'],
      collect: () => [
        ...[...local()].map((name) => ({ labels: [name], value: 0 })),
        ...[...remotes()].map(({ service, isAvailable }) => ({
          labels: [service.metadata.name ?? ''],
          value: isAvailable ? 0 : 1,
        })),
      ],
    });
  }

  readonly answer: PathHandler = (_, { path }): Answer | undefined => {
    const found = { '/metrics': this.registry, '/metrics/slis': this.#indicators }[path];
    return found && { type: 'bytes', code: 200, contentType: metricsMediaType, body: found.expose() };
  };

  #addInFlight(flow: () => FlowControl): void {
    this.registry.collected({
      name: 'apiserver_current_inflight_requests',
      type: 'gauge',
      help: '[STABLE] Requests in work, those that change something and the others.',
      labels: ['request_kind'],
      collect: () => {
        const { reads, writes } = flow().inFlight;
        return [
          { labels: ['mutating'], value: writes },
          { labels: ['readOnly'], value: reads },
        ];
      },
    });
  }
}

/** Prometheus' text format, which every version of it reads; upstream offers no other. */
const metricsMediaType = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

function camelCase(label: string): string {
  return label.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
