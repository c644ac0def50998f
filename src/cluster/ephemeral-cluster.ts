/** A whole cluster in this process that leaves nothing behind: control plane and simulated nodes, on a given clock. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import { formatKubeconfig } from '#client/kubeconfig.js';
import type { Transport } from '#client/transport.js';
import controllers from '#controllers/index.gen.js';
import type { Controller } from '#controllers/runtime.js';
import { type ControllerSettings, defaultSettings } from '#controllers/settings.js';
import { addressOf } from '#network/cidr.js';
import { openLmdbStore } from '#storage/lmdb.js';
import { openMemoryStore } from '#storage/memory.js';
import type { Store } from '#storage/store.js';
import { type ApiServerFiles, openApiServerFiles } from './api-server/files.js';
import type { ApiServerSettings } from './api-server/settings.js';
import type { ComponentsCopy } from './components.js';
import { resolveConfig } from './config.js';
import { ControlPlane } from './control-plane.js';
import { electionOf } from './controller-manager/election.js';
import { contextName } from './layout.js';
import { identities, type KeyPair, openPki, type Pki } from './pki.js';
import { type SchedulerSettings, schedulerConfigurationOf } from './scheduler-configuration.js';
import { SimulatedNodes } from './simulated-nodes.js';

export interface EphemeralClusterOptions {
  clock: Clock;
  prng: Prng;
  log: Log;
  /** `lmdb` keeps the objects in files of a temporary directory, which goes when the cluster stops. */
  store: 'memory' | 'lmdb';
  /** Names of those that run. Default: all. */
  controllers?: readonly string[];
  controllerSettings?: Partial<ControllerSettings>;
  /** Default: upstream's configuration. */
  scheduler?: boolean | SchedulerSettings;
  /** Stands between controllers and scheduler, each known by its user's name, and the API server. */
  between?: (component: string, transport: Transport) => Transport;
  /** Those of controllers and scheduler, of which one leads. Default: one that is alone. */
  copies?: readonly Omit<ComponentsCopy, 'election'>[];
  /** Serve HTTPS on a free port of 127.0.0.1. */
  listen?: boolean;
  /** Of the API server, where they are not the defaults. */
  apiServer?: Partial<ApiServerSettings>;
}

/** Of the service `kubernetes`. Nothing is reached there: pods are simulated, and so is what they would reach. */
const advertiseAddress = '10.0.0.1';
const host = '127.0.0.1';
const advertisePort = 6443;
const defaults = resolveConfig({ flags: {}, env: {}, root: false, linux: false });
const { serviceCidr, clusterDomain } = defaults;
/** Room for as many nodes as a test may want. */
const podCidr = '10.128.0.0/9';

export class EphemeralCluster {
  readonly controlPlane: ControlPlane;
  readonly nodes: SimulatedNodes;
  readonly #options: EphemeralClusterOptions;
  readonly #pki: Pki;
  readonly #stop: AbortController;
  readonly #store: Store;
  readonly #directory: string;
  #url: string | undefined;

  /**
   * Makes what takes real time, keys and files, and nothing that takes the clock's. Throws RangeError for an unknown
   * controller, and for a scheduler that cannot be configured so.
   */
  static async prepare(options: EphemeralClusterOptions): Promise<EphemeralCluster> {
    const chosen = options.controllers && controllersNamed(options.controllers);
    const { clock, prng, log } = options;
    const directory = await mkdtemp(join(tmpdir(), 't8s-'));
    const pki = await openPki({ directory: join(directory, 'pki'), clock, prng });
    const kubeletClient = await pki.clientCertificate('apiserver-kubelet-client', identities.kubeletClient);
    const stop = new AbortController();
    const { serviceAccountKey, frontProxyCa } = pki;
    const settings = { ...defaults, ...options.apiServer };
    const environment = { clock, log, signal: stop.signal, clusterDomain, serviceAccountKey, frontProxyCa };
    const files = await openApiServerFiles(settings, environment);
    const store = options.store === 'lmdb' ? openLmdbStore(join(directory, 'store')) : openMemoryStore();
    return new EphemeralCluster({ options, controllers: chosen, pki, kubeletClient, files, stop, store, directory });
  }

  private constructor(parts: {
    options: EphemeralClusterOptions;
    controllers: readonly Controller[] | undefined;
    pki: Pki;
    kubeletClient: KeyPair;
    files: ApiServerFiles;
    stop: AbortController;
    store: Store;
    directory: string;
  }) {
    const { options, controllers: chosen, pki, kubeletClient, files, stop, store, directory } = parts;
    this.#stop = stop;
    const { clock, prng, log, scheduler, listen, between, copies } = options;
    this.#options = options;
    this.#pki = pki;
    this.#store = store;
    this.#directory = directory;
    const shared = { clock, prng, log, clusterDomain };
    this.controlPlane = new ControlPlane({
      ...shared,
      store,
      pki,
      kubeletClient,
      files,
      serviceCidr,
      controllerSettings: { ...defaultSettings, clusterCidr: podCidr, ...options.controllerSettings },
      advertiseAddress,
      aggregatorRouting: true,
      controllers: chosen,
      scheduler: scheduler !== false,
      schedulerConfiguration: typeof scheduler === 'object' ? schedulerConfigurationOf(scheduler) : undefined,
      between,
      copies: copies?.map((copy, place) => ({
        clock: copy.clock,
        between: (transport) => copy.between(transport),
        election: electionOf(defaults, { dataDir: `copy ${place}` }),
      })),
    });
    this.nodes = new SimulatedNodes({
      ...shared,
      controlPlane: this.controlPlane,
      podCidr,
      allocateNodeCidrs: chosen?.some(({ name }) => name === 'node-ipam-controller') ?? true,
      dnsAddress: addressOf(serviceCidr, 10),
      nodeAddress: host,
      paths: { root: join(directory, 'kubelet'), podLogs: join(directory, 'logs') },
      server: listen ? { pki, name: 'nodes', host, port: 0 } : undefined,
    });
  }

  /** `https://127.0.0.1:40123`; undefined before it has started, and when it does not listen. */
  get url(): string | undefined {
    return this.#url;
  }

  /** Resolves when the control plane serves and its components run. */
  async start(): Promise<void> {
    if (this.#options.listen) {
      const { address, port } = await this.controlPlane.start({ host, port: 0 });
      this.#url = `https://${address}:${port}`;
    } else await this.controlPlane.startWithoutPort(advertisePort);
    this.controlPlane.startComponents();
  }

  /** For the cluster's administrator, by client certificate. Throws TypeError when the cluster does not listen. */
  async kubeconfig(): Promise<string> {
    if (!this.#url) throw new TypeError('a cluster that does not listen has no kubeconfig');
    const { certificate, key } = await this.#pki.clientCertificate('admin', identities.admin);
    return formatKubeconfig(contextName, {
      server: this.#url,
      certificateAuthority: this.#pki.ca,
      clientCertificate: certificate,
      clientKey: key,
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.nodes.stop();
    await this.controlPlane.stop();
    await this.#store.close();
    await rm(this.#directory, { recursive: true });
  }
}

function controllersNamed(names: readonly string[]): Controller[] {
  return names.map((name) => {
    const found = controllers.find((controller) => controller.name === name);
    if (found) return found;
    throw new RangeError(`no controller "${name}": there are ${controllers.map((one) => one.name).join(', ')}`);
  });
}
