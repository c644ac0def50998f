/** A local, indexed, always current copy of a resource, and handlers told of each change; shared between components. */
import { setMaxListeners } from 'node:events';
import type { ResourceRef } from '#api/resource.js';
import { formatApiVersion, type KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { Client, ResourceClient } from './client.js';
import { Reflector } from './reflector.js';

export interface InformerOptions<T extends KubeObject> {
  clock: Clock;
  prng: Prng;
  log: Log;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** More can be added later, by `addIndex`. */
  indexes?: Record<string, IndexFunction<T>>;
  initial?: 'list' | 'stream';
}

/** The values under which an object is found. */
export type IndexFunction<T> = (object: T) => readonly string[];

/** Called in the order of revisions, after the copy has changed. A handler must be quick, and must not throw. */
export interface EventHandlers<T> {
  added?(object: T): void;
  updated?(object: T, old: T): void;
  /** Gives the last state known, which is not the very last when the deletion was seen only in a list. */
  deleted?(object: T): void;
}

/** `namespace/name`, or the name alone. */
export function keyOf(object: KubeObject): string {
  const { namespace, name = '' } = object.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, Math.max(slash, 0)), name: key.slice(slash + 1) };
}

interface Index<T> {
  values: IndexFunction<T>;
  found: Map<string, Map<string, T>>;
}

export class Informer<T extends KubeObject> {
  readonly #source: ResourceClient<T>;
  readonly #options: InformerOptions<T>;
  readonly #reflector: Reflector<T>;
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #handlers = new Set<EventHandlers<T>>();
  #markSynced!: () => void;
  #isSynced = false;
  #started = false;

  /** Resolves when the first list has arrived and every handler has heard of it. */
  readonly synced: Promise<void> = new Promise((resolve) => {
    this.#markSynced = resolve;
  });

  constructor(source: ResourceClient<T>, options: InformerOptions<T>) {
    this.#source = source;
    this.#options = options;
    this.#reflector = new Reflector({
      ...options,
      source,
      sink: {
        replace: (objects) => this.#replace(objects),
        put: (object) => this.#put(this.#typed(object)),
        remove: (object) => this.#remove(keyOf(object), this.#typed(object)),
      },
    });
    for (const [name, values] of Object.entries(options.indexes ?? {})) this.addIndex(name, values);
  }

  /** Starts listing and watching; further calls do nothing. Settles when the signal has aborted. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    await this.#reflector.run(signal);
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** How far the copy has come. */
  get resourceVersion(): string {
    return this.#reflector.resourceVersion;
  }

  /** By `namespace/name`, or by name for a resource without namespaces. */
  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  get size(): number {
    return this.#objects.size;
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  /** Throws a RangeError for an index that was never added. */
  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (!index) throw new RangeError(`no index ${name} on ${this.#source.ref.plural}`);
    return [...(index.found.get(value)?.values() ?? [])];
  }

  /** The objects of one namespace. */
  inNamespace(namespace: string): T[] {
    this.addIndex('namespace', (object) => [object.metadata.namespace ?? '']);
    return this.byIndex('namespace', namespace);
  }

  /** An index with this name that exists stays: components that share an informer share the meaning of names. */
  addIndex(name: string, values: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { values, found: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) enter(index, key, object);
  }

  /** Tells the handlers of all objects there are, then of every change. Gives the way to stop that. */
  onEvent(handlers: EventHandlers<T>): () => void {
    this.#handlers.add(handlers);
    for (const object of this.#objects.values()) this.#tell(() => handlers.added?.(object));
    return () => this.#handlers.delete(handlers);
  }

  #replace(objects: T[]): void {
    const gone = new Set(this.#objects.keys());
    for (const object of objects) {
      gone.delete(keyOf(object));
      this.#put(this.#typed(object));
    }
    for (const key of gone) this.#remove(key, this.#objects.get(key)!);
    if (!this.#isSynced) {
      this.#isSynced = true;
      this.#markSynced();
    }
  }

  #put(object: T): void {
    const key = keyOf(object);
    const old = this.#objects.get(key);
    if (old && old.metadata.resourceVersion === object.metadata.resourceVersion) return;
    // The same name with another uid is another object: say so, or an owner is taken for its successor.
    if (old && old.metadata.uid !== object.metadata.uid) {
      this.#remove(key, old);
      this.#put(object);
      return;
    }
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (!old) enter(index, key, object);
      else if (!replace(index, key, { old, object })) {
        leave(index, key, old);
        enter(index, key, object);
      }
    }
    for (const handlers of this.#handlers) {
      this.#tell(() => (old ? handlers.updated?.(object, old) : handlers.added?.(object)));
    }
  }

  #remove(key: string, last: T): void {
    const old = this.#objects.get(key);
    if (!old) return;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) leave(index, key, old);
    for (const handlers of this.#handlers) this.#tell(() => handlers.deleted?.(last));
  }

  /** A broken handler must not stop the copy that others rely on. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.log.error('informer handler failed', { resource: this.#source.ref.plural, err: error });
    }
  }

  /** The objects in a list carry no apiVersion and kind of their own. */
  #typed(object: T): T {
    if (object.kind) return object;
    const { group, versions, kind } = this.#source.ref;
    return Object.freeze({ ...object, apiVersion: formatApiVersion({ group, version: versions[0] }), kind });
  }
}

function enter<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    let found = index.found.get(value);
    if (!found) index.found.set(value, (found = new Map()));
    found.set(key, object);
  }
}

/** The usual change is of something else: then each place stays, also where there are thousands. False: it is not so. */
function replace<T>(index: Index<T>, key: string, { old, object }: { old: T; object: T }): boolean {
  const values = index.values(object);
  if (!equal(values, index.values(old))) return false;
  for (const value of values) index.found.get(value)?.set(key, object);
  return true;
}

function leave<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    const found = index.found.get(value);
    found?.delete(key);
    if (found?.size === 0) index.found.delete(value);
  }
}

export interface InformerSelection {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

/** Hands out one informer per resource and selection, so that many components share one watch and one copy. */
export class InformerFactory {
  readonly #client: Client;
  readonly #options: { clock: Clock; prng: Prng; log: Log; initial?: 'list' | 'stream' };
  // biome-ignore lint/suspicious/noExplicitAny: informers of all kinds stand in one map, told apart by their key
  readonly #informers = new Map<string, { informer: Informer<any>; stop: AbortController }>();
  readonly #running = new Set<Promise<void>>();
  #signal?: AbortSignal;

  constructor({
    client,
    ...options
  }: {
    client: Client;
    clock: Clock;
    prng: Prng;
    log: Log;
    initial?: 'list' | 'stream';
  }) {
    this.#client = client;
    this.#options = options;
  }

  /** The shared informer; it runs at once when the factory does, else from `start` on. */
  of<T extends KubeObject>(ref: ResourceRef<T>, selection: InformerSelection = {}): Informer<T> {
    const key = keyOfSelection(ref, selection);
    let entry = this.#informers.get(key);
    if (!entry) {
      const informer = new Informer(this.#client.of(ref), { ...this.#options, ...selection });
      entry = { informer, stop: new AbortController() };
      this.#informers.set(key, entry);
      if (this.#signal) this.#run(entry, this.#signal);
    }
    return entry.informer;
  }

  /** Stops the informer of a resource that is no longer served; nobody may be using it. */
  drop(ref: ResourceRef, selection: InformerSelection = {}): void {
    const key = keyOfSelection(ref, selection);
    this.#informers.get(key)?.stop.abort();
    this.#informers.delete(key);
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    // Each informer listens for the end; Node takes more than ten listeners for a leak.
    setMaxListeners(0, signal);
    for (const entry of this.#informers.values()) this.#run(entry, signal);
  }

  /** Resolves when every informer asked for so far has its first list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#informers.values()].map(({ informer }) => informer.synced));
  }

  /** Resolves when all have stopped, after the signal aborted. Throws what a reflector could not handle (a bug). */
  async stopped(): Promise<void> {
    await Promise.all(this.#running);
  }

  #run({ informer, stop }: { informer: Informer<KubeObject>; stop: AbortController }, signal: AbortSignal): void {
    const run = informer.start(AbortSignal.any([signal, stop.signal]));
    run.catch((error) => this.#options.log.error('informer ended', { err: error }));
    this.#running.add(run);
    run.finally(() => this.#running.delete(run)).catch(() => {});
  }
}

function keyOfSelection(ref: ResourceRef, selection: InformerSelection): string {
  const { namespace = '', labelSelector = '', fieldSelector = '' } = selection;
  return [ref.group, ref.versions[0], ref.plural, namespace, labelSelector, fieldSelector].join('|');
}
