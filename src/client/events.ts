/** Tells people what a component did, as Event objects beside the object that it was done to; never holds work up. */
import events from '#api/core/event.js';
import type { Event, ObjectReference } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { fraction, type Prng } from '#base/prng.js';
import type { Client } from './client.js';
import { EventCorrelator } from './event-correlator.js';
import { TransportError } from './transport.js';

/** Events that wait to be sent; further ones are dropped (and counted), for events are not worth memory. */
const waitingMax = 1000;
const triesMax = 12;
const retryMs = 10_000;

export interface EventRecorderOptions {
  client: Client;
  /** `deployment-controller`, `kubelet`: shown by `kubectl describe` under From. */
  component: string;
  /** The node, for a component of one. */
  host?: string;
  clock: Clock;
  prng: Prng;
  log: Log;
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
  readonly #waiting: Event[] = [];
  readonly #stop = new AbortController();
  #sending: Promise<void> | undefined;
  #serial = 0;
  #dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#correlator = new EventCorrelator({ clock: options.clock, newName: (object) => this.#newName(object) });
  }

  /** How many events were lost because too many waited. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Records an event about an object, or about the part of it that a reference's fieldPath names. */
  event(about: KubeObject | ObjectReference, text: EventText): void {
    if (this.#stop.signal.aborted) return;
    if (this.#waiting.length >= waitingMax) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(this.#make(referenceTo(about), text));
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  /** Resolves when nothing waits to be sent. */
  async flushed(): Promise<void> {
    while (this.#sending) await this.#sending;
  }

  /** Drops what was not sent yet. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.flushed();
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

  /** The object's name and the time in nanoseconds, as upstream; our clock is coarser, so a serial number fills in. */
  #newName(object: string): string {
    this.#serial = (this.#serial + 1) % 1_000_000;
    const nanoseconds = BigInt(Math.floor(this.#options.clock.now())) * 1_000_000n + BigInt(this.#serial);
    return `${object}.${nanoseconds.toString(16)}`;
  }

  async #sendAll(): Promise<void> {
    // Callers go on before the first request is made.
    await Promise.resolve();
    for (let event = this.#waiting.shift(); event; event = this.#waiting.shift()) {
      if (!this.#stop.signal.aborted) await this.#send(event);
    }
  }

  async #send(given: Event): Promise<void> {
    const { clock, prng, log } = this.#options;
    const { signal } = this.#stop;
    const correlated = this.#correlator.correlate(given);
    if (correlated.action === 'skip') return;
    for (let tries = 1; ; tries++) {
      try {
        const patch = correlated.action === 'patch' ? correlated.patch : undefined;
        this.#correlator.observed(correlated.key, await this.#write(correlated.event, patch));
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof StatusError) {
          // An answer, though not the one wished for: the namespace is going, or the event exists already.
          log.debug('event refused', { reason: given.reason, object: given.involvedObject.name, err: error });
          return;
        }
        if (!(error instanceof TransportError)) throw error;
        if (tries >= triesMax) {
          log.warn('event lost, no answer from the server', { reason: given.reason, err: error });
          return;
        }
        // The first wait is random, so that all components do not come back together after a restart of the server.
        await clock.sleep(tries === 1 ? retryMs * fraction(prng) : retryMs, signal).catch(() => {});
      }
    }
  }

  async #write(event: Event, patch: object | undefined): Promise<Event> {
    const source = this.#options.client.of(events);
    const { signal } = this.#stop;
    if (patch) {
      try {
        const { name = '', namespace } = event.metadata;
        return await source.patch(name, patch, { type: 'strategic', namespace, signal });
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
      }
    }
    return await source.create({ ...event, metadata: { ...event.metadata, resourceVersion: undefined } }, { signal });
  }
}

function referenceTo(about: KubeObject | ObjectReference): ObjectReference {
  if (!('metadata' in about)) return about;
  const { apiVersion, kind, metadata } = about;
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}
