/** This machine as a node: containerd, network, kubelet, service proxy and DNS. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { componentUsers } from '#apiserver/authentication/component-users.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import { EventRecorder } from '#client/events.js';
import { DnsServer } from '#dns/server.js';
import { nameservers } from '#dns/upstream.js';
import { Kubelet } from '#kubelet/kubelet.js';
import { writeNetworkConfig } from '#kubelet/runtime/cni.js';
import { ContainerdRuntime } from '#kubelet/runtime/containerd/containerd.js';
import { startContainerd } from '#kubelet/runtime/containerd/daemon.js';
import { pauseImage, pauseReference } from '#kubelet/runtime/images/pause.js';
import { reviewsBy } from '#kubelet/server/access.js';
import { metricsOf, podsOf, type ServedNode } from '#kubelet/server/served-node.js';
import { KubeletServer } from '#kubelet/server/server.js';
import { subnetOf } from '#network/cidr.js';
import { setUpNodeNetwork } from '#network/node-network.js';
import { Proxier } from '#proxy/proxier.js';
import type { Config } from './config.js';
import type { ControlPlane } from './control-plane.js';
import { askDns } from './dns-check.js';
import { ensureDnsService } from './dns-service.js';
import type { Layout } from './layout.js';
import { findCniFolder } from './machine/binaries.js';
import { nodeReady } from './node-ready.js';
import type { Pki } from './pki.js';
import type { Steps } from './steps.js';
import { gitVersion } from './version.js';

export interface NodeShared {
  config: Config;
  layout: Layout;
  nodeName: string;
  clock: Clock;
  prng: Prng;
  log: Log;
  steps: Steps;
}

/** What a node needs of the control plane. */
export interface NodeStart extends NodeShared {
  controlPlane: ControlPlane;
  pki: Pki;
  nodeAddress: string;
  dnsAddress: string;
}

/** Not 53: something else of the machine may serve DNS on all its addresses. Pods use 53 of the service. */
const dnsPort = 10053;
/** Upstream's. Another cluster of this machine may have it: then any will do, since the node's status names it. */
export const kubeletPort = 10250;
/** Of the machine; the API server shows it to those who may use nodes/proxy. */
const nodeLogs = '/var/log';

export class MachineNode {
  readonly #shared: NodeShared;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];
  #runtime: ContainerdRuntime | undefined;
  #gateway = '';
  #kubelet: Kubelet | undefined;
  #kubeletServer: KubeletServer | undefined;
  #dns: DnsServer | undefined;
  #recorder: EventRecorder | undefined;

  constructor(shared: NodeShared) {
    this.#shared = shared;
  }

  get podCidr(): string {
    const { podCidr, nodeCidrMaskSize: bits } = this.#shared.config;
    return subnetOf(podCidr, { bits, index: 0 });
  }

  /** Brings up what needs no API server: network and container runtime. */
  async startRuntime(): Promise<void> {
    const { config, layout, steps, log } = this.#shared;
    const network = steps.run('network', async () => {
      this.#gateway = await setUpNodeNetwork({
        bridge: layout.bridge,
        podCidr: this.podCidr,
        serviceCidr: config.serviceCidr,
        log: log.child({ component: 'network' }),
      });
      return `${layout.bridge} ${this.podCidr}`;
    });
    const runtime = steps.run('container runtime', () => this.#startContainerd());
    await Promise.all([network, runtime]);
  }

  /** Joins the cluster. Resolves when the node is ready and DNS answers. */
  async join(start: NodeStart): Promise<void> {
    const { controlPlane, nodeName, clock, prng, log, config, layout, dnsAddress } = start;
    const proxier = new Proxier({
      client: controlPlane.client(componentUsers.proxy),
      nodeClient: controlPlane.client(componentUsers.kubelet(nodeName)),
      clock,
      prng,
      log: log.child({ component: 'proxy' }),
      nodeName,
      podCidr: config.podCidr,
      serviceCidr: config.serviceCidr,
      table: layout.table,
    });
    this.#run('proxy', proxier.run(this.#stop.signal));
    await Promise.all([
      start.steps.run('node', () => this.#startKubelet(start)),
      start.steps.run('DNS', async () => {
        const port = await this.#startDns(start);
        await askDns({ server: this.#gateway, port, domain: config.clusterDomain, clock });
        return dnsAddress;
      }),
      start.steps.run('service proxy', () => proxier.ready),
    ]);
  }

  /** Containers, packet rules and the network stay. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#kubeletServer?.close();
    await this.#kubelet?.stop();
    await this.#recorder?.close();
    await this.#dns?.close();
    await Promise.all(this.#running);
    await this.#runtime?.close();
  }

  async #startContainerd(): Promise<string> {
    const { config, layout, clock, prng, log: base } = this.#shared;
    const log = base.child({ component: 'containerd' });
    const given = config.containerRuntimeEndpoint?.replace(/^unix:\/\//, '');
    if (given) {
      this.#runtime = new ContainerdRuntime({ socketPath: given, clock, prng, log });
      return (await this.#runtime.status()).versionText;
    }
    const { socketPath, paths, takenOver } = await startContainerd({
      dataDirectory: config.dataDir,
      sandboxImage: pauseReference,
      cniPluginDirectory: findCniFolder(),
      clock,
      log,
    });
    const runtime = new ContainerdRuntime({ socketPath, clock, prng, log });
    this.#runtime = runtime;
    await Promise.all([
      writeNetworkConfig(paths.cniConfigDirectory, {
        bridge: layout.bridge,
        podCidrs: [this.podCidr],
        addressDirectory: join(config.dataDir, 'cni'),
      }),
      this.#ensurePause(runtime),
    ]);
    const { versionText } = await runtime.status();
    return takenOver ? `${versionText}, taken over` : versionText;
  }

  async #ensurePause(runtime: ContainerdRuntime): Promise<void> {
    if (await runtime.image(pauseReference)) return;
    await runtime.importImage(await pauseImage());
  }

  async #startKubelet({
    controlPlane,
    pki,
    nodeName,
    nodeAddress,
    clock,
    prng,
    log,
    config,
    layout,
    dnsAddress,
  }: NodeStart): Promise<string> {
    const client = controlPlane.client(componentUsers.kubelet(nodeName));
    const shared = { client, clock, prng, log: log.child({ component: 'kubelet' }) };
    const recorder = new EventRecorder({ ...shared, component: 'kubelet', host: nodeName });
    this.#recorder = recorder;
    const serving = await pki.kubeletServingCertificate(nodeName, [nodeName, nodeAddress]);
    const server = new KubeletServer({
      ...shared,
      reviews: reviewsBy(client),
      tls: { cert: serving.certificate, key: serving.key, clientCa: pki.ca },
    });
    this.#kubeletServer = server;
    const served: ServedNode = {
      name: nodeName,
      pods: podsOf(() => this.#kubelet),
      runtime: this.#runtime!,
      metrics: metricsOf(() => this.#kubelet),
      logDirectory: nodeLogs,
    };
    const port = await listenNear(server, served, { host: '0.0.0.0', port: kubeletPort });
    this.#kubelet = new Kubelet({
      ...shared,
      port,
      runtime: this.#runtime!,
      nodeName,
      events: recorder,
      mode: 'machine',
      addresses: [nodeAddress],
      cluster: { servers: [dnsAddress], domain: config.clusterDomain },
      version: gitVersion,
      settings: config,
      paths: { root: layout.kubelet, podLogs: layout.podLogs, cgroupRoot: layout.cgroupRoot },
    });
    const sinceMs = clock.now();
    await this.#kubelet.start();
    await nodeReady({ client, nodeName, clock, sinceMs });
    return `${nodeName} Ready`;
  }

  async #startDns({ controlPlane, clock, prng, log, config, nodeName, dnsAddress }: NodeStart): Promise<number> {
    const dns = new DnsServer({
      client: controlPlane.client(componentUsers.dns),
      clock,
      prng,
      log: log.child({ component: 'dns' }),
      domain: config.clusterDomain,
      upstream: nameservers(await readFile('/etc/resolv.conf', 'utf8')),
    });
    this.#dns = dns;
    const port = await dns.listen({ address: this.#gateway, port: dnsPort, signal: this.#stop.signal });
    const client = controlPlane.client(componentUsers.apiServer);
    await ensureDnsService(client, { serviceAddress: dnsAddress, address: this.#gateway, port, nodeName });
    return port;
  }

  #run(name: string, work: Promise<void>): void {
    this.#running.push(work.catch((err) => this.#shared.log.error(`${name} ended by a bug`, { err })));
  }
}

export async function listenNear(
  server: KubeletServer,
  node: ServedNode,
  { host, port }: { host: string; port: number },
): Promise<number> {
  try {
    return (await server.listen(node, { host, port })).port;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return (await server.listen(node, { host, port: 0 })).port;
  }
}
