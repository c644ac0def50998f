/** Which groups and versions other servers serve, by the APIService objects; the pipeline hands their requests over here. */
import apiServices from '#api/apiregistration/apiservice.js';
import type { APIService } from '#api/gen/apiregistration-v1.js';
import type { Clock, Timer } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { type InformerFactory, keyOf } from '#client/informer.js';
import type { Answer } from '../call.js';
import type { RequestInfo } from '../request-info.js';
import type { ResolveService } from '../webhook/client.js';
import { type RelayRequest, relay } from './relay.js';
import { type ProxyIdentity, RemoteApi } from './remote-api.js';

export interface AggregatorOptions {
  clock: Clock;
  log: Log;
  resolve: ResolveService;
  /** Asked for when the first of them is there. */
  identity: () => Promise<ProxyIdentity>;
}

/** Told of each change of what is served elsewhere; `undefined`: it no longer is. */
export type RemoteListener = (groupVersion: string, remote: RemoteApi | undefined) => void;

/** How long after the identity could not be had it is asked for again. */
const identityRetryMs = 5_000;

export class Aggregator {
  readonly #options: AggregatorOptions;
  /** By group and version: `metrics.k8s.io/v1beta1`. */
  readonly #remotes = new Map<string, RemoteApi>();
  readonly #listeners = new Set<RemoteListener>();
  readonly #retries = new Map<string, Timer>();
  #identity: Promise<ProxyIdentity> | undefined;

  constructor(options: AggregatorOptions) {
    this.#options = options;
  }

  get remotes(): ReadonlyMap<string, RemoteApi> {
    return this.#remotes;
  }

  /** While a server is asked, its APIService may go: what it answers then must not bring its version back. */
  serves(key: string, remote: RemoteApi): boolean {
    return this.#remotes.get(key) === remote;
  }

  onChange(listener: RemoteListener): void {
    this.#listeners.add(listener);
  }

  /** The server of a resource, or of the list of what is in its group and version; undefined where that is this one. */
  remoteOf({ resource, path }: RequestInfo): RemoteApi | undefined {
    if (this.#remotes.size === 0) return undefined;
    if (resource) return this.#remotes.get(`${resource.group}/${resource.version}`);
    const [, root, group, version, ...rest] = path.split('/');
    if (root !== 'apis' || !version || rest.some((part) => part !== '')) return undefined;
    return this.#remotes.get(`${group}/${version}`);
  }

  relay(request: RelayRequest, remote: RemoteApi): Promise<Answer> {
    return relay(request, { remote, clock: this.#options.clock });
  }

  /** Resolves when those that there are have been read; goes on with the informer. */
  async follow(informers: InformerFactory): Promise<void> {
    const informer = informers.of(apiServices);
    const changed = async (service: APIService) => {
      const latest = () => informer.get(keyOf(service));
      try {
        await this.#update(service, latest);
      } catch (error) {
        this.#retry(keyOf(service), error, () => {
          const now = latest();
          if (now) void changed(now);
        });
      }
    };
    informer.onEvent({
      added: (service) => void changed(service),
      updated: (service) => void changed(service),
      deleted: (service) => this.#remove(service),
    });
    await informer.synced;
    // Whoever asked for it tells of a failure, and asks again.
    await this.#identity?.catch(() => {});
  }

  close(): void {
    for (const timer of this.#retries.values()) timer.cancel();
    for (const remote of this.#remotes.values()) remote.close();
  }

  #retry(name: string, error: unknown, again: () => void): void {
    const { clock, log } = this.#options;
    log.error('there is nothing to show to the server of an APIService', { name, err: error });
    this.#retries.get(name)?.cancel();
    this.#retries.set(name, clock.setTimer(identityRetryMs, again));
  }

  #identify(): Promise<ProxyIdentity> {
    this.#identity ??= this.#options.identity().catch((error) => {
      this.#identity = undefined;
      throw error;
    });
    return this.#identity;
  }

  /** It may change or go while the identity is made: `latest` tells what it is then. */
  async #update(service: APIService, latest: () => APIService | undefined): Promise<void> {
    if (!service.spec.service) {
      this.#remove(service);
      return;
    }
    const key = groupVersionOf(service);
    const known = this.#remotes.get(key);
    if (known) known.update(service);
    else {
      const identity = await this.#identify();
      const newest = latest();
      if (!newest?.spec.service) return;
      const newer = this.#remotes.get(key);
      if (newer) newer.update(newest);
      else this.#remotes.set(key, new RemoteApi({ service: newest, identity, resolve: this.#options.resolve }));
    }
    this.#tell(key);
  }

  #remove(service: APIService): void {
    const key = groupVersionOf(service);
    this.#remotes.get(key)?.close();
    if (this.#remotes.delete(key)) this.#tell(key);
  }

  #tell(key: string): void {
    const remote = this.#remotes.get(key);
    for (const listener of this.#listeners) listener(key, remote);
  }
}

function groupVersionOf({ spec }: APIService): string {
  return `${spec.group ?? ''}/${spec.version ?? ''}`;
}
