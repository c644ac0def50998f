/** Tells people what a component did, as Event objects beside the object that it was done to; never holds work up. */
import events from '#api/core/event.js';
import type { Event, ObjectReference } from '#api/gen/core-v1.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import type { Client } from './client.js';
import { EventCorrelator } from './event-correlator.js';
import { EventSender, type EventSenderOptions, eventNames, writeEvent } from './event-sender.js';

export interface EventRecorderOptions extends EventSenderOptions {
  client: Client;
  /** `deployment-controller`, `kubelet`: shown by `kubectl describe` under From. */
  component: string;
  /** The node, for a component of one. */
  host?: string;
}

export interface EventText {
  type: 'Normal' | 'Warning';
  /** One word in CamelCase, made for machines. */
  reason: string;
  message: string;
  annotations?: Record<string, string>;
}

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #correlator: EventCorrelator;
  readonly #sender: EventSender;
  readonly #newName: (object: string) => string;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#sender = new EventSender(options);
    this.#newName = eventNames(options.clock, `${options.component} ${options.host ?? ''}`);
    this.#correlator = new EventCorrelator({ clock: options.clock, newName: this.#newName });
  }

  /** How many events were lost because too many waited. */
  get dropped(): number {
    return this.#sender.dropped;
  }

  /** Records an event about an object, or about the part of it that a reference's fieldPath names. */
  event(about: KubeObject | ObjectReference, text: EventText): void {
    const event = this.#make(referenceTo(about), text);
    this.#sender.send({ reason: text.reason, object: event.involvedObject.name }, () => this.#writeOf(event));
  }

  /** Resolves when nothing waits to be sent. */
  async flushed(): Promise<void> {
    await this.#sender.flushed();
  }

  /** Drops what was not sent yet. */
  async close(): Promise<void> {
    await this.#sender.close();
  }

  #make(involvedObject: ObjectReference, { type, reason, message, annotations }: EventText): Event {
    const { clock, component, host } = this.#options;
    const now = formatTime(clock.now());
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: this.#newName(involvedObject.name ?? ''),
        namespace: involvedObject.namespace || 'default',
        annotations,
      },
      involvedObject,
      reason,
      message,
      source: { component, host },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      type,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }

  /** What is to be written of the event; nothing where it would only be noise. */
  #writeOf(given: Event): ((signal: AbortSignal) => Promise<void>) | undefined {
    const correlated = this.#correlator.correlate(given);
    if (correlated.action === 'skip') return undefined;
    const patch = correlated.action === 'patch' ? correlated.patch : undefined;
    return async (signal) => {
      const { event, key } = correlated;
      this.#correlator.observed(key, await writeEvent(this.#options.client.of(events), { event, patch, signal }));
    };
  }
}

export function referenceTo(about: KubeObject | ObjectReference): ObjectReference {
  if (!('metadata' in about)) return about;
  const { apiVersion, kind, metadata } = about;
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}
