/** Who was let in and what was allowed, under upstream's names: counts and times by result. */
import { type Counter, type Distribution, growing, type Histogram, type MetricRegistry } from '#base/metrics.js';
import type { Decision } from '../authorization/authorizer.js';

/** From a millisecond on, each twice the one before. */
const bounds = growing(0.001, 2, 15);
const filterBounds = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5, 10, 15, 30];
const hour = 3600;
const day = 24 * hour;
/** Alerts look at those of a day and of a week. */
const lifetimeBounds = [
  ...[0, hour / 2, hour, 2 * hour, 6 * hour, 12 * hour],
  ...[1, 2, 4, 7, 30, 90, 180, 360].map((days) => days * day),
];
const labels = ['result'];

const results: Record<Decision['decision'], string> = { allow: 'allowed', deny: 'denied', 'no opinion': 'no-opinion' };

/** Told apart by name; of others there may be any number. */
const knownUsers = new Set(['admin', 'client', 'kube_proxy', 'kubelet', 'system:serviceaccount:kube-system:default']);

export type AuthenticationResult = 'success' | 'failure' | 'error';

export class AccessMetrics {
  readonly #users: Counter;
  readonly #authentications: { count: Counter; seconds: Histogram };
  readonly #authorizations: { count: Counter; seconds: Histogram };
  readonly #certificates: Distribution;

  readonly #filters: Histogram;

  constructor(registry: MetricRegistry) {
    this.#filters = registry.histogram({
      name: 'apiserver_request_filter_duration_seconds',
      help: '[ALPHA] Time that the stations before the handler took, by station.',
      labels: ['filter'],
      bounds: filterBounds,
    });
    const counter = (name: string, help: string, names = labels) => registry.counter({ name, help, labels: names });
    const histogram = (name: string, help: string) => registry.histogram({ name, help, labels, bounds });
    this.#users = counter('authenticated_user_requests', '[ALPHA] Requests by who made them.', ['username']);
    this.#authentications = {
      count: counter('authentication_attempts', '[ALPHA] Requests by whether it was found out who made them.'),
      seconds: histogram('authentication_duration_seconds', '[ALPHA] Time to find out who makes a request.'),
    };
    this.#certificates = registry
      .histogram({
        name: 'apiserver_client_certificate_expiration_seconds',
        help: '[ALPHA] Seconds that the certificates of requests have left.',
        bounds: lifetimeBounds,
      })
      .with();
    this.#authorizations = {
      count: counter('authorization_attempts_total', '[ALPHA] Requests by what was decided of them.'),
      seconds: histogram('authorization_duration_seconds', '[ALPHA] Time to decide whether a request is allowed.'),
    };
  }

  /** `seconds` that the certificate of a request has left. */
  certificate(seconds: number): void {
    this.#certificates.observe(seconds);
  }

  authenticated(result: AuthenticationResult, { seconds, user }: { seconds: number; user?: string }): void {
    this.#authentications.count.with(result).add();
    this.#authentications.seconds.with(result).observe(seconds);
    this.#filters.with('authentication').observe(seconds);
    if (user !== undefined) this.#users.with(shownUser(user)).add();
  }

  authorized({ decision, error }: Decision, seconds: number): void {
    const result = error && decision !== 'allow' ? 'error' : results[decision];
    this.#authorizations.count.with(result).add();
    this.#authorizations.seconds.with(result).observe(seconds);
    this.#filters.with('authorization').observe(seconds);
  }
}

function shownUser(name: string): string {
  if (knownUsers.has(name)) return name;
  return name.includes('@') ? 'email_id' : 'other';
}
