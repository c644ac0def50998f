/** Nodes that exist in this process only: each a real kubelet over a runtime that runs nothing. */
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import type { Pod, Service } from '#api/gen/core-v1.js';
import { componentUsers } from '#apiserver/authentication/component-users.js';
import { EventRecorder } from '#client/events.js';
import { Informer } from '#client/informer.js';
import { DnsServer } from '#dns/server.js';
import { nameservers } from '#dns/upstream.js';
import { Kubelet } from '#kubelet/kubelet.js';
import { simulatedFacts } from '#kubelet/node-facts.js';
import { SharedPods } from '#kubelet/pod-source.js';
import { RuntimeError, type ServedRuntime } from '#kubelet/runtime/runtime.js';
import { SimulatedRuntime } from '#kubelet/runtime/simulated.js';
import { podsOf, type ServedPods } from '#kubelet/server/served-pods.js';
import { KubeletServer } from '#kubelet/server/server.js';
import { addressOf } from '#network/cidr.js';
import { askDns } from './dns-check.js';
import { ensureDnsService } from './dns-service.js';
import { kubeletPort, listenNear, type NodeStart } from './machine-node.js';
import { nodeReady } from './node-ready.js';
import { gitVersion } from './version.js';

export class SimulatedNodes {
  readonly #start: NodeStart;
  readonly #addresses: AddressPool;
  readonly #stop = new AbortController();
  readonly #kubelets: Kubelet[] = [];
  readonly #recorders: EventRecorder[] = [];
  readonly #informers: Promise<void>[] = [];
  readonly #runtimes: SimulatedRuntime[] = [];
  #server: KubeletServer | undefined;
  #dns: DnsServer | undefined;

  constructor(start: NodeStart) {
    this.#start = start;
    this.#addresses = new AddressPool(start.config.podCidr);
  }

  /** Resolves when all are ready, and DNS answers where no real node serves it. */
  async start(count: number): Promise<void> {
    const { steps, config } = this.#start;
    await Promise.all([
      steps.run(config.runtime === 'simulated' ? 'nodes' : 'simulated nodes', async () => {
        await this.#startKubelets(count);
        return `${count} simulated, Ready`;
      }),
      config.runtime === 'simulated' ? steps.run('DNS', () => this.#startDns()) : undefined,
    ]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#server?.close();
    await Promise.all(this.#kubelets.map((kubelet) => kubelet.stop()));
    await Promise.all(this.#recorders.map((recorder) => recorder.close()));
    await this.#dns?.close();
    await Promise.all(this.#informers);
  }

  async #startKubelets(count: number): Promise<void> {
    const { controlPlane, clock, prng, log } = this.#start;
    const client = controlPlane.client(componentUsers.apiServer);
    const shared = { clock, prng, log: log.child({ component: 'simulated-kubelet' }) };
    const podInformer = new Informer(client.of(pods), shared);
    const serviceInformer = new Informer(client.of(services), shared);
    const source = new SharedPods(podInformer);
    this.#informers.push(podInformer.start(this.#stop.signal), serviceInformer.start(this.#stop.signal));
    const port = await this.#startServer();
    await Promise.all(
      Array.from({ length: count }, (_, index) => this.#startOne(index, { source, services: serviceInformer, port })),
    );
  }

  async #startOne(
    index: number,
    { source, services: informer, port }: { source: SharedPods; services: Informer<Service>; port: number },
  ): Promise<void> {
    const { controlPlane, nodeName: base, nodeAddress, config, layout, clock, prng, log, dnsAddress } = this.#start;
    const alone = config.nodes === 1 && config.runtime === 'simulated';
    const nodeName = alone ? base : `${config.runtime === 'simulated' ? base : 'simulated'}-${index}`;
    const client = controlPlane.client(componentUsers.kubelet(nodeName));
    const shared = { client, clock, prng, log: log.child({ component: 'kubelet', node: nodeName }) };
    const recorder = new EventRecorder({ ...shared, component: 'kubelet', host: nodeName });
    this.#recorders.push(recorder);
    const runtime = new SimulatedRuntime({
      clock,
      prng,
      allocateAddress: () => this.#addresses.take(),
      releaseAddress: (address) => this.#addresses.give(address),
    });
    this.#runtimes.push(runtime);
    const kubelet = new Kubelet({
      ...shared,
      runtime,
      port,
      nodeName,
      events: recorder,
      mode: 'simulated',
      addresses: [nodeAddress],
      cluster: { servers: [dnsAddress], domain: config.clusterDomain },
      version: gitVersion,
      facts: simulatedFacts(nodeName),
      podSource: source,
      services: informer,
      paths: { root: layout.kubelet, podLogs: layout.podLogs },
    });
    this.#kubelets.push(kubelet);
    await kubelet.start();
    await nodeReady({ client, nodeName, clock });
  }

  /** One server for all: thousands of nodes must not mean thousands of ports. */
  async #startServer(): Promise<number> {
    const { pki, nodeName, nodeAddress, clock, log } = this.#start;
    const { certificate, key } = await pki.kubeletServingCertificate(nodeName, [nodeAddress]);
    this.#server = new KubeletServer({
      pods: podsOfAll(this.#kubelets),
      runtime: runtimeOfAll(this.#runtimes),
      nodeName,
      clock,
      log: log.child({ component: 'kubelet-server' }),
      tls: { cert: certificate, key, clientCa: pki.ca },
    });
    return listenNear(this.#server, kubeletPort);
  }

  async #startDns(): Promise<string> {
    const { controlPlane, clock, prng, log, config, nodeName, nodeAddress, dnsAddress } = this.#start;
    const dns = new DnsServer({
      client: controlPlane.client(componentUsers.dns),
      clock,
      prng,
      log: log.child({ component: 'dns' }),
      domain: config.clusterDomain,
      upstream: nameservers(''),
    });
    this.#dns = dns;
    const port = await dns.listen({ address: '127.0.0.1', port: 0, signal: this.#stop.signal });
    const client = controlPlane.client(componentUsers.apiServer);
    await ensureDnsService(client, { serviceAddress: dnsAddress, address: nodeAddress, port, nodeName });
    await askDns({ server: '127.0.0.1', port, domain: config.clusterDomain, clock });
    return `127.0.0.1:${port}`;
  }
}

function podsOfAll(kubelets: readonly Kubelet[]): ServedPods {
  const ownerOf = (pod: Pod) =>
    podsOf(() => kubelets.find((kubelet) => kubelet.pods().some(({ metadata }) => metadata.uid === pod.metadata.uid)));
  return {
    pods: () => kubelets.flatMap((kubelet) => podsOf(() => kubelet).pods()),
    sandboxId: (pod) => ownerOf(pod).sandboxId(pod),
    containerId: (pod, name) => ownerOf(pod).containerId(pod, name),
    logFile: (target) => {
      const owner = kubelets.find((kubelet) =>
        kubelet.pods().some(({ metadata }) => metadata.namespace === target.namespace && metadata.name === target.pod),
      );
      return podsOf(() => owner ?? kubelets[0]).logFile(target);
    },
  };
}

/** Streams by the runtime that has the container or sandbox. */
function runtimeOfAll(runtimes: readonly SimulatedRuntime[]): ServedRuntime {
  const having = async (id: string) => {
    for (const runtime of runtimes) if ((await runtime.container(id)) ?? (await runtime.sandbox(id))) return runtime;
    throw new RuntimeError('not found', `no simulated node has ${id}`);
  };
  return {
    execStream: async (id, options) => (await having(id)).execStream(id, options),
    attachStream: async (id, options) => (await having(id)).attachStream(id, options),
    portForward: async (id, port) => (await having(id)).portForward(id, port),
    stats: async () => (await Promise.all(runtimes.map((runtime) => runtime.stats()))).flat(),
  };
}

/** Addresses of pods, each given to one pod at a time. The first 256 belong to the real node, where there is one. */
class AddressPool {
  readonly #cidr: string;
  readonly #returned: string[] = [];
  #next = 256;

  constructor(cidr: string) {
    this.#cidr = cidr;
  }

  /** Throws RangeError when the range is used up. */
  take(): string {
    return this.#returned.shift() ?? addressOf(this.#cidr, this.#next++);
  }

  give(address: string): void {
    this.#returned.push(address);
  }
}
