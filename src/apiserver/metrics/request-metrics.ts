/**
 * Counts requests under upstream's names and labels. What is asked for often has its series kept, so that counting is
 * adding; only resources that are served get a series, so that nobody can make them at will.
 * https://kubernetes.io/docs/reference/instrumentation/metrics/
 */
import type { Counter, Distribution, Gauge, Histogram, MetricRegistry, Value } from '#base/metrics.js';
import type { RequestInfo } from '../request-info.js';
import { AccessMetrics } from './access-metrics.js';
import { SizeMetrics } from './size-metrics.js';

export const durationBounds = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

/** Of what the server is held to: nobody promises less than the first. */
const indicatorBounds = durationBounds.slice(durationBounds.indexOf(0.05));

const requestLabels = ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'];
const component = 'apiserver';

const verbs: Record<string, string> = {
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
};

const connectSubresources = new Set(['attach', 'exec', 'portforward', 'proxy']);
/** Of paths, as what and of which component they are counted. */
const countedPaths: Readonly<Record<string, readonly [shown: string, component: string]>> = {
  '/api': ['api', component],
  '/apis': ['apis', component],
  '/healthz': ['/healthz', ''],
  '/livez': ['/livez', ''],
  '/metrics': ['/metrics', component],
  '/openapi/v3': ['openapi/v3', ''],
  '/readyz': ['/readyz', ''],
  '/version': ['/version', component],
};
const otherPaths = ['', component] as const;

interface Series {
  readonly codes: Map<number, Value>;
  readonly countOf: (code: number) => Value;
  readonly duration: Distribution;
  readonly indicator: Distribution;
  readonly sizes: Distribution | undefined;
  /** Of requests, from the first that has one. */
  bodies?: Distribution | undefined;
  readonly running: Value;
}

export class RequestMetrics {
  readonly #series = new Map<string, Series>();
  readonly #total: Counter;
  readonly #duration: Histogram;
  readonly #indicator: Histogram;
  readonly #longRunning: Gauge;
  readonly #terminations: Counter;
  readonly #deprecated: Gauge;
  readonly access: AccessMetrics;
  readonly sizes: SizeMetrics;
  readonly #fieldValidation: Histogram;
  readonly #handshakes: Value;
  /** Counts what clients in this process ask for, as those of upstream's components do it. */
  readonly ofClients: ClientObserver;

  constructor(registry: MetricRegistry) {
    const labels = ['verb', 'dry_run', 'group', 'version', 'resource', 'subresource', 'scope', 'component'];
    this.#total = registry.counter({
      name: 'apiserver_request_total',
      help: '[STABLE] Requests by verb, dry run, resource, scope, component and code of the answer.',
      labels: [...labels, 'code'],
    });
    this.#duration = registry.histogram({
      name: 'apiserver_request_duration_seconds',
      help: '[STABLE] Time until the answer to a request, by verb, dry run, resource, scope and component.',
      labels,
      bounds: durationBounds,
    });
    this.#indicator = registry.histogram({
      name: 'apiserver_request_sli_duration_seconds',
      help: '[ALPHA] The same without the time that webhooks took.',
      labels: requestLabels,
      bounds: indicatorBounds,
    });
    registry.renamed(this.#indicator, {
      name: 'apiserver_request_slo_duration_seconds',
      help: '[ALPHA] The same under the name that it had before.',
    });
    this.#fieldValidation = registry.histogram({
      name: 'field_validation_request_duration_seconds',
      help: '[ALPHA] Time until the answer to a write, by what it wants of unknown fields.',
      labels: ['field_validation'],
      bounds: indicatorBounds,
    });
    this.#longRunning = registry.gauge({
      name: 'apiserver_longrunning_requests',
      help: '[STABLE] Requests in work that last as long as the client likes.',
      labels: requestLabels,
    });
    this.#terminations = registry.counter({
      name: 'apiserver_request_terminations_total',
      help: '[ALPHA] Requests that the server refused in its own defence.',
      labels: [...requestLabels, 'code'],
    });
    this.#deprecated = registry.gauge({
      name: 'apiserver_requested_deprecated_apis',
      help: '[STABLE] Deprecated APIs that somebody asked for, and the release that is without them.',
      labels: ['group', 'version', 'resource', 'subresource', 'removed_release'],
    });
    this.#handshakes = registry
      .counter({
        name: 'apiserver_tls_handshake_errors_total',
        help: '[ALPHA] Connections that failed before a request.',
      })
      .with();
    this.ofClients = clientRequests(registry);
    this.access = new AccessMetrics(registry);
    this.sizes = new SizeMetrics(registry, requestLabels);
  }

  /** `isApply`: the patch is a server-side apply. Gives where to count the answer's bytes, if these are counted. */
  answered(
    info: RequestInfo,
    answer: { code: number; seconds: number; isApply: boolean; bodyBytes?: number | undefined },
  ): Distribution | undefined {
    const { code, seconds, isApply, bodyBytes } = answer;
    const series = this.#seriesOf(info, isApply);
    if (!series) return undefined;
    let count = series.codes.get(code);
    if (!count) series.codes.set(code, (count = series.countOf(code)));
    count.value++;
    series.duration.observe(seconds);
    series.indicator.observe(seconds);
    if (validated.has(info.verb)) this.#fieldValidation.with(fieldValidationOf(info)).observe(seconds);
    if (bodyBytes !== undefined) (series.bodies ??= this.sizes.ofBodies(info))?.observe(bodyBytes);
    return series.sizes;
  }

  handshakeFailed(): void {
    this.#handshakes.add();
  }

  /** What it asks for will not be there for ever. Of none of ours is it said since when. */
  deprecated({ resource }: RequestInfo): void {
    if (resource)
      this.#deprecated.with(resource.group, resource.version, resource.resource, resource.subresource, '').set(1);
  }

  /** Gives what to call when it has ended. */
  began(info: RequestInfo): () => void {
    const running = this.#seriesOf(info, false)?.running;
    running?.add();
    return () => running?.add(-1);
  }

  terminated(info: RequestInfo, code: number): void {
    const labels = labelsOf(info, false);
    if (labels) this.#terminations.with(...labels, String(code)).add();
  }

  #seriesOf(info: RequestInfo, isApply: boolean): Series | undefined {
    const { verb, resource, query, path } = info;
    const dryRun = query.size > 0 && query.get('dryRun') === 'All' ? 'All' : '';
    const key = resource
      ? `${isApply ? 'apply' : verb}${dryRun}/${scopeOf(info)}/${resource.group}/${resource.version}/${resource.resource}/${resource.subresource}`
      : shownPath(path)[0];
    const known = this.#series.get(key);
    if (known) return known;
    const labels = labelsOf(info, isApply);
    if (!labels) return undefined;
    const [shown, ...rest] = labels;
    const all = [shown!, dryRun, ...rest];
    const series: Series = {
      codes: new Map(),
      countOf: (code) => this.#total.with(...all, String(code)),
      duration: this.#duration.with(...all),
      indicator: this.#indicator.with(...labels),
      sizes: this.sizes.ofAnswers(labels),
      running: this.#longRunning.with(...labels),
    };
    this.#series.set(key, series);
    return series;
  }
}

const validated = new Set(['create', 'update', 'patch']);
const validations = ['Ignore', 'Strict', 'Warn'];

/** '' where it is left out or is none. */
function fieldValidationOf({ query }: RequestInfo): string {
  const given = query.size > 0 ? query.get('fieldValidation') : null;
  return given !== null && validations.includes(given) ? given : '';
}

export type ClientObserver = (method: string, answer: { code: number; seconds: number }) => void;

const clientBounds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
/** As the host of their requests: they come by no network. */
const clientHost = 'loopback';

function clientRequests(registry: MetricRegistry): ClientObserver {
  const total = registry.counter({
    name: 'rest_client_requests_total',
    help: '[ALPHA] Requests of clients in this process by code of the answer, method and host.',
    labels: ['code', 'host', 'method'],
  });
  const durations = registry.histogram({
    name: 'rest_client_request_duration_seconds',
    help: '[ALPHA] Time that requests of clients in this process took, by method and host.',
    labels: ['verb', 'host'],
    bounds: clientBounds,
  });
  const known = new Map<string, { count: Value; duration: Distribution }>();
  return (method, { code, seconds }) => {
    const key = `${code}${method}`;
    let series = known.get(key);
    if (!series) {
      series = { count: total.with(String(code), clientHost, method), duration: durations.with(method, clientHost) };
      known.set(key, series);
    }
    series.count.value++;
    series.duration.observe(seconds);
  };
}

function labelsOf(info: RequestInfo, isApply: boolean): string[] | undefined {
  const { verb, resource, path } = info;
  if (!resource) {
    if (verb !== 'get') return undefined;
    const [shown, of] = shownPath(path);
    return ['GET', '', '', '', shown, '', of];
  }
  const { group, version, resource: plural, subresource } = resource;
  const shown = isApply ? 'APPLY' : connectSubresources.has(subresource) ? 'CONNECT' : (verbs[verb] ?? 'other');
  return [shown, group, version, plural, subresource, scopeOf(info), component];
}

/** Of paths only some are told apart: anybody may ask for any. */
function shownPath(path: string): readonly [shown: string, component: string] {
  return Object.hasOwn(countedPaths, path) ? countedPaths[path]! : otherPaths;
}

function scopeOf({ verb, resource }: RequestInfo): string {
  if (!resource) return '';
  if (resource.named || verb === 'create') return 'resource';
  return resource.namespace ? 'namespace' : 'cluster';
}
