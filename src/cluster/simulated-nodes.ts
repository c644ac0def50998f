/** Nodes that exist in this process only: each a real kubelet over a runtime that runs nothing. */
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import type { Node, Pod, Service, Taint } from '#api/gen/core-v1.js';
import { formatMicroTime } from '#apimachinery/object.js';
import { componentUsers } from '#apiserver/authentication/component-users.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import { SharedTurns } from '#base/turns.js';
import { EventRecorder } from '#client/events.js';
import { Informer } from '#client/informer.js';
import { DnsServer } from '#dns/server.js';
import { nameservers } from '#dns/upstream.js';
import { Kubelet } from '#kubelet/kubelet.js';
import { simulatedFacts } from '#kubelet/node-facts.js';
import { SharedPods } from '#kubelet/pod-source.js';
import { podNameLabel, podNamespaceLabel } from '#kubelet/pod-state.js';
import { type ContainerConfig, RuntimeError } from '#kubelet/runtime/runtime.js';
import { SimulatedRuntime, type SimulatedRuntimeOptions } from '#kubelet/runtime/simulated.js';
import { type SimulatedLife, simulatedLife, simulatedLog, simulatedUsage } from '#kubelet/runtime/simulated-life.js';
import { reviewsBy } from '#kubelet/server/access.js';
import { type LogTarget, metricsOf, podsOf, type ServedLog, type ServedNode } from '#kubelet/server/served-node.js';
import { KubeletServer } from '#kubelet/server/server.js';
import type { ControlPlane } from './control-plane.js';
import { askDns } from './dns-check.js';
import { ensureDnsService } from './dns-service.js';
import { listenNear } from './machine-node.js';
import { nodeReady } from './node-ready.js';
import type { Pki } from './pki.js';
import { SimulatedAddresses } from './simulated-addresses.js';
import { gitVersion } from './version.js';

export interface SimulatedNodesOptions {
  controlPlane: ControlPlane;
  clock: Clock;
  prng: Prng;
  log: Log;
  /** Pods get addresses of their node's range; of this one, where nodes have none of their own. */
  podCidr: string;
  allocateNodeCidrs: boolean;
  clusterDomain: string;
  /** What pods are told to ask for names. */
  dnsAddress: string;
  /** Shown by all nodes as their own, since they have none. */
  nodeAddress: string;
  /** Named in what the kubelet tells the runtime; nothing is written there. */
  paths: { root: string; podLogs: string };
  /**
   * How long containers run that may end (`restartPolicy` Never or OnFailure), where their pods do not say so by
   * annotation. Default: until they are stopped.
   */
  lifetimeMs?: number;
  /** Serve logs, exec and metrics: the first node there, all others, or when that port is taken, at free ports. Default: no. */
  server?: { pki: Pki; name: string; host: string; port: number };
}

export interface SimulatedNode {
  name: string;
  labels?: Record<string, string>;
  taints?: readonly Taint[];
  /** Default: 32 cores, 256 GiB, 110 pods. */
  size?: { cpus?: number; memoryBytes?: number; pods?: number };
  /** What should end or fail in its runtime. Default: all goes well. */
  runtime?: Pick<SimulatedRuntimeOptions, 'images' | 'lifetime' | 'exitCodeOf' | 'faults'>;
}

/** One of each for all nodes. */
interface Watches {
  podSource: SharedPods;
  services: Informer<Service>;
  nodes: Informer<Node>;
}

interface Running {
  kubelet: Kubelet;
  recorder: EventRecorder;
  runtime: SimulatedRuntime;
}

/** Nodes that register at a time. */
const startsAtOnceMax = 32;

export class SimulatedNodes {
  readonly #options: SimulatedNodesOptions;
  readonly #addresses: SimulatedAddresses;
  readonly #stop = new AbortController();
  readonly #running = new Map<string, Running>();
  readonly #informers: Promise<void>[] = [];
  readonly #waiting: (() => void)[] = [];
  #starting = 0;
  #shared: Watches | undefined;
  #server: Promise<KubeletServer> | undefined;
  /** By node: one that comes again has the port it had. */
  readonly #ports = new Map<string, Promise<number>>();
  #dns: DnsServer | undefined;
  /** Taken by all pods and events: thousands of them begin at once, and other work must not wait for all. */
  readonly #turns = new SharedTurns();

  constructor(options: SimulatedNodesOptions) {
    this.#options = options;
    const { clock, podCidr, allocateNodeCidrs } = options;
    const rangeOf = (nodeName: string) => this.#watches().nodes.get(nodeName)?.spec?.podCIDR;
    this.#addresses = new SimulatedAddresses({ clock, rangeOf: allocateNodeCidrs ? rangeOf : () => podCidr });
  }

  /**
   * Resolves when the node is Ready. Throws CommandError when it does not become so. Of thousands added at once each waits
   * for its turn: the API server would send away what comes beyond its share.
   */
  async add(node: SimulatedNode): Promise<void> {
    if (this.#starting >= startsAtOnceMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#starting++;
    try {
      await this.#start(node);
    } finally {
      const next = this.#waiting.shift();
      // Whoever comes next takes the place of this one.
      if (next) next();
      else this.#starting--;
    }
  }

  async #start(node: SimulatedNode): Promise<void> {
    const { controlPlane, clock, prng, log, dnsAddress, nodeAddress, clusterDomain } = this.#options;
    const { name: nodeName } = node;
    const client = controlPlane.client(componentUsers.kubelet(nodeName));
    const turn = () => this.#turns.next();
    const shared = { client, clock, prng, log: log.child({ component: 'kubelet', node: nodeName }), turn };
    const recorder = new EventRecorder({ ...shared, component: 'kubelet', host: nodeName });
    const runtime = new SimulatedRuntime({
      ...node.runtime,
      lifetime: (config) => node.runtime?.lifetime?.(config) ?? this.#lifeOf(config),
      usage: (config) => simulatedUsage({ pod: this.#podOf(config), container: config.name }),
      clock,
      prng,
      allocateAddress: () => this.#addresses.take(nodeName),
      releaseAddress: (address) => this.#addresses.give(address),
    });
    const port = await this.#serve(nodeName);
    const kubelet = new Kubelet({
      ...shared,
      ...this.#watches(),
      runtime,
      port,
      nodeName,
      events: recorder,
      mode: 'simulated',
      addresses: [nodeAddress],
      cluster: { servers: [dnsAddress], domain: clusterDomain },
      version: gitVersion,
      facts: simulatedFacts(nodeName, node.size),
      labels: node.labels,
      taints: node.taints,
      paths: this.#options.paths,
    });
    this.#running.set(nodeName, { kubelet, recorder, runtime });
    const sinceMs = clock.now();
    await kubelet.start();
    await nodeReady({ client, nodeName, clock, sinceMs });
  }

  /** The node's kubelet falls silent, as if its machine had lost power; the Node object stays. */
  async cut(name: string): Promise<void> {
    const running = this.#running.get(name);
    this.#running.delete(name);
    await running?.kubelet.stop();
    await running?.recorder.close();
  }

  /** What runs on the node; undefined for one that is not there. */
  runtime(name: string): SimulatedRuntime | undefined {
    return this.#running.get(name)?.runtime;
  }

  /** Serves cluster DNS at a free port of this machine, which is told. */
  async startDns(nodeName: string): Promise<string> {
    const { controlPlane, clock, prng, log, clusterDomain: domain, nodeAddress, dnsAddress } = this.#options;
    const dns = new DnsServer({
      client: controlPlane.client(componentUsers.dns),
      clock,
      prng,
      log: log.child({ component: 'dns' }),
      domain,
      upstream: nameservers(''),
    });
    this.#dns = dns;
    const port = await dns.listen({ address: '127.0.0.1', port: 0, signal: this.#stop.signal });
    const client = controlPlane.client(componentUsers.apiServer);
    await ensureDnsService(client, { serviceAddress: dnsAddress, address: nodeAddress, port, nodeName });
    await askDns({ server: '127.0.0.1', port, domain, clock });
    return `127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await (await this.#server)?.close();
    await Promise.all([...this.#running.keys()].map((name) => this.cut(name)));
    await this.#dns?.close();
    await Promise.all(this.#informers);
  }

  #lifeOf(config: ContainerConfig): SimulatedLife | undefined {
    const { name: container, attempt } = config;
    const pod = this.#podOf(config);
    return pod && simulatedLife({ pod, container, attempt, defaultMs: this.#options.lifetimeMs });
  }

  #podOf({ labels }: ContainerConfig): Pod | undefined {
    return this.#watches().podSource.get({ namespace: labels[podNamespaceLabel]!, name: labels[podNameLabel]! });
  }

  /** One server for all, and a port for each: so it is known which node is asked. */
  async #serve(name: string): Promise<number | undefined> {
    const { server } = this.#options;
    if (!server) return undefined;
    this.#server ??= this.#makeServer(server);
    const started = this.#server;
    const known = this.#ports.get(name);
    if (known) return known;
    const wanted = { host: server.host, port: this.#ports.size === 0 ? server.port : 0 };
    const port = started.then((one) => listenNear(one, this.#served(name), wanted));
    this.#ports.set(name, port);
    return port;
  }

  async #makeServer({ pki, name }: NonNullable<SimulatedNodesOptions['server']>): Promise<KubeletServer> {
    const { nodeAddress, clock, log, controlPlane } = this.#options;
    const { certificate, key } = await pki.kubeletServingCertificate(name, [nodeAddress]);
    return new KubeletServer({
      reviews: reviewsBy(controlPlane.client(componentUsers.apiServer)),
      clock,
      log: log.child({ component: 'kubelet-server' }),
      tls: { cert: certificate, key, clientCa: pki.ca },
    });
  }

  #served(name: string): ServedNode {
    const kubelet = () => this.#running.get(name)?.kubelet;
    const pods = podsOf(kubelet);
    const runtime = () => {
      const running = this.#running.get(name);
      if (!running) throw new RuntimeError('not found', `no simulated node ${name} runs`);
      return running.runtime;
    };
    return {
      name,
      pods: { ...pods, logFile: (target) => simulatedLogFile(kubelet()!, target) },
      metrics: metricsOf(kubelet),
      runtime: {
        exec: (id, command) => runtime().exec(id, command),
        execStream: (id, options) => runtime().execStream(id, options),
        attachStream: (id) => runtime().attachStream(id),
        portForward: (id, port) => runtime().portForward(id, port),
      },
    };
  }

  #watches(): Watches {
    if (this.#shared) return this.#shared;
    const { controlPlane, clock, prng, log } = this.#options;
    const client = controlPlane.client(componentUsers.apiServer);
    const options = { clock, prng, log: log.child({ component: 'simulated-kubelet' }) };
    const podInformer = new Informer(client.of(pods), options);
    const serviceInformer = new Informer(client.of(services), options);
    const nodeInformer = new Informer(client.of(nodes), options);
    this.#shared = { podSource: new SharedPods(podInformer), services: serviceInformer, nodes: nodeInformer };
    const { signal } = this.#stop;
    this.#informers.push(podInformer.start(signal), serviceInformer.start(signal), nodeInformer.start(signal));
    return this.#shared;
  }
}

function simulatedLogFile(kubelet: Kubelet, target: LogTarget): ServedLog {
  const isTarget = ({ metadata }: Pod) => metadata.namespace === target.namespace && metadata.name === target.pod;
  const { startedAtMs, ...file } = kubelet.logFile(target);
  const { container } = target;
  const time = formatMicroTime(startedAtMs);
  return { ...file, text: simulatedLog({ pod: kubelet.pods().find(isTarget)!, container, time }) };
}
