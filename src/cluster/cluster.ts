/** Builds a whole cluster from its settings, starts its parts in order, each as early as it can, and stops them. */
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import { mergeIntoFile, writeKubeconfig } from '#client/kubeconfig.js';
import { addressOf } from '#network/cidr.js';
import { openLmdbStore } from '#storage/lmdb.js';
import type { Store } from '#storage/store.js';
import { openApiServerFiles } from './api-server/files.js';
import type { Config } from './config.js';
import { ControlPlane } from './control-plane.js';
import { electionOf } from './controller-manager/election.js';
import { flagTexts } from './flag-texts.js';
import { bytesOnDisk, contextName, type Layout, layoutOf, userKubeconfig } from './layout.js';
import { machineAddress, machineNodeName } from './machine/address.js';
import { installMissing } from './machine/system-packages.js';
import { kubeletPort, MachineNode, type NodeStart } from './machine-node.js';
import { identities, openPki, type Pki } from './pki.js';
import { openSchedulerConfiguration } from './scheduler-configuration.js';
import { SimulatedNodes } from './simulated-nodes.js';
import type { Steps } from './steps.js';

export interface ClusterOptions {
  config: Config;
  clock: Clock;
  prng: Prng;
  log: Log;
  /** How much the log tells, as Kubernetes counts. Default: it cannot be changed. */
  setVerbosity?: (level: number) => void;
  steps: Steps;
}

export class Cluster {
  readonly layout: Layout;
  readonly #options: ClusterOptions;
  readonly #stop = new AbortController();
  #store: Store | undefined;
  #controlPlane: ControlPlane | undefined;
  #machineNode: MachineNode | undefined;
  #simulatedNodes: SimulatedNodes | undefined;
  /** `https://127.0.0.1:6443`, once it answers. */
  endpoint: string | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.layout = layoutOf(options.config.dataDir);
  }

  get dnsAddress(): string {
    return addressOf(this.#options.config.serviceCidr, 10);
  }

  /** Resolves when nodes are ready and DNS answers. Throws what a step threw; `stop` then cleans up. */
  async start(): Promise<void> {
    const { config, steps, clock, prng, log } = this.#options;
    await mkdir(config.dataDir, { recursive: true });
    const nodeName = config.nodeName ?? machineNodeName();
    const shared = { config, layout: this.layout, nodeName, clock, prng, log, steps };
    const { dnsAddress } = this;
    if (config.runtime === 'containerd') {
      await steps.run('system packages', installMissing);
      this.#machineNode = new MachineNode(shared);
    }
    // The runtime takes longest to come up, and needs nothing of the API server until then.
    const runtime = this.#machineNode?.startRuntime() ?? Promise.resolve();
    runtime.catch(() => {}); // awaited below, unless the API server fails first
    const nodeAddress = machineAddress() ?? addressOf(config.podCidr, 1);
    const { controlPlane, pki } = await steps.run('API server', () => this.#startControlPlane(nodeName, nodeAddress));
    const context = { ...shared, controlPlane, pki, nodeAddress, dnsAddress };
    await Promise.all([
      this.#writeKubeconfigs(pki),
      runtime.then(() => this.#machineNode?.join(context)),
      this.#startSimulatedNodes(context),
    ]);
  }

  /** Stops everything in this process. Containers go on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#simulatedNodes?.stop();
    await this.#machineNode?.stop();
    await this.#controlPlane?.stop();
    await this.#store?.close();
  }

  async #startControlPlane(nodeName: string, nodeAddress: string): Promise<{ controlPlane: ControlPlane; pki: Pki }> {
    const { config, clock, prng, log, setVerbosity } = this.#options;
    this.#store = openLmdbStore(this.layout.store);
    const pki = await openPki({
      directory: this.layout.pki,
      clock,
      prng,
      serverNames: [nodeName, nodeAddress, ...(config.bind === '0.0.0.0' ? [] : [config.bind])],
      serviceAddress: addressOf(config.serviceCidr, 1),
      clusterDomain: config.clusterDomain,
    });
    const { serviceCidr, clusterDomain } = config;
    const { signal } = this.#stop;
    const { serviceAccountKey, frontProxyCa } = pki;
    const environment = { clock, log, signal, clusterDomain: config.clusterDomain, serviceAccountKey, frontProxyCa };
    const files = await openApiServerFiles(config, environment);
    const schedulerConfiguration = await openSchedulerConfiguration(config.schedulerConfig);
    const kubeletClient = await pki.clientCertificate('apiserver-kubelet-client', identities.kubeletClient);
    const controlPlane = new ControlPlane({
      store: this.#store,
      pki,
      serviceCidr,
      controllerSettings: { ...config, clusterCidr: config.podCidr, nodeCidrs: this.#nodeCidrs(nodeName) },
      clusterDomain,
      hostname: hostname(),
      advertiseAddress: nodeAddress,
      // Port 0 is chosen by the system, after the documents are made.
      advertisePort: config.port || undefined,
      clock,
      prng,
      log,
      kubeletClient,
      flags: flagTexts(config),
      profiling: config.profiling,
      aggregatorRouting: config.enableAggregatorRouting,
      setVerbosity,
      storeBytes: () => bytesOnDisk(this.layout.store),
      files,
      schedulerConfiguration,
      election: electionOf(config, config),
    });
    this.#controlPlane = controlPlane;
    const { port } = await controlPlane.start({ host: config.bind, port: config.port });
    this.endpoint = `https://${config.bind === '0.0.0.0' ? '127.0.0.1' : config.bind}:${port}`;
    controlPlane.startComponents();
    return { controlPlane, pki };
  }

  /** The machine's network is up before its node has joined. */
  #nodeCidrs(nodeName: string): ReadonlyMap<string, string> {
    return new Map(this.#machineNode ? [[nodeName, this.#machineNode.podCidr]] : []);
  }

  async #writeKubeconfigs(pki: Pki): Promise<void> {
    const { certificate, key } = await pki.clientCertificate('admin', identities.admin);
    const access = {
      server: this.endpoint!,
      certificateAuthority: pki.ca,
      clientCertificate: certificate,
      clientKey: key,
    };
    await writeKubeconfig(this.layout.kubeconfig, { name: contextName, access });
    if (this.#options.config.kubeconfig) await mergeIntoFile(userKubeconfig(), { name: contextName, access });
  }

  async #startSimulatedNodes({ controlPlane, pki, nodeName, nodeAddress, dnsAddress }: NodeStart): Promise<void> {
    const { config, steps, clock, prng, log } = this.#options;
    if (config.nodes === 0) return;
    const { podCidr, allocateNodeCidrs, clusterDomain, runtime, simulatedLifetime: lifetimeMs } = config;
    const paths = { root: this.layout.kubelet, podLogs: this.layout.podLogs };
    const server = { pki, name: nodeName, host: '0.0.0.0', port: kubeletPort };
    const shared = {
      controlPlane,
      clock,
      prng,
      log,
      podCidr,
      allocateNodeCidrs,
      clusterDomain,
      dnsAddress,
      nodeAddress,
      paths,
    };
    const simulated = new SimulatedNodes({ ...shared, lifetimeMs, server });
    this.#simulatedNodes = simulated;
    const only = runtime === 'simulated';
    const base = only ? nodeName : 'simulated';
    const names =
      only && config.nodes === 1 ? [base] : Array.from({ length: config.nodes }, (_, at) => `${base}-${at}`);
    await Promise.all([
      steps.run(only ? 'nodes' : 'simulated nodes', async () => {
        await Promise.all(names.map((name) => simulated.add({ name })));
        return `${names.length} simulated, Ready`;
      }),
      // A real node serves DNS where there is one.
      only ? steps.run('DNS', () => simulated.startDns(names[0]!)) : undefined,
    ]);
  }
}
