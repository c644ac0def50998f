/** How large bodies, answers and events of watches are, under upstream's names. Nothing is measured for it: the sizes are known. */
import { type Distribution, growing, type Histogram, type MetricRegistry } from '#base/metrics.js';
import type { RequestInfo, ResourceRequest } from '../request-info.js';

const answerBounds = Array.from({ length: 7 }, (_, step) => 10 ** (step + 3));
const bodyBounds = Array.from({ length: 31 }, (_, step) => 50_000 + step * 100_000);
const eventBounds = growing(1024, 2, 8);

const bodyVerbs: Record<string, string> = {
  create: 'create',
  update: 'update',
  patch: 'patch',
  delete: 'delete',
  deletecollection: 'delete_collection',
};

export class SizeMetrics {
  readonly #answers: Histogram;
  readonly #bodies: Histogram;
  readonly #events: Histogram;

  constructor(registry: MetricRegistry, requestLabels: readonly string[]) {
    this.#answers = registry.histogram({
      name: 'apiserver_response_sizes',
      help: '[STABLE] Bytes of answers to GET and LIST.',
      labels: requestLabels,
      bounds: answerBounds,
    });
    this.#bodies = registry.histogram({
      name: 'apiserver_request_body_size_bytes',
      help: '[ALPHA] Bytes of the bodies of requests.',
      labels: ['resource', 'verb', 'group'],
      bounds: bodyBounds,
    });
    const events = registry.histogram({
      name: 'apiserver_watch_events_sizes',
      help: '[ALPHA] Bytes of events as watches tell them.',
      labels: ['group', 'version', 'resource'],
      bounds: eventBounds,
    });
    this.#events = events;
    registry.collected({
      name: 'apiserver_watch_events_total',
      type: 'counter',
      help: '[ALPHA] Events that watches were told.',
      labels: events.labels,
      collect: () => [...events.entries()].map(({ labels, series }) => ({ labels, value: series.count })),
    });
  }

  /** `labels` begin with the verb as it is shown. */
  ofAnswers(labels: readonly string[]): Distribution | undefined {
    return labels[0] === 'GET' || labels[0] === 'LIST' ? this.#answers.with(...labels) : undefined;
  }

  ofEvents({ group, version, resource }: ResourceRequest): Distribution {
    return this.#events.with(group, version, resource);
  }

  ofBodies({ verb, resource }: RequestInfo): Distribution | undefined {
    const shown = bodyVerbs[verb];
    return resource && shown ? this.#bodies.with(resource.resource, shown, resource.group) : undefined;
  }
}
