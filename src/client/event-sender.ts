/** Sends events one after another, behind the back of those who record them; never holds work up, and gives up in time. */
import { isReason, StatusError } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { fnv1a32 } from '#base/fnv.js';
import type { Log } from '#base/log.js';
import { fraction, type Prng } from '#base/prng.js';
import type { ResourceClient } from './client.js';
import { TransportError } from './transport.js';

/** Events that wait to be sent; further ones are dropped (and counted), for events are not worth memory. */
const waitingMax = 1000;
const triesMax = 12;
const retryMs = 10_000;

export interface EventSenderOptions {
  clock: Clock;
  prng: Prng;
  log: Log;
  /** Resolves when the next event may be sent. Default: at once. */
  turn?: () => Promise<void>;
}

/** What the event is about, for the log. */
interface About {
  reason: string;
  object: string | undefined;
}

type Write = (signal: AbortSignal) => Promise<void>;

export class EventSender {
  readonly #options: EventSenderOptions;
  readonly #waiting: { about: About; prepare: () => Write | undefined }[] = [];
  readonly #stop = new AbortController();
  #sending: Promise<void> | undefined;
  #dropped = 0;

  constructor(options: EventSenderOptions) {
    this.#options = options;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** `prepare` is called when it is the event's turn, and says what is left to write by then. */
  send(about: About, prepare: () => Write | undefined): void {
    if (this.#stop.signal.aborted) return;
    if (this.#waiting.length >= waitingMax) {
      this.#dropped++;
      return;
    }
    this.#waiting.push({ about, prepare });
    this.#sending ??= this.#sendAll();
  }

  async flushed(): Promise<void> {
    while (this.#sending) await this.#sending;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.flushed();
  }

  async #sendAll(): Promise<void> {
    const { turn = () => Promise.resolve() } = this.#options;
    try {
      while (this.#waiting.length > 0) {
        // Callers go on before the first request is made.
        await turn();
        const next = this.#waiting.shift()!;
        if (this.#stop.signal.aborted) continue;
        const write = next.prepare();
        if (write) await this.#try(write, next.about);
      }
    } finally {
      // No turn after the last look: an event that comes from now on begins anew, and does not wait for another.
      this.#sending = undefined;
    }
  }

  async #try(write: Write, about: About): Promise<void> {
    const { clock, prng, log } = this.#options;
    const { signal } = this.#stop;
    for (let tries = 1; ; tries++) {
      try {
        await write(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof StatusError) {
          // An answer, though not the one wished for: the namespace is going, or the event exists already.
          log.debug('event refused', { ...about, err: error });
          return;
        }
        if (!(error instanceof TransportError)) throw error;
        if (tries >= triesMax) {
          log.warn('event lost, no answer from the server', { reason: about.reason, err: error });
          return;
        }
        // The first wait is random, so that all components do not come back together after a restart of the server.
        await clock.sleep(tries === 1 ? retryMs * fraction(prng) : retryMs, signal).catch(() => {});
      }
    }
  }
}

/** Patches the event that is there, or creates it, also when the one to patch is gone. */
export async function writeEvent<T extends KubeObject>(
  source: ResourceClient<T>,
  { event, patch, signal }: { event: T; patch: object | undefined; signal: AbortSignal },
): Promise<T> {
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

/**
 * The object's name and the time in nanoseconds, as upstream; our clock is coarser, so a serial number fills in. Those of
 * one component start elsewhere than those of another: both may tell of an object in the same millisecond.
 */
export function eventNames(clock: Clock, component: string): (object: string) => string {
  let serial = fnv1a32(component) % 1_000_000;
  return (object) => {
    serial = (serial + 1) % 1_000_000;
    const nanoseconds = BigInt(Math.floor(clock.now())) * 1_000_000n + BigInt(serial);
    return `${object}.${nanoseconds.toString(16)}`;
  };
}
