/**
 * Reads the three metrics APIs, which other servers provide behind an APIService.
 * https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#support-for-metrics-apis
 */
import type { CrossVersionObjectReference } from '#api/gen/autoscaling-v2.js';
import type { PodMetrics, PodMetricsList } from '#api/gen/metrics-v1beta1.js';
import { parseMilliseconds } from '#apimachinery/codec/time.js';
import { StatusError } from '#apimachinery/errors.js';
import { parseApiVersion } from '#apimachinery/object.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { LabelSelector } from '#apimachinery/selectors.js';
import type { Transport } from '#client/transport.js';
import { AutoscalerFailure, saying } from './failure.js';
import type { KindMap } from './kind-map.js';
import type { Measurement } from './usage.js';

const customGroup = 'custom.metrics.k8s.io';
const externalGroup = 'external.metrics.k8s.io';
/** The newest first. */
const customVersions = ['v1beta2', 'v1beta1'];
const customWindowMs = 60_000;

interface MetricValue {
  describedObject?: { name?: string };
  timestamp?: string;
  /** v1beta2; `window` is v1beta1's. */
  windowSeconds?: number;
  window?: number;
  value?: string | number;
}

interface Asked {
  path: string;
  query: Record<string, string | undefined>;
  /** `pods.metrics.k8s.io`, with a name where one object is asked for: for what is said when nobody answers. */
  subject: string;
}

/** Every method throws an AutoscalerFailure, a StatusError or a TransportError. */
export class MetricsApis {
  readonly #transport: Transport;
  readonly #kinds: KindMap;

  constructor({ transport, kinds }: { transport: Transport; kinds: KindMap }) {
    this.#transport = transport;
    this.#kinds = kinds;
  }

  /** What the pods, or one container of each, use of a resource. */
  async resource(
    resource: string,
    { namespace, selector, container }: { namespace: string; selector: LabelSelector; container: string | undefined },
  ): Promise<Map<string, Measurement>> {
    return await saying(`unable to get metrics for resource ${resource}`, async () => {
      const { items } = await saying('unable to fetch metrics from resource metrics API', () =>
        this.#get<PodMetricsList>({
          path: `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`,
          query: { labelSelector: selector.toString() },
          subject: 'pods.metrics.k8s.io',
        }),
      );
      if (!items?.length) throw new AutoscalerFailure('no metrics returned from resource metrics API');
      const found = new Map<string, Measurement>();
      for (const pod of items) {
        const value = container === undefined ? usageOf(pod, resource) : containerUsage(pod, { resource, container });
        const window = parseMilliseconds(pod.window ?? '0s');
        const timestampMs = Date.parse(pod.timestamp ?? '') || 0;
        if (value !== undefined) found.set(pod.metadata.name!, { value, timestampMs, windowMs: window });
      }
      return found;
    });
  }

  /** A metric of each pod. */
  async pods(
    metric: string,
    scope: { namespace: string; selector: LabelSelector; metricSelector: string | undefined },
  ): Promise<Map<string, Measurement>> {
    return await saying(`unable to get metric ${metric}`, async () => {
      const { namespace, selector, metricSelector } = scope;
      const items = await this.#custom({
        path: `namespaces/${namespace}/pods/*/${encodeURIComponent(metric)}`,
        query: { labelSelector: selector.toString(), metricLabelSelector: metricSelector },
        subject: `pods.${customGroup} *`,
      });
      if (items.length === 0) throw new AutoscalerFailure('no metrics returned from custom metrics API');
      const found = new Map<string, Measurement>();
      for (const item of items) {
        const seconds = item.windowSeconds ?? item.window;
        const windowMs = seconds === undefined ? customWindowMs : seconds * 1000;
        const timestampMs = Date.parse(item.timestamp ?? '') || 0;
        found.set(item.describedObject?.name ?? '', { value: milliOf(item), timestampMs, windowMs });
      }
      return found;
    });
  }

  /** A metric of one object in the namespace, or of the namespace itself; thousandths. */
  async object(
    metric: string,
    object: CrossVersionObjectReference,
    { namespace, metricSelector }: { namespace: string; metricSelector: string | undefined },
  ): Promise<number> {
    const { kind, name, apiVersion } = object;
    // Upstream hands its sentence the words in another order than the sentence has them; clients see them so.
    const sentence = (why: string) => `unable to get metric ${metric}: ${kind} on ${namespace} ${name}/${why}`;
    return await saying(sentence, async () => {
      const { group } = parseApiVersion(apiVersion ?? '');
      const isNamespace = kind === 'Namespace' && group === '';
      const resource = isNamespace ? 'metrics' : await this.#resourceName({ group, kind });
      const path = isNamespace
        ? `namespaces/${namespace}/metrics/${encodeURIComponent(metric)}`
        : `namespaces/${namespace}/${resource}/${encodeURIComponent(name)}/${encodeURIComponent(metric)}`;
      const query = { metricLabelSelector: metricSelector };
      const items = await this.#custom({ path, query, subject: `${resource}.${customGroup} ${name}` }, 'one');
      return milliOf(items[0]!);
    });
  }

  /** The sum of all series of a metric that is of no object of ours; thousandths. */
  async external(
    metric: string,
    { namespace, selector, text }: { namespace: string; selector: LabelSelector; text: string },
  ): Promise<number> {
    return await saying(`unable to get external metric ${namespace}/${metric}/${text}`, async () => {
      const { items } = await saying('unable to fetch metrics from external metrics API', () =>
        this.#get<{ items?: MetricValue[] }>({
          path: `/apis/${externalGroup}/v1beta1/namespaces/${namespace}/${encodeURIComponent(metric)}`,
          query: { labelSelector: selector.toString() },
          subject: `${metric}.${externalGroup}`,
        }),
      );
      if (!items?.length) throw new AutoscalerFailure('no metrics returned from external metrics API');
      return items.reduce((total, item) => total + milliOf(item), 0);
    });
  }

  async #custom(asked: Asked, number: 'one' | 'any' = 'any'): Promise<MetricValue[]> {
    return await saying('unable to fetch metrics from custom metrics API', async () => {
      const versions = await this.#kinds.versionsOf(customGroup);
      const version = versions.find((one) => customVersions.includes(one));
      if (!version) throw new AutoscalerFailure(`no custom metrics API (${customGroup}) registered`);
      const path = `/apis/${customGroup}/${version}/${asked.path}`;
      const { items = [] } = await this.#get<{ items?: MetricValue[] }>({ ...asked, path });
      if (number === 'one' && items.length !== 1) {
        const what = `the custom metrics API server returned ${items.length} results when we asked for exactly one`;
        throw new AutoscalerFailure(what);
      }
      return items;
    });
  }

  async #resourceName(of: { group: string; kind: string }): Promise<string> {
    const [found] = await this.#kinds.resourcesOf(of);
    return of.group ? `${found!.plural}.${of.group}` : found!.plural;
  }

  async #get<T>({ path, query, subject }: Asked): Promise<T> {
    try {
      const { status, body } = await this.#transport.request({ method: 'GET', path, query });
      if (status < 400 && typeof body === 'object' && body !== null) return body as T;
      throw new AutoscalerFailure(wordsOf(status, subject));
    } catch (error) {
      if (!(error instanceof StatusError) || !isAnonymous(error)) throw error;
      throw new AutoscalerFailure(wordsOf(error.code, subject), { cause: error });
    }
  }
}

/** Whether the answer is about a group that nobody serves, or whose server is not there. */
function isAnonymous({ code, status: { details } }: StatusError): boolean {
  const isAboutNothing = details !== undefined && Object.keys(details).length === 0;
  const isNoStatus = details?.causes?.some(({ reason }) => reason === 'UnexpectedServerResponse') === true;
  return (code === 404 && isAboutNothing) || isNoStatus;
}

/** As client-go says it of an answer that is no Status. */
function wordsOf(status: number, subject: string): string {
  const words: Record<number, string> = {
    404: 'the server could not find the requested resource',
    503: 'the server is currently unable to handle the request',
  };
  return `${words[status] ?? `the server responded with the status code ${status} but did not return more information`} (get ${subject})`;
}

/** The sum over containers; undefined where one of them has none. */
function usageOf({ containers }: PodMetrics, resource: string): number | undefined {
  if (!containers?.length) return undefined;
  let total = 0;
  for (const { usage } of containers) {
    const value = usage?.[resource];
    if (value === undefined) return undefined;
    total += Quantity.parse(value).milliNumber();
  }
  return total;
}

function containerUsage(
  { metadata, containers }: PodMetrics,
  { resource, container }: { resource: string; container: string },
): number | undefined {
  const found = containers?.find(({ name }) => name === container);
  if (!found) {
    const where = `${metadata.namespace}/${metadata.name}`;
    const message = `failed to get container metrics: container ${container} not present in metrics for pod ${where}`;
    throw new AutoscalerFailure(message);
  }
  const value = found.usage?.[resource];
  return value === undefined ? undefined : Quantity.parse(value).milliNumber();
}

function milliOf({ value }: MetricValue): number {
  return Quantity.parse(value ?? '0').milliNumber();
}
