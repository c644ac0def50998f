/** Nodes that exist in this process only: each a real kubelet over a runtime that runs nothing. */
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import type { Service } from '#api/gen/core-v1.js';
import { componentUsers } from '#apiserver/authentication/component-users.js';
import { EventRecorder } from '#client/events.js';
import { Informer } from '#client/informer.js';
import { DnsServer } from '#dns/server.js';
import { nameservers } from '#dns/upstream.js';
import { Kubelet } from '#kubelet/kubelet.js';
import { simulatedFacts } from '#kubelet/node-facts.js';
import { SharedPods } from '#kubelet/pod-source.js';
import { SimulatedRuntime } from '#kubelet/runtime/simulated.js';
import { addressOf, subnetOf } from '#network/cidr.js';
import { askDns } from './dns-check.js';
import { ensureDnsService } from './dns-service.js';
import type { NodeStart } from './machine-node.js';
import { nodeReady } from './node-ready.js';
import { gitVersion } from './version.js';

export class SimulatedNodes {
  readonly #start: NodeStart;
  readonly #stop = new AbortController();
  readonly #kubelets: Kubelet[] = [];
  readonly #recorders: EventRecorder[] = [];
  readonly #informers: Promise<void>[] = [];
  #dns: DnsServer | undefined;

  constructor(start: NodeStart) {
    this.#start = start;
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
    await Promise.all(
      Array.from({ length: count }, (_, index) => this.#startOne(index, { source, services: serviceInformer })),
    );
  }

  async #startOne(
    index: number,
    { source, services: informer }: { source: SharedPods; services: Informer<Service> },
  ): Promise<void> {
    const { controlPlane, nodeName: base, nodeAddress, config, layout, clock, prng, log, dnsAddress } = this.#start;
    const alone = config.nodes === 1 && config.runtime === 'simulated';
    const nodeName = alone ? base : `${config.runtime === 'simulated' ? base : 'simulated'}-${index}`;
    const client = controlPlane.client(componentUsers.kubelet(nodeName));
    const shared = { client, clock, prng, log: log.child({ component: 'kubelet', node: nodeName }) };
    const recorder = new EventRecorder({ ...shared, component: 'kubelet', host: nodeName });
    this.#recorders.push(recorder);
    // The first part of the range is the real node's, where there is one.
    const podCidr = subnetOf(config.podCidr, { bits: 24, index: (index + 1) % 256 });
    let next = 2;
    const kubelet = new Kubelet({
      ...shared,
      runtime: new SimulatedRuntime({ clock, prng, allocateAddress: () => addressOf(podCidr, 2 + (next++ % 250)) }),
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
