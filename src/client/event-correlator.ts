/**
 * Decides what becomes of an Event before it is sent: dropped as spam, merged with similar ones, or counted onto an
 * equal one. Keys and limits are client-go's (tools/record/events_cache.go).
 */
import type { Event } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { RecentMap } from './recent-map.js';
import { TokenBuckets } from './token-buckets.js';

const recordsMax = 4096;
/** One source may send this many events about one object at once, and then one every five minutes. */
const spamBurst = 25;
const spamRefillMs = 300_000;
/** From the tenth event that differs only by message, within ten minutes of the one before, they become one. */
const similarEventsMax = 10;
const similarIntervalMs = 600_000;

export type Correlated =
  | { action: 'skip' }
  | { action: 'create'; event: Event; key: string }
  /** `event` is what to create should the one to be patched be gone. */
  | { action: 'patch'; event: Event; key: string; patch: object };

interface Observation {
  name: string;
  count: number;
  firstTimestamp?: string;
}

export class EventCorrelator {
  readonly #clock: Clock;
  readonly #newName: (object: string) => string;
  /** Of a source and object. */
  readonly #allowance: TokenBuckets;
  readonly #similar = new RecentMap<string, { messages: Set<string>; lastMs: number }>(recordsMax);
  readonly #observed = new RecentMap<string, Observation>(recordsMax);

  /** `newName` makes a new, unique event name for an object's name. */
  constructor({ clock, newName }: { clock: Clock; newName: (object: string) => string }) {
    this.#clock = clock;
    this.#allowance = new TokenBuckets({ clock, tokenMs: spamRefillMs, burst: spamBurst, keysMax: recordsMax });
    this.#newName = newName;
  }

  correlate(given: Event): Correlated {
    const { event, key } = this.#aggregate(given);
    const before = this.#observed.get(key);
    if (!before) {
      this.observed(key, event);
      return this.#isSpam(event) ? { action: 'skip' } : { action: 'create', event, key };
    }
    const counted: Event = {
      ...event,
      metadata: { ...event.metadata, name: before.name },
      count: before.count + 1,
      firstTimestamp: before.firstTimestamp,
    };
    // What is dropped is counted all the same, and shown by the next that passes.
    this.observed(key, counted);
    if (this.#isSpam(event)) return { action: 'skip' };
    const patch = { count: counted.count, lastTimestamp: counted.lastTimestamp, message: counted.message };
    return { action: 'patch', event: counted, key, patch };
  }

  /** Remembers what the server now has under this key. */
  observed(key: string, event: Event): void {
    const { count = 1, firstTimestamp } = event;
    this.#observed.set(key, { name: event.metadata.name ?? '', count, firstTimestamp });
  }

  #isSpam(event: Event): boolean {
    return !this.#allowance.take(sourceAndObject(event).join('\0'));
  }

  #aggregate(event: Event): { event: Event; key: string } {
    const nowMs = this.#clock.now();
    const group = [
      ...sourceAndObject(event),
      event.type,
      event.reason,
      event.reportingComponent,
      event.reportingInstance,
    ].join('\0');
    let similar = this.#similar.get(group);
    if (!similar || nowMs - similar.lastMs > similarIntervalMs) similar = { messages: new Set(), lastMs: nowMs };
    similar.messages.add(event.message ?? '');
    similar.lastMs = nowMs;
    this.#similar.set(group, similar);
    if (similar.messages.size < similarEventsMax) {
      const path = event.involvedObject.fieldPath ?? '';
      return {
        event,
        key: [...sourceAndObject(event), path, event.type, event.reason, event.message].join('\0'),
      };
    }
    similar.messages.delete(similar.messages.values().next().value as string);
    const now = formatTime(nowMs);
    // Upstream's says where it is from by its source alone.
    const combined: Event = {
      ...event,
      reportingComponent: '',
      reportingInstance: '',
      metadata: {
        name: this.#newName(event.involvedObject.name ?? ''),
        namespace: event.metadata.namespace,
      },
      message: `(combined from similar events): ${event.message}`,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
    };
    return { event: combined, key: group };
  }
}

function sourceAndObject({ source, involvedObject }: Event): (string | undefined)[] {
  const { kind, namespace, name, uid, apiVersion } = involvedObject;
  return [source?.component, source?.host, kind, namespace, name, uid, apiVersion];
}
