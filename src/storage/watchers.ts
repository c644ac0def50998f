/** Hands each batch of events to the watchers of its keys, each with a queue of bounded length. */
import { type Event, StoreError } from './store.js';

/** How many events a reader may be behind before it is told to list again. */
export const watcherEventsMax = 10_000;

export class Watchers {
  readonly #watchers = new Set<Watcher>();

  /** Starts queueing events under `prefix` at once, before the iterable is read. */
  subscribe(prefix: string, signal: AbortSignal): AsyncIterable<Event[]> {
    const watcher = new Watcher(prefix);
    this.#watchers.add(watcher);
    const remove = () => {
      this.#watchers.delete(watcher);
      watcher.end();
    };
    if (signal.aborted) remove();
    else signal.addEventListener('abort', remove, { once: true });
    return watcher.read(() => {
      signal.removeEventListener('abort', remove);
      remove();
    });
  }

  get size(): number {
    return this.#watchers.size;
  }

  publish(events: Event[]): void {
    for (const watcher of this.#watchers) {
      const own = eventsUnder(watcher.prefix, events);
      if (own.length > 0 && !watcher.push(own)) this.#watchers.delete(watcher);
    }
  }

  end(): void {
    for (const watcher of this.#watchers) watcher.end();
    this.#watchers.clear();
  }
}

/** Mostly all or none: there are many watchers, and the events of one moment are mostly of one resource. */
function eventsUnder(prefix: string, events: Event[]): Event[] {
  let count = 0;
  for (const { entry } of events) if (entry.key.startsWith(prefix)) count++;
  if (count === events.length) return events;
  return count === 0 ? [] : events.filter(({ entry }) => entry.key.startsWith(prefix));
}

class Watcher {
  readonly prefix: string;
  #batches: Event[][] = [];
  #waiting = 0;
  #state: 'open' | 'ended' | 'slow' = 'open';
  #wake: (() => void) | undefined;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** False when the reader has fallen too far behind: nothing more will be queued. */
  push(events: Event[]): boolean {
    if (this.#waiting + events.length > watcherEventsMax && this.#waiting > 0) {
      this.#batches = [];
      this.#state = 'slow';
    } else {
      this.#batches.push(events);
      this.#waiting += events.length;
    }
    this.#wake?.();
    return this.#state === 'open';
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#wake?.();
  }

  async *read(onReturn: () => void): AsyncIterable<Event[]> {
    try {
      for (;;) {
        const batch = this.#batches.shift();
        if (batch) {
          this.#waiting -= batch.length;
          yield batch;
        } else if (this.#state === 'slow') {
          throw new StoreError('slow', `a watcher of ${this.prefix} fell over ${watcherEventsMax} events behind`);
        } else if (this.#state === 'ended') {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
        }
      }
    } finally {
      onReturn();
    }
  }
}
