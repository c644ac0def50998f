/** Keeps the node's packet rules equal to what services and pods say. */

import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { Client } from '#client/client.js';
import { InformerFactory } from '#client/informer.js';
import { type LoadedTable, readTable, renderChange, renderRemoval } from './change.js';
import { HealthCheckPorts, healthChecks } from './health-checks.js';
import { hostPortRoutes } from './host-ports.js';
import { listTable, loadRules } from './nftables.js';
import { renderRules } from './rules.js';
import { serviceRoutes } from './service-ports.js';

export interface ProxierOptions {
  /** Reads services and their endpoints. */
  client: Client;
  /** Reads the node's own pods, for their host ports: the node's client, since upstream's role of a proxy gives no pods. */
  nodeClient: Client;
  clock: Clock;
  prng: Prng;
  log: Log;
  nodeName: string;
  podCidr: string;
  serviceCidr: string;
  /** The nftables table, ours alone. Default `t8s`. */
  table?: string;
  /** How rules get to the kernel; tests give their own. */
  load?: (text: string) => Promise<void>;
  /** What lies in the kernel from an earlier process, as nft lists it; undefined: nothing. */
  list?: (table: string) => Promise<string | undefined>;
}

/** Changes that come together are loaded together: at least this long passes between two loads. */
const minIntervalMs = 50;
const retryMs = 1000;

export class Proxier {
  readonly #options: Required<ProxierOptions>;
  readonly #informers: InformerFactory;
  readonly #nodeInformers: InformerFactory;
  /** The body that the kernel has. */
  #loaded = '';
  #before: LoadedTable | undefined;
  #dirty = true;
  /** Whether the kernel took the rules when they were given to it last. */
  #isHealthy = false;
  readonly #healthChecks: HealthCheckPorts;
  #wake: (() => void) | undefined;
  #markReady!: () => void;

  /** Resolves when the first rules are in the kernel. */
  readonly ready = new Promise<void>((resolve) => {
    this.#markReady = resolve;
  });

  constructor(options: ProxierOptions) {
    this.#options = { table: 't8s', load: loadRules, list: listTable, ...options };
    this.#healthChecks = new HealthCheckPorts({ log: options.log, isProxyHealthy: () => this.#isHealthy });
    this.#informers = new InformerFactory(options);
    this.#nodeInformers = new InformerFactory({ ...options, client: options.nodeClient });
  }

  /** Works until the signal aborts. The rules stay: a restart must not break what runs. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
    this.#watch();
    this.#informers.start(signal);
    this.#nodeInformers.start(signal);
    const found = this.#find();
    const synced = Promise.all([found, this.#informers.synced(), this.#nodeInformers.synced()]);
    await Promise.race([synced, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    while (!signal.aborted) {
      if (!this.#dirty) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#dirty = false;
      let waitMs = minIntervalMs;
      try {
        await this.#load();
        this.#isHealthy = true;
        this.#markReady();
      } catch (error) {
        this.#isHealthy = false;
        log.error('packet rules were refused', { err: error });
        // Whatever stood in the way, a table that is made anew does not meet it.
        this.#before = undefined;
        this.#dirty = true;
        waitMs = retryMs;
      }
      await clock.sleep(waitMs, signal).catch(() => {}); // only an abort rejects, and it ends the loop
    }
    await Promise.all([this.#informers.stopped(), this.#nodeInformers.stopped(), this.#healthChecks.stop()]);
  }

  #watch(): void {
    const changed = () => {
      this.#dirty = true;
      this.#wake?.();
    };
    const onEvent = { added: changed, updated: changed, deleted: changed };
    this.#informers.of(services).onEvent(onEvent);
    this.#informers.of(endpointSlices).onEvent(onEvent);
    this.#ownPods().onEvent({
      added: (pod) => hostPortRoutes([pod]).length > 0 && changed(),
      updated: (pod, old) => hostPortRoutes([pod, old]).length > 0 && changed(),
      deleted: (pod) => hostPortRoutes([pod]).length > 0 && changed(),
    });
  }

  #ownPods() {
    return this.#nodeInformers.of(pods, { fieldSelector: `spec.nodeName=${this.#options.nodeName}` });
  }

  /** Clients of services with affinity keep their endpoints when the proxy starts again. */
  async #find(): Promise<void> {
    const listing = await this.#options.list(this.#options.table);
    this.#before = listing === undefined ? undefined : readTable(listing);
  }

  async #load(): Promise<void> {
    const { nodeName, table, podCidr, serviceCidr, load, clock } = this.#options;
    const [all, slices] = [this.#informers.of(services).list(), this.#informers.of(endpointSlices).list()];
    await this.#healthChecks.sync(healthChecks(all, slices, { nodeName }));
    const rules = renderRules({
      podCidr,
      serviceCidr,
      routes: serviceRoutes(all, slices, { nodeName }),
      hostPorts: hostPortRoutes(this.#ownPods().list()),
    });
    if (rules.body === this.#loaded) return;
    const { text, after } = renderChange(table, rules, { before: this.#before, nowMs: clock.monotonic() });
    await load(text);
    this.#loaded = rules.body;
    this.#before = after;
  }
}

/** Takes the rules away, for a machine as it was before. */
export async function removeRules(table = 't8s'): Promise<void> {
  await loadRules(renderRemoval(table));
}
