/**
 * What other servers say they serve, asked for now and then, for discovery to tell with what this one serves. A server that
 * cannot be asked is told as stale, with what it said last.
 * https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
 */
import { StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { WorkQueue } from '#client/workqueue.js';
import type { RemoteVersion } from '../discovery/groups.js';
import type { Aggregator } from './aggregator.js';
import { askRemoteApi } from './ask.js';
import { aggregatedResources, type LegacyResource } from './legacy-discovery.js';
import type { RemoteApi } from './remote-api.js';

const refreshMs = 60_000;
const timeoutMs = 5_000;
const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const accept = `${aggregatedType},application/json`;
const asker = { name: 'system:kube-aggregator', groups: ['system:masters'] };

interface GroupList {
  items?: { metadata?: { name?: string }; versions?: { version: string; resources?: unknown[] }[] }[];
}

export class RemoteDiscovery {
  readonly #options: { aggregator: Aggregator; clock: Clock; log: Log };
  readonly #queue: WorkQueue;
  /** By group and version; there is one for each that another server serves, from the first moment. */
  readonly #versions = new Map<string, RemoteVersion>();
  readonly #listeners = new Set<() => void>();

  constructor(options: { aggregator: Aggregator; clock: Clock; log: Log }) {
    this.#options = options;
    const { aggregator, clock } = options;
    this.#queue = new WorkQueue({ clock, name: 'discovery-manager', backoffMsMin: 500, backoffMsMax: refreshMs });
    aggregator.onChange((key, remote) => {
      if (remote) {
        const { resources = [], freshness = 'Stale' } = this.#versions.get(key) ?? {};
        this.#set(key, { ...describe(remote), resources, freshness });
        this.#queue.add(key);
      } else if (this.#versions.delete(key)) this.#tell();
    });
  }

  get versions(): Iterable<RemoteVersion> {
    return this.#versions.values();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#queue.workOff(signal, (key) => this.#refresh(key, signal));
  }

  async #refresh(key: string, signal: AbortSignal): Promise<void> {
    const remote = this.#options.aggregator.remotes.get(key);
    if (!remote) {
      this.#queue.forget(key);
      return;
    }
    try {
      if (!remote.isAvailable) throw new StatusError({ reason: 'ServiceUnavailable', message: 'service unavailable' });
      const resources = await this.#ask(remote, signal);
      if (!this.#options.aggregator.serves(key, remote)) return;
      this.#set(key, { ...describe(remote), resources, freshness: 'Current' });
      this.#queue.forget(key);
      this.#queue.addAfter(key, refreshMs);
    } catch (error) {
      if (signal.aborted || !this.#options.aggregator.serves(key, remote)) return;
      this.#options.log.debug('an aggregated server does not say what it serves', { key, err: error });
      const resources = this.#versions.get(key)?.resources ?? [];
      this.#set(key, { ...describe(remote), resources, freshness: 'Stale' });
      this.#queue.addRateLimited(key);
    }
  }

  /** All at once where the server can do that, else of the one version. */
  async #ask(remote: RemoteApi, signal: AbortSignal): Promise<unknown[]> {
    const { clock } = this.#options;
    const common = { timeoutMs, signal, clock };
    const all = await askRemoteApi(remote, { path: '/apis', user: asker, headers: { accept }, ...common });
    if (all.status === 200 && String(all.headers['content-type']).includes('as=APIGroupDiscoveryList')) {
      const { items = [] } = JSON.parse(all.text) as GroupList;
      const group = items.find(({ metadata }) => metadata?.name === remote.group);
      return group?.versions?.find(({ version }) => version === remote.version)?.resources ?? [];
    }
    const path = `/apis/${remote.group}/${remote.version}`;
    const { status, text } = await askRemoteApi(remote, { path, user: { ...asker, groups: [] }, ...common });
    if (status !== 200) throw new Error(`failed to download legacy discovery for ${path}: ${status}`);
    const { resources = [] } = JSON.parse(text) as { resources?: LegacyResource[] };
    return aggregatedResources(resources, remote);
  }

  #set(key: string, version: RemoteVersion): void {
    const before = this.#versions.get(key);
    if (before && JSON.stringify(before) === JSON.stringify(version)) return;
    this.#versions.set(key, version);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function describe({ group, version, service: { spec } }: RemoteApi): Omit<RemoteVersion, 'resources' | 'freshness'> {
  return { group, version, groupPriority: spec.groupPriorityMinimum, versionPriority: spec.versionPriority };
}
