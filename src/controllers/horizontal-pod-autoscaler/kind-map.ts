/** Which resources the server has of a kind, asked group by group and remembered for a while. */
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import { quote } from '#base/go-text.js';
import type { Transport } from '#client/transport.js';
import { AutoscalerFailure } from './failure.js';

/** As upstream's mapper: a new kind is known after this long at the latest. */
const keptMs = 30_000;
const groupsMax = 1000;

interface Group {
  versions: string[];
  resources: ResourceRef[];
  atMs: number;
}

export class KindMap {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #groups = new Map<string, Group>();

  constructor({ transport, clock }: { transport: Transport; clock: Clock }) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** At least one, the preferred version first. Throws AutoscalerFailure. */
  async resourcesOf({ group, kind }: { group: string; kind: string }): Promise<ResourceRef[]> {
    const { resources } = await this.#group(group);
    const found = resources.filter((one) => one.kind === kind);
    if (found.length === 0) throw new AutoscalerFailure(`no matches for kind ${quote(kind)} in group ${quote(group)}`);
    return found;
  }

  /** The preferred one first; none of a group that there is not. */
  async versionsOf(group: string): Promise<readonly string[]> {
    return (await this.#group(group, 'versions')).versions;
  }

  async #group(name: string, only?: 'versions'): Promise<Group> {
    const known = this.#groups.get(name);
    const atMs = this.#clock.monotonic();
    if (known && atMs - known.atMs < keptMs) return known;
    if (this.#groups.size >= groupsMax) this.#groups.clear();
    const versions = name === '' ? ['v1'] : await this.#versions(name);
    const resources: ResourceRef[] = [];
    if (!only) for (const version of versions) resources.push(...(await this.#resources(name, version)));
    const group = { versions, resources, atMs };
    if (!only) this.#groups.set(name, group);
    return group;
  }

  async #versions(name: string): Promise<string[]> {
    const body = await this.#get(`/apis/${encodeURIComponent(name)}`);
    const { versions = [], preferredVersion } = (body ?? {}) as {
      versions?: { version: string }[];
      preferredVersion?: { version: string };
    };
    const preferred = preferredVersion?.version;
    const all = versions.map(({ version }) => version);
    return preferred ? [preferred, ...all.filter((version) => version !== preferred)] : all;
  }

  async #resources(group: string, version: string): Promise<ResourceRef[]> {
    const body = await this.#get(group ? `/apis/${encodeURIComponent(group)}/${version}` : `/api/${version}`);
    const { resources = [] } = (body ?? {}) as { resources?: { name: string; kind: string; namespaced: boolean }[] };
    return resources
      .filter(({ name }) => !name.includes('/'))
      .map(({ name, kind, namespaced }) => ({ group, versions: [version], kind, plural: name, namespaced }));
  }

  /** undefined for what is not there. */
  async #get(path: string): Promise<unknown> {
    try {
      const { status, body } = await this.#transport.request({ method: 'GET', path });
      return status < 400 ? body : undefined;
    } catch (error) {
      if (isReason(error, 'NotFound', 'ServiceUnavailable')) return undefined;
      throw error;
    }
  }
}
