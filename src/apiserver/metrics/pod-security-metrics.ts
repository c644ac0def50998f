/**
 * What pod security decided, under upstream's names: every decision to enforce, and what would have been refused by what
 * is only audited or warned of. https://kubernetes.io/docs/concepts/security/pod-security-admission/#metrics
 */
import type { Counter, MetricRegistry } from '#base/metrics.js';
import type { PodSecurityObservation } from '../admission/pod-security/observation.js';

const requestLabels = ['request_operation', 'resource', 'subresource'];

export class PodSecurityMetrics {
  readonly #evaluations: Counter;
  readonly #exemptions: Counter;

  constructor(registry: MetricRegistry) {
    this.#evaluations = registry.counter({
      name: 'pod_security_evaluations_total',
      help: '[ALPHA] Pods and templates that were held to a level, without those that are exempt.',
      labels: ['decision', 'policy_level', 'policy_version', 'mode', ...requestLabels],
    });
    this.#exemptions = registry.counter({
      name: 'pod_security_exemptions_total',
      help: '[ALPHA] Requests that are exempt.',
      labels: requestLabels,
    });
  }

  evaluated({ request, outcome }: PodSecurityObservation): void {
    const { operation, resource, subresource } = request;
    const about = [operation.toLowerCase(), resource.plural === 'pods' ? 'pod' : 'controller', subresource];
    if (outcome === 'exempt') this.#exemptions.with(...about).add();
    else this.#evaluations.with(outcome.decision, outcome.level, outcome.version, outcome.mode, ...about).add();
  }
}
