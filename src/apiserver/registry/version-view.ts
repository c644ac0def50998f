/**
 * The objects of a resource in one version, whatever version they are stored in. What is stored in the version that is
 * asked for is given as it is; the rest is converted once a revision.
 */
import type { AnyResource } from '#api/resource.js';
import { convertAll, hasVersions } from '#api/versions.js';
import { formatApiVersion, type KubeObject } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import type { CacheEvent } from '#storage/watch-cache.js';
import type { Stored } from './stored.js';

export class VersionView {
  readonly #resource: AnyResource;
  readonly #version: string;
  readonly #apiVersion: string;
  readonly #views = new WeakMap<Stored, Stored>();

  /** Undefined for a resource whose objects are stored in the one version that there is. */
  static of(resource: AnyResource): VersionView | undefined {
    return hasVersions(resource) && !resource.storedAs ? new VersionView(resource) : undefined;
  }

  private constructor(resource: AnyResource) {
    const { group, version = resource.versions[0] } = resource;
    this.#resource = resource;
    this.#version = version;
    this.#apiVersion = formatApiVersion({ group, version });
  }

  /** A promise only when something must be converted elsewhere. Throws StatusError. */
  one(stored: Stored): Stored | Promise<Stored> {
    const known = this.#known(stored);
    return known ?? this.#convert([stored]).then(() => this.#known(stored)!);
  }

  async all(items: readonly Stored[]): Promise<Stored[]> {
    const unknown = items.filter((stored) => !this.#known(stored));
    if (unknown.length > 0) await this.#convert(unknown);
    return items.map((stored) => this.#known(stored)!);
  }

  async events(events: readonly CacheEvent<Stored>[]): Promise<CacheEvent<Stored>[]> {
    await this.all(events.flatMap(({ value, previous }) => (previous ? [value, previous] : [value])));
    return events.map((event) => ({
      ...event,
      value: this.#known(event.value)!,
      previous: event.previous && this.#known(event.previous)!,
    }));
  }

  /** The form to store. */
  async encode(object: KubeObject): Promise<KubeObject> {
    const [encoded] = await convertAll(this.#resource, [object], this.#resource.storageVersion);
    return encoded!;
  }

  /** Whether what is stored would be written as it is: no conversion and no change of the storage version is due. */
  async isCurrent({ source }: Stored): Promise<boolean> {
    if (source.apiVersion !== formatApiVersion({ ...this.#resource, version: this.#resource.storageVersion }))
      return false;
    if (source.apiVersion === this.#apiVersion) return true;
    const { metadata, ...rest } = await this.encode((await this.one(source)).object);
    const { resourceVersion: _, ...kept } = metadata;
    const { resourceVersion: __, ...stored } = source.object.metadata;
    return equal({ ...rest, metadata: kept }, { ...source.object, metadata: stored });
  }

  #known(stored: Stored): Stored | undefined {
    return stored.apiVersion === this.#apiVersion ? stored : this.#views.get(stored);
  }

  async #convert(items: readonly Stored[]): Promise<void> {
    const objects = await convertAll(
      this.#resource,
      items.map(({ object }) => object),
      this.#version,
    );
    for (const [index, stored] of items.entries()) this.#views.set(stored, stored.as(objects[index]!));
  }
}
