/**
 * The objects of a resource in one version, whatever version they are stored in. What is stored in the version that is
 * asked for is given as it is; the rest is converted once a revision. A custom resource is brought into the shape that
 * its schema has today as well, before and after conversion.
 */
import type { AnyResource } from '#api/resource.js';
import { convertAll, hasVersions, isVersion, rulesAt } from '#api/versions.js';
import { formatApiVersion, type KubeObject, parseApiVersion } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import { inTurns, type Turns, turnsFor } from '#base/turns.js';
import type { CacheEvent } from '#storage/watch-cache.js';
import type { Stored } from './stored.js';

/** Objects converted before other requests get a turn. */
const convertedInARow = 200;

export class VersionView {
  readonly #resource: AnyResource;
  readonly #version: string;
  readonly #apiVersion: string;
  readonly #views = new WeakMap<Stored, Stored>();

  /** Undefined for a resource whose objects are stored in the one version that there is. */
  static of(resource: AnyResource): VersionView | undefined {
    return resource.shape || (hasVersions(resource) && !resource.storedAs) ? new VersionView(resource) : undefined;
  }

  private constructor(resource: AnyResource) {
    const { group, version = resource.versions[0] } = resource;
    this.#resource = resource;
    this.#version = version;
    this.#apiVersion = formatApiVersion({ group, version });
  }

  /** A promise only when something must be converted elsewhere. Throws StatusError. */
  one(stored: Stored): Stored | Promise<Stored> {
    return this.#known(stored) ?? this.#convert([stored]).then(() => this.#known(stored)!);
  }

  async all(items: readonly Stored[]): Promise<Stored[]> {
    const unknown = items.filter((stored) => !this.#known(stored));
    for (let index = 0; index < unknown.length; index += convertedInARow) {
      if (index > 0) await new Promise<void>((resolve) => setImmediate(resolve));
      await this.#convert(unknown.slice(index, index + convertedInARow));
    }
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
    if (source.apiVersion === this.#apiVersion) return this.#known(source) === source;
    const { metadata, ...rest } = await this.encode((await this.one(source)).object);
    const { resourceVersion: _, ...kept } = metadata;
    const { resourceVersion: __, ...stored } = source.object.metadata;
    return equal({ ...rest, metadata: kept }, { ...source.object, metadata: stored });
  }

  #known(stored: Stored): Stored | undefined {
    const isServed = stored.apiVersion === this.#apiVersion && !this.#resource.shape;
    return isServed ? stored : this.#views.get(stored);
  }

  async #convert(items: readonly Stored[]): Promise<void> {
    const sources: KubeObject[] = [];
    const turns = turnsFor(items.reduce((bytes, { size }) => bytes + size, 0));
    for (const { object } of items) sources.push(await this.#restored(object, turns));
    const objects = await convertAll(this.#resource, sources, this.#version);
    for (const [index, stored] of items.entries()) {
      const converted = objects[index]!;
      const object = converted === sources[index] ? converted : await this.#restored(converted, turns);
      this.#views.set(stored, object === stored.object ? stored : stored.as(object));
    }
  }

  /** By the schema of the version that the object is in. */
  async #restored(object: KubeObject, turns: Turns | undefined): Promise<KubeObject> {
    const { version } = parseApiVersion(object.apiVersion);
    const { shape } = isVersion(this.#resource, version) ? rulesAt(this.#resource, version) : this.#resource;
    return shape ? inTurns(shape.restore(object), turns) : object;
  }
}
