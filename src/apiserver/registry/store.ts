/**
 * The one path by which objects of every kind are read and written: default, mutate, prepare, validate, admit, commit.
 * The steps are in `create.ts`, `update.ts` and `delete.ts`, reads in `list.ts` and `watch.ts`.
 */

import { droppingOf } from '#api/gated.js';
import type { AnyResource } from '#api/resource.js';
import type { Scheme } from '#api/scheme.js';
import { hasVersions, rulesAt } from '#api/versions.js';
import { isReason, notFound, type Status } from '#apimachinery/errors.js';
import { FeatureGates } from '#apimachinery/features/gates.js';
import { formatApiVersion, type KubeList, type KubeObject } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { Store } from '#storage/store.js';
import { type CacheLoad, WatchCache, type WatchCacheLimits } from '#storage/watch-cache.js';
import type { AdmissionPlugin } from '../admission/admission.js';
import type { AdmissionObserver } from '../metrics/admission-metrics.js';
import { AdmissionChain } from './admit.js';
import { BookmarkTimes } from './bookmark-times.js';
import { compactPeriodically } from './compaction.js';
import { type CreateRequest, createObject } from './create.js';
import { type Deleted, deleteObject, warnOfDependents } from './delete.js';
import type { Encryption } from './encryption/configuration.js';
import { expirePeriodically } from './expiry.js';
import type { FieldTracker } from './field-tracker.js';
import { type ListRequest, type ListResult, listCache, listObjects, reachVersion } from './list.js';
import { managedFieldsTracker } from './managed-fields.js';
import { observedStore, type StoreObserver } from './observed-store.js';
import { newReadCounts, type ReadCounts } from './read-counts.js';
import type { Change, DeleteOptions, ObjectKey, Registry, ResourceStore, UpdateOptions, Write } from './registry.js';
import { cached, type ResourceContext, storageKey, subjectOf } from './resource-context.js';
import { selectionOf } from './selection.js';
import { openStored, type Stored } from './stored.js';
import { type UpdateRequest, updateObject } from './update.js';
import { VersionView } from './version-view.js';
import { type ResourceEvent, type WatchRequest, watchObjects } from './watch.js';

export interface RegistryOptions {
  scheme: Scheme;
  schemas: SchemaTable;
  store: Store;
  /** Who is told what is asked of the store for a resource. */
  observeStore?: (resource: AnyResource) => StoreObserver;
  /** Left out: values lie as they are. */
  encryption?: Encryption;
  admission: readonly AdmissionPlugin[];
  /** Told how long admission took. */
  admissionObserver?: AdmissionObserver;
  clock: Clock;
  prng: Prng;
  log: Log;
  cacheLimits?: Partial<WatchCacheLimits>;
  /** Default: all at their default. */
  gates?: FeatureGates;
}

export class ObjectRegistry implements Registry {
  readonly scheme: Scheme;
  readonly gates: FeatureGates;
  readonly admission: AdmissionChain;
  readonly #options: RegistryOptions;
  readonly #fields: FieldTracker;
  readonly #bookmarks: BookmarkTimes;
  readonly #stores = new Map<AnyResource, ObjectStore>();
  /** One for all versions of a resource, which share its stored objects. */
  readonly #caches = new Map<string, WatchCache<Stored>>();
  readonly #written = new Map<string, { revision: number }>();
  readonly #reads = new Map<string, ReadCounts>();
  readonly #end = new AbortController();
  #closed = false;

  constructor(options: RegistryOptions) {
    this.scheme = options.scheme;
    this.gates = options.gates ?? FeatureGates.standard;
    const { admission, admissionObserver: observer, clock } = options;
    this.admission = new AdmissionChain(admission, observer && { observer, clock });
    this.#fields = managedFieldsTracker(options);
    this.#bookmarks = new BookmarkTimes(clock);
    this.#options = options;
  }

  of<T extends KubeObject>(resource: { group: string; plural: string; version?: string }): ResourceStore<T> {
    const definition = this.scheme.byPlural(resource);
    if (!definition) throw new TypeError(`the scheme has no ${resource.plural} in group "${resource.group}"`);
    return this.storeOf(definition, resource.version) as ResourceStore<KubeObject> as ResourceStore<T>;
  }

  /** The same with the ways to read and write that handlers of verbs need. */
  storeOf(definition: AnyResource, version = definition.versions[0]): ObjectStore {
    const resource = hasVersions(definition) ? rulesAt(definition, version) : definition;
    let found = this.#stores.get(resource);
    if (!found) this.#stores.set(resource, (found = new ObjectStore(this.#context(resource))));
    return found;
  }

  /** What is known of a resource without reading it; undefined for one that is not served. */
  loadOf(resource: { group: string; version: string; resource: string }): ResourceLoad | undefined {
    const definition = this.scheme.byResource(resource);
    return definition && this.storeOf(definition, resource.version).load;
  }

  /** Of every resource that is kept in memory since somebody reads it. */
  loads(): KindLoad[] {
    const resources = new Map([...this.scheme.resources()].map((one) => [prefixOf(one), one]));
    return [...this.#caches].flatMap(([key, cache]) => {
      const resource = resources.get(key);
      if (!resource) return [];
      const { group, plural } = resource;
      const bytes = bytesAverage(cache) * cache.size;
      return [{ group, plural, bytes, reads: this.#readsOf(resource), ...cache.load }];
    });
  }

  /**
   * Ends the watches of a definition that is served no more, or as another definition has it: their clients watch again,
   * or learn that there is nothing. `isGone`: its objects are gone as well.
   */
  retire(definition: AnyResource, { isGone }: { isGone: boolean }): void {
    const versions = [
      definition,
      ...[...definition.versions, definition.storageVersion].map((one) => rulesAt(definition, one)),
    ];
    for (const resource of versions) {
      this.#stores.get(resource)?.endWatches();
      this.#stores.delete(resource);
    }
    if (!isGone) return;
    const key = cacheKeyOf(definition);
    this.#caches.get(key)?.close();
    this.#caches.delete(key);
  }

  /** Throws StoreError when the store cannot be read: a health check. */
  async check(): Promise<void> {
    await this.#options.store.revision();
  }

  /** Begins the background work: compaction, and the end of what lives for a while only. Until `close`. */
  start(): void {
    const { store, clock, log } = this.#options;
    const { signal } = this.#end;
    void compactPeriodically(store, { clock, log, signal });
    const resources = () => this.scheme.resources();
    const storeFor = (resource: AnyResource) => this.#storeFor(resource);
    void expirePeriodically(storeFor, { resources, prefixOf, clock, log, signal });
  }

  /** Ends all watches. The store is its owner's to close. */
  close(): void {
    this.#closed = true;
    this.#end.abort();
    for (const cache of this.#caches.values()) cache.close();
  }

  #readsOf(resource: AnyResource): ReadCounts {
    const key = cacheKeyOf(resource);
    let reads = this.#reads.get(key);
    if (!reads) this.#reads.set(key, (reads = newReadCounts()));
    return reads;
  }

  #storeFor(resource: AnyResource): Store {
    const { store: plain, encryption, observeStore } = this.#options;
    const store = observeStore ? observedStore(plain, observeStore(resource)) : plain;
    return encryption ? encryption.of(store, resource) : store;
  }

  #context(resource: AnyResource): ResourceContext {
    const { schemas, clock, prng, log, cacheLimits } = this.#options;
    const store = this.#storeFor(resource);
    const { storedAs } = resource;
    const prefix = prefixOf(resource);
    const form = storedAs && { decode: storedAs.decode };
    const open = (entry: ConstructorParameters<typeof Stored>[0]) => openStored(entry, form);
    const cacheKey = cacheKeyOf(resource);
    let cache = this.#caches.get(cacheKey);
    if (!cache) {
      cache = new WatchCache<Stored>({ store, prefix, open, clock, log, limits: cacheLimits });
      this.#caches.set(cacheKey, cache);
      if (this.#closed) cache.close();
    }
    const fields = this.#fields;
    const bookmarks = this.#bookmarks;
    let written = this.#written.get(prefix);
    if (!written) this.#written.set(prefix, (written = { revision: 0 }));
    const view = VersionView.of(resource);
    const { admission } = this;
    const dropping = droppingOf(resource.gated, this.gates);
    return {
      resource,
      reads: this.#readsOf(resource),
      dropping,
      schemas,
      store,
      cache,
      prefix,
      form,
      view,
      written,
      admission,
      fields,
      bookmarks,
      clock,
      prng,
    };
  }
}

/** Objects that a deletion of a collection lists at a time. */
const deletedPageMax = 10_000;

/** What there is of one resource, and what was done with it since the start. */
export interface KindLoad extends CacheLoad {
  group: string;
  plural: string;
  /** Of all its objects, by the size of some. */
  bytes: number;
  reads: ReadCounts;
}

/** Objects that are looked at to tell how large those of a resource are. */
const sampleMax = 8;

function bytesAverage(cache: WatchCache<Stored>): number {
  let bytes = 0;
  for (const stored of cache.some(sampleMax)) bytes += stored.size;
  return bytes / Math.max(1, Math.min(cache.size, sampleMax));
}

export interface ResourceLoad {
  objects: number;
  bytesAverage: number;
  /** Those that wait for a change. */
  watchers: number;
}

/** What is stored in the form of another kind has a cache of its own, in its own form. */
function cacheKeyOf(resource: AnyResource): string {
  const prefix = prefixOf(resource);
  return resource.storedAs ? `${prefix}${resource.group}` : prefix;
}

function prefixOf({ storagePrefix, plural }: AnyResource): string {
  return `/registry/${storagePrefix ?? plural}/`;
}

export class ObjectStore implements ResourceStore {
  readonly #context: ResourceContext;
  readonly #end = new AbortController();

  constructor(context: ResourceContext) {
    this.#context = context;
  }

  endWatches(): void {
    this.#end.abort();
  }

  get resource(): AnyResource {
    return this.#context.resource;
  }

  /** About how many bytes of JSON the object has that the cache knows; 0 for one that is not there. */
  sizeOf(key: ObjectKey): number {
    return this.#context.cache.get(storageKey(this.#context, key))?.size ?? 0;
  }

  get load(): ResourceLoad {
    const { cache } = this.#context;
    const { values: objects, watchers } = cache.load;
    return { objects, watchers, bytesAverage: bytesAverage(cache) };
  }

  async get(key: ObjectKey): Promise<KubeObject> {
    return (await this.read(key)).object;
  }

  /** `resourceVersion`: '' for the newest, 0 for any, else not older than it. Throws NotFound. */
  async read(key: ObjectKey, resourceVersion = ''): Promise<Stored> {
    const reaching = reachVersion(this.#context, resourceVersion);
    if (reaching) await reaching;
    const reading = cached(this.#context, storageKey(this.#context, key));
    const found = reading instanceof Promise ? await reading : reading;
    if (!found) throw notFound(subjectOf(this.#context, key.name));
    return found;
  }

  async list(options: { namespace?: string; labelSelector?: string; fieldSelector?: string } = {}): Promise<KubeList> {
    const { resource } = this;
    const reaching = reachVersion(this.#context, '');
    if (reaching) await reaching;
    const selection = selectionOf(resource, options);
    const { items, revision } = await listCache(this.#context, { namespace: options.namespace ?? '', selection });
    return {
      kind: resource.listKind,
      apiVersion: formatApiVersion({ group: resource.group, version: resource.version ?? resource.versions[0] }),
      metadata: { resourceVersion: String(revision) },
      items: items.map(({ object }) => object),
    };
  }

  page(request: ListRequest): Promise<ListResult> {
    return listObjects(this.#context, request);
  }

  watch(request: WatchRequest): AsyncIterable<ResourceEvent[]> {
    // Built-in kinds are there for ever.
    const { shape } = this.#context.resource;
    const signal = shape ? AbortSignal.any([request.signal, this.#end.signal]) : request.signal;
    return watchObjects(this.#context, { ...request, signal });
  }

  async create(object: KubeObject, write: Write): Promise<KubeObject> {
    return (await this.insert(object, write)).object;
  }

  insert(object: KubeObject, write: CreateRequest): Promise<Stored> {
    return createObject(this.#context, object, write);
  }

  async update(
    key: ObjectKey,
    change: Change<KubeObject>,
    write: Write & UpdateOptions<KubeObject>,
  ): Promise<KubeObject> {
    return (await this.modify(key, change, write)).object;
  }

  modify(key: ObjectKey, change: Change<KubeObject>, write: UpdateRequest): Promise<Stored> {
    return updateObject(this.#context, { key, change, write });
  }

  async delete(key: ObjectKey, options: DeleteOptions, write: Write): Promise<KubeObject | Status> {
    const deleted = await this.remove(key, options, write);
    return this.answerOf(deleted);
  }

  remove(key: ObjectKey, options: DeleteOptions, write: Write): Promise<Deleted> {
    return deleteObject(this.#context, { key, options, write });
  }

  /** Deletes what a list gives, page by page; what is gone meanwhile is no error. Gives the objects as they were listed. */
  async removeAll(
    list: Pick<ListRequest, 'namespace' | 'selection'> & Partial<ListRequest>,
    options: DeleteOptions,
    write: Write,
  ): Promise<ListResult> {
    warnOfDependents(this.resource, options, write);
    const request = { resourceVersion: '', continue: '', ...list, limit: list.limit || deletedPageMax };
    let page = await this.page(request);
    await this.#removeEach(page.items, options, write);
    // Who asks for so many has them, and where to go on.
    if (list.limit) return page;
    const { resourceVersion } = page;
    const items = [...page.items];
    while (page.continue) {
      page = await this.page({ ...request, resourceVersion: '', match: undefined, continue: page.continue });
      await this.#removeEach(page.items, options, write);
      items.push(...page.items);
    }
    return { items, resourceVersion };
  }

  async #removeEach(listed: readonly Stored[], options: DeleteOptions, write: Write): Promise<void> {
    for (const { object } of listed) {
      const { name = '', namespace = '' } = object.metadata;
      try {
        await this.remove({ name, namespace }, options, { ...write, isCollective: true });
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
      }
    }
  }

  /** The object while it is there, or where the kind says so; else a Status that it is gone. */
  answerOf({ gone, stored }: Deleted): KubeObject | Status {
    const { resource } = this;
    if (!gone || resource.deletion?.returnsObject) return stored.object;
    const { name, uid } = stored.object.metadata;
    const details = { name, group: resource.group || undefined, kind: resource.plural, uid };
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  }
}
