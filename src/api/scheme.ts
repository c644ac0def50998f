/** Which resources are served: definitions by group, version and plural or kind, built-in and custom alike. */
import type { AnyResource } from './resource.js';

export interface GroupVersionResource {
  group: string;
  version: string;
  resource: string;
}

export class Scheme {
  readonly #resources = new Map<string, AnyResource>();
  readonly #kinds = new Map<string, AnyResource>();
  /** Ids of resources that are served, but not told of yet. */
  readonly #quiet = new Set<string>();
  readonly #listeners = new Set<() => void>();

  constructor(definitions: Iterable<AnyResource> = []) {
    for (const definition of definitions) this.add(definition);
  }

  /** Throws a TypeError when the group holds the plural already. One that is quiet is not among those announced. */
  add(definition: AnyResource, { quiet = false } = {}): void {
    const id = resourceId(definition.group, definition.plural);
    if (this.#resources.has(id)) throw new TypeError(`${id} is defined twice`);
    this.#resources.set(id, definition);
    if (quiet) this.#quiet.add(id);
    for (const version of definition.versions)
      this.#kinds.set(`${definition.group}/${version}/${definition.kind}`, definition);
    for (const listener of this.#listeners) listener();
  }

  /** For custom resources; stored objects are not touched. */
  remove(definition: AnyResource): void {
    this.#forget(definition);
    for (const listener of this.#listeners) listener();
  }

  /** The same resource as a changed definition has it. */
  replace(old: AnyResource, definition: AnyResource): void {
    const quiet = this.#quiet.has(resourceId(old.group, old.plural));
    this.#forget(old);
    this.add(definition, { quiet });
  }

  /** Of one that was added quietly: from now on everybody is told of it. */
  announce({ group, plural }: AnyResource): void {
    if (!this.#quiet.delete(resourceId(group, plural))) return;
    for (const listener of this.#listeners) listener();
  }

  #forget({ group, plural, versions, kind }: AnyResource): void {
    const id = resourceId(group, plural);
    this.#resources.delete(id);
    this.#quiet.delete(id);
    for (const version of versions) this.#kinds.delete(`${group}/${version}/${kind}`);
  }

  /** The definition of a plural in whatever version. */
  byPlural({ group, plural }: { group: string; plural: string }): AnyResource | undefined {
    return this.#resources.get(resourceId(group, plural));
  }

  /** Undefined too when the resource is served, but not in this version. */
  byResource({ group, version, resource }: GroupVersionResource): AnyResource | undefined {
    const found = this.#resources.get(resourceId(group, resource));
    return found?.versions.includes(version) ? found : undefined;
  }

  byKind({ group, version, kind }: { group: string; version: string; kind: string }): AnyResource | undefined {
    return this.#kinds.get(`${group}/${version}/${kind}`);
  }

  /** Whether built-in kinds are served in this version of a group. */
  hasBuiltins({ group, version }: { group: string; version: string }): boolean {
    for (const resource of this.#resources.values())
      if (resource.group === group && !resource.shape && resource.versions.includes(version)) return true;
    return false;
  }

  /** In the order they were added. */
  resources(): Iterable<AnyResource> {
    return this.#resources.values();
  }

  /** What discovery and OpenAPI tell of: all but the quiet ones. */
  *announced(): Iterable<AnyResource> {
    for (const [id, resource] of this.#resources) if (!this.#quiet.has(id)) yield resource;
  }

  /** Calls back after each change of what is served (discovery and OpenAPI drop what they remember). */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function resourceId(group: string, plural: string): string {
  return group ? `${plural}.${group}` : plural;
}
