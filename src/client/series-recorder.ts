/**
 * Tells what a component did in the newer form of events (events.k8s.io), in which what happens again is a series of one
 * event. Keys and times are client-go's (tools/events/event_broadcaster.go).
 */
import events from '#api/events/event.js';
import type { ObjectReference } from '#api/gen/core-v1.js';
import type { Event } from '#api/gen/events-v1.js';
import { formatMicroTime, type KubeObject } from '#apimachinery/object.js';
import type { Timer } from '#base/clock.js';
import type { Client } from './client.js';
import { EventSender, type EventSenderOptions, eventNames, writeEvent } from './event-sender.js';
import { referenceTo } from './events.js';

export interface SeriesRecorderOptions extends EventSenderOptions {
  client: Client;
  /** `default-scheduler`: shown by `kubectl describe` under From. */
  controller: string;
  /** Which of several that run. */
  instance: string;
}

export interface SeriesText {
  type: 'Normal' | 'Warning';
  /** One word in CamelCase, made for machines. */
  reason: string;
  /** What was done, or tried. */
  action: string;
  note: string;
  related?: KubeObject;
}

interface Known {
  event: Event;
  lastMs: number;
  writtenMs: number;
}

/** After so long without a repetition a series is over, and its last count written. */
const seriesEndsMs = 6 * 60_000;
/** A series that goes on is written anew so often, or it would outlive its event. */
const refreshMs = 30 * 60_000;
/** Kept so that repetitions are counted; the oldest goes first. */
const knownMax = 4096;
const noteMax = 1024;

export class SeriesRecorder {
  readonly #options: SeriesRecorderOptions;
  readonly #sender: EventSender;
  readonly #newName: (object: string) => string;
  readonly #known = new Map<string, Known>();
  #timer: Timer | undefined;

  constructor(options: SeriesRecorderOptions) {
    this.#options = options;
    this.#sender = new EventSender(options);
    this.#newName = eventNames(options.clock, options.instance);
  }

  event(about: KubeObject, text: SeriesText): void {
    const event = this.#make(about, text);
    const { type, action, reason, regarding, related } = event;
    const key = JSON.stringify([type, action, reason, regarding, related]);
    const known = this.#known.get(key);
    const nowMs = this.#options.clock.now();
    if (!known) {
      this.#known.set(key, { event, lastMs: nowMs, writtenMs: nowMs });
      if (this.#known.size > knownMax) this.#known.delete(this.#known.keys().next().value!);
      this.#arm();
      this.#write(event);
      return;
    }
    known.lastMs = nowMs;
    const count = (known.event.series?.count ?? 1) + 1;
    known.event = { ...known.event, series: { count, lastObservedTime: formatMicroTime(nowMs) } };
    if (count > 2) return;
    known.writtenMs = nowMs;
    this.#write(known.event);
  }

  async flushed(): Promise<void> {
    await this.#sender.flushed();
  }

  /** Drops what was not sent yet. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#sender.close();
  }

  #make(about: KubeObject, { type, reason, action, note, related }: SeriesText): Event {
    const { clock, controller, instance } = this.#options;
    const regarding: ObjectReference = referenceTo(about);
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: this.#newName(regarding.name ?? ''), namespace: regarding.namespace || 'default' },
      eventTime: formatMicroTime(clock.now()),
      reportingController: controller,
      reportingInstance: instance,
      action,
      reason,
      regarding,
      related: related && referenceTo(related),
      note: note.length > noteMax ? `${note.slice(0, noteMax - 4)} ...` : note,
      type,
    };
  }

  #write(event: Event): void {
    const { reason = '', regarding, series } = event;
    const source = this.#options.client.of(events);
    this.#sender.send({ reason, object: regarding?.name }, () => async (signal) => {
      await writeEvent(source, { event, patch: series && { series }, signal });
    });
  }

  /** Writes counts of series that end or go on for long; sleeps while there are none. */
  #arm(): void {
    this.#timer ??= this.#options.clock.setTimer(seriesEndsMs, () => {
      this.#timer = undefined;
      const nowMs = this.#options.clock.now();
      for (const [key, known] of this.#known) {
        const isOver = nowMs - known.lastMs >= seriesEndsMs;
        if (isOver) this.#known.delete(key);
        if (!known.event.series || !(isOver || nowMs - known.writtenMs >= refreshMs)) continue;
        known.writtenMs = nowMs;
        this.#write(known.event);
      }
      if (this.#known.size > 0) this.#arm();
    });
  }
}
