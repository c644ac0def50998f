/**
 * The newest state of one key prefix and its recent events, kept in memory and fed by the store, so that reads and
 * watches cost the store nothing. It knows no resource: `open` turns an entry into whatever the reader wants, once.
 *
 * A watcher is a position in the history, not a queue: one that does not read holds no memory, and is ended when the
 * history has moved past it.
 */
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { SortedKeys } from './sorted-keys.js';
import { type Entry, type Event, type Store, StoreError } from './store.js';

export interface CacheEvent<V> {
  type: 'put' | 'delete';
  revision: number;
  key: string;
  /** Of a deletion: the last value, under the revision of the deletion. */
  value: V;
  previous: V | undefined;
}

/** The events up to `revision`, of which none is missing. */
export interface CacheBatch<V> {
  events: CacheEvent<V>[];
  revision: number;
}

export interface CacheWatchOptions {
  since: number;
  signal: AbortSignal;
  nudge?: Nudge;
}

/** Ends a wait though nothing has happened. */
export interface Nudge {
  /** The watcher wants an empty batch. Its own to make untrue, once it has one. */
  readonly isDue: boolean;
  /** To be called when `isDue` becomes true; set by the cache. */
  wake: (() => void) | undefined;
}

export interface WatchCacheOptions<V> {
  store: Store;
  prefix: string;
  open: (entry: Entry) => V;
  clock: Clock;
  log: Log;
  limits?: Partial<WatchCacheLimits>;
}

export interface WatchCacheLimits {
  /** Events kept for watchers that start in the past. */
  historyEventsMax: number;
  /** Of the values of those events. */
  historyBytesMax: number;
  /** Events that a watcher may fall behind before it is ended. */
  backlogEventsMax: number;
}

/** What a cache holds and does, and what it has done since the start. */
export interface CacheLoad {
  values: number;
  /** Those that wait for a change. */
  watchers: number;
  revision: number;
  eventsMax: number;
  /** How often it was filled from the store, and with how many values. */
  fills: number;
  filledValues: number;
  eventsReceived: number;
  /** To all watchers. */
  eventsDispatched: number;
}

const defaultLimits: WatchCacheLimits = {
  historyEventsMax: 4096,
  historyBytesMax: 32 << 20,
  backlogEventsMax: 2048,
};

const restartDelayMs = 200;

export class WatchCache<V> {
  readonly #options: WatchCacheOptions<V>;
  readonly #limits: WatchCacheLimits;
  #values = new Map<string, V>();
  #keys = new SortedKeys();
  #revision = 0;
  #history = new History<V>();
  #waiters = new Set<() => void>();
  #started: Promise<void> | undefined;
  /** Holds the state as of its revision, and follows what changes. */
  #isFilled = false;
  /** Of the current life of the feed; aborting it ends the watchers of that life. */
  #life = new AbortController();
  #closed = false;
  readonly #counts = { fills: 0, filledValues: 0, eventsReceived: 0, eventsDispatched: 0 };

  constructor(options: WatchCacheOptions<V>) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
  }

  /** Lists the prefix and starts following it, on the first call. Throws StoreError when the store cannot be read. */
  ready(): Promise<void> {
    this.#started ??= this.#start().catch((error) => {
      this.#started = undefined;
      throw error;
    });
    return this.#started;
  }

  /** The revision of the newest change seen (or of the list, when none came since). */
  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#values.size;
  }

  /** Whether changes up to `revision` are seen, so that there is nothing to wait for. */
  has(revision: number): boolean {
    return this.#isFilled && this.#revision >= revision;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  /** The values under a prefix in key order, as of `revision`. */
  list(prefix: string): V[] {
    return this.page(prefix).values;
  }

  /** The same from the key after `after`, no more than `limit`; and how many follow these. */
  page(
    prefix: string,
    options: { after?: string | undefined; limit?: number } = {},
  ): { values: V[]; remaining: number } {
    const { keys, remaining } = this.#keys.page(prefix, options);
    return { values: keys.map((key) => this.#values.get(key)!), remaining };
  }

  get load(): CacheLoad {
    return {
      values: this.#values.size,
      watchers: this.#waiters.size,
      revision: this.#revision,
      eventsMax: this.#limits.historyEventsMax,
      ...this.#counts,
    };
  }

  /** Some of the values, in no order. */
  *some(countMax: number): Iterable<V> {
    let count = 0;
    for (const value of this.#values.values()) {
      if (count++ >= countMax) return;
      yield value;
    }
  }

  /** Waits until changes up to `revision` are seen; only for a revision that changed a key of this prefix. */
  async reach(revision: number, signal?: AbortSignal): Promise<void> {
    await this.ready();
    while (this.#revision < revision) {
      if (this.#closed) throw new StoreError('closed', 'the cache is closed');
      signal?.throwIfAborted();
      const wait = new Wait();
      signal?.addEventListener('abort', wait.end);
      await this.#change(wait);
      signal?.removeEventListener('abort', wait.end);
    }
  }

  /**
   * Batches of events after `since` until the signal aborts (the iterable then ends); an empty one when nothing has
   * happened and a nudge is due. Throws StoreError `compacted` when
   * the past is in neither the history nor the store, `slow` for a reader too far behind, `closed` when the feed broke.
   */
  async *watch(options: CacheWatchOptions): AsyncIterable<CacheBatch<V>> {
    await this.ready();
    const { since, signal, nudge } = options;
    const life = this.#life.signal;
    if (since < this.#history.since) {
      yield* this.#watchStore(options);
      return;
    }
    const history = this.#history;
    let position = history.positionAfter(since);
    // One listener for the whole watch: to add and remove it for each wait costs more than the wait.
    const wait = new Wait();
    signal.addEventListener('abort', wait.end);
    if (nudge) nudge.wake = wait.end;
    try {
      // Whoever starts in the kept past is not slow: the backlog counts from its first batch on.
      for (let started = false; !signal.aborted; started = true) {
        if (life.aborted) throw new StoreError('closed', 'the feed of the watch cache broke');
        const behind = history.end - position;
        if (position < history.start || (started && behind > this.#limits.backlogEventsMax))
          throw new StoreError('slow', `the watcher is ${behind} events behind`);
        if (behind > 0) {
          const events = history.from(position);
          position = history.end;
          this.#counts.eventsDispatched += behind;
          yield { events, revision: this.#revision };
        } else if (nudge?.isDue) yield { events: [], revision: this.#revision };
        else await this.#change(wait);
      }
    } finally {
      signal.removeEventListener('abort', wait.end);
    }
  }

  /** Ends all watches. */
  close(): void {
    this.#closed = true;
    this.#life.abort();
    this.#wake();
  }

  async #start(): Promise<void> {
    const { store, prefix, open } = this.#options;
    const { entries, revision } = await store.range(prefix);
    this.#values = new Map(entries.map((entry) => [entry.key, open(entry)]));
    this.#keys = new SortedKeys(this.#values.keys());
    this.#history = new History(revision);
    this.#counts.fills++;
    this.#counts.filledValues += entries.length;
    this.#revision = revision;
    this.#life = new AbortController();
    if (this.#closed) this.#life.abort();
    this.#isFilled = true;
    this.#wake();
    void this.#feed(revision, this.#life);
  }

  async #feed(since: number, life: AbortController): Promise<void> {
    const { store, prefix, log, clock } = this.#options;
    try {
      for await (const events of store.watch(prefix, { since, signal: life.signal })) {
        for (const event of events) this.#apply(event);
        this.#counts.eventsReceived += events.length;
        this.#wake();
      }
    } catch (error) {
      if (!this.#closed) log.warn('watch cache starts again', { prefix, err: error });
    }
    this.#isFilled = false;
    if (this.#closed) return;
    life.abort();
    this.#wake();
    // The store may be closed by then, and the cache with it.
    this.#started = clock.sleep(restartDelayMs).then(() => (this.#closed ? undefined : this.#start()));
    this.#started.catch((error) => {
      log.error('watch cache cannot be filled', { prefix, err: error });
      this.#started = undefined;
    });
  }

  #apply(event: Event): void {
    const { type, entry } = event;
    const { open } = this.#options;
    const { key } = entry;
    let previous = this.#values.get(key);
    if (!previous && event.previous) previous = open(event.previous);
    const value = open(entry);
    if (type === 'put') {
      if (!this.#values.has(key)) this.#keys.insert(key);
      this.#values.set(key, value);
    } else if (this.#values.delete(key)) this.#keys.delete(key);
    this.#revision = entry.modified;
    this.#history.push({ type, revision: entry.modified, key, value, previous }, entry.value.length);
    this.#history.trim(this.#limits);
  }

  /** For watchers that start before the history does, such as after a restart: straight from the store. */
  async *#watchStore({ since, signal }: CacheWatchOptions): AsyncIterable<CacheBatch<V>> {
    const { store, prefix, open } = this.#options;
    for await (const batch of store.watch(prefix, { since, signal })) {
      const events = batch.map(({ type, entry, previous }) => ({
        type,
        revision: entry.modified,
        key: entry.key,
        value: open(entry),
        previous: previous && open(previous),
      }));
      yield { events, revision: batch.at(-1)!.entry.modified };
    }
  }

  /** Resolves at the next change, or when the wait is ended. */
  #change(wait: Wait): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) {
        resolve();
        return;
      }
      wait.begin(() => {
        this.#waiters.delete(wait.end);
        resolve();
      });
      this.#waiters.add(wait.end);
    });
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}

/** One after the other of the waits of one reader, to be ended from outside. */
class Wait {
  #ended: (() => void) | undefined;

  readonly end = (): void => {
    const ended = this.#ended;
    this.#ended = undefined;
    ended?.();
  };

  begin(ended: () => void): void {
    this.#ended = ended;
  }
}

/** Events in order, each at a position that never changes; the oldest are dropped. */
class History<V> {
  /** Events after this revision are all here. */
  since: number;
  start = 0;
  #events: { event: CacheEvent<V>; bytes: number }[] = [];
  /** Index of `start`: dropping from the front of an array one by one would be slow. */
  #head = 0;
  #bytes = 0;

  constructor(since = 0) {
    this.since = since;
  }

  get end(): number {
    return this.start + this.#events.length - this.#head;
  }

  push(event: CacheEvent<V>, bytes: number): void {
    this.#events.push({ event, bytes });
    this.#bytes += bytes;
  }

  from(position: number): CacheEvent<V>[] {
    return this.#events.slice(position - this.start + this.#head).map(({ event }) => event);
  }

  positionAfter(revision: number): number {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#events[middle]!.event.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.start + low - this.#head;
  }

  trim({ historyEventsMax, historyBytesMax }: WatchCacheLimits): void {
    while (this.end - this.start > 1 && (this.end - this.start > historyEventsMax || this.#bytes > historyBytesMax)) {
      const { event, bytes } = this.#events[this.#head]!;
      this.since = event.revision;
      this.#bytes -= bytes;
      this.#head += 1;
      this.start += 1;
    }
    if (this.#head > 1024 && this.#head > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
  }
}
