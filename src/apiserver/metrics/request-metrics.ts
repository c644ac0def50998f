/**
 * Counts requests under upstream's names and labels. What is asked for often has its series kept, so that counting is
 * adding; only resources that are served get a series, so that nobody can make them at will.
 * https://kubernetes.io/docs/reference/instrumentation/metrics/
 */
import type { Counter, Distribution, Gauge, Histogram, MetricRegistry, Value } from '#base/metrics.js';
import type { RequestInfo } from '../request-info.js';
import { AccessMetrics } from './access-metrics.js';
import { SizeMetrics } from './size-metrics.js';

const durationBounds = [
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
  readonly #handshakes: Value;
  /** Counts what clients in this process ask for, as those of upstream's components do it. */
  readonly ofClients: (method: string, code: number) => void;

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

function clientRequests(registry: MetricRegistry): (method: string, code: number) => void {
  const total = registry.counter({
    name: 'rest_client_requests_total',
    help: '[ALPHA] Requests of clients in this process by code of the answer, method and host.',
    labels: ['code', 'host', 'method'],
  });
  const known = new Map<string, Value>();
  return (method, code) => {
    const key = `${code}${method}`;
    let count = known.get(key);
    if (!count) known.set(key, (count = total.with(String(code), 'loopback', method)));
    count.value++;
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
