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
import { EventRecorder } from '#client/events.js';
import { Informer } from '#client/informer.js';
import { DnsServer } from '#dns/server.js';
import { nameservers } from '#dns/upstream.js';
import { Kubelet } from '#kubelet/kubelet.js';
import { simulatedFacts } from '#kubelet/node-facts.js';
import { SharedPods } from '#kubelet/pod-source.js';
import { podNameLabel, podNamespaceLabel } from '#kubelet/pod-state.js';
import { type ContainerConfig, RuntimeError, type ServedRuntime } from '#kubelet/runtime/runtime.js';
import { SimulatedRuntime, type SimulatedRuntimeOptions } from '#kubelet/runtime/simulated.js';
import { type SimulatedLife, simulatedLife, simulatedLog } from '#kubelet/runtime/simulated-life.js';
import { podsOf, type ServedPods } from '#kubelet/server/served-pods.js';
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
  /** Serve logs and exec of all nodes there, or at a free port when that one is taken. Default: no. */
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
  #server: KubeletServer | undefined;
  #port: Promise<number | undefined> | undefined;
  #dns: DnsServer | undefined;

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
    const shared = { client, clock, prng, log: log.child({ component: 'kubelet', node: nodeName }) };
    const recorder = new EventRecorder({ ...shared, component: 'kubelet', host: nodeName });
    const runtime = new SimulatedRuntime({
      ...node.runtime,
      lifetime: (config) => node.runtime?.lifetime?.(config) ?? this.#lifeOf(config),
      clock,
      prng,
      allocateAddress: () => this.#addresses.take(nodeName),
      releaseAddress: (address) => this.#addresses.give(address),
    });
    const port = await (this.#port ??= this.#startServer());
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
    await this.#server?.close();
    await Promise.all([...this.#running.keys()].map((name) => this.cut(name)));
    await this.#dns?.close();
    await Promise.all(this.#informers);
  }

  #lifeOf({ name: container, attempt, labels }: ContainerConfig): SimulatedLife | undefined {
    const pod = this.#watches().podSource.get({ namespace: labels[podNamespaceLabel]!, name: labels[podNameLabel]! });
    return pod && simulatedLife({ pod, container, attempt, defaultMs: this.#options.lifetimeMs });
  }

  /** One server for all: thousands of nodes must not mean thousands of ports. */
  async #startServer(): Promise<number | undefined> {
    const { server, nodeAddress, clock, log } = this.#options;
    if (!server) return undefined;
    const { certificate, key } = await server.pki.kubeletServingCertificate(server.name, [nodeAddress]);
    this.#server = new KubeletServer({
      pods: podsOfAll(() => [...this.#running.values()].map(({ kubelet }) => kubelet)),
      runtime: runtimeOfAll(() => [...this.#running.values()].map(({ runtime }) => runtime)),
      nodeName: server.name,
      clock,
      log: log.child({ component: 'kubelet-server' }),
      tls: { cert: certificate, key, clientCa: server.pki.ca },
    });
    return listenNear(this.#server, server);
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

function podsOfAll(all: () => readonly Kubelet[]): ServedPods {
  const ownerOf = (pod: Pod) =>
    podsOf(() => all().find((kubelet) => kubelet.pods().some(({ metadata }) => metadata.uid === pod.metadata.uid)));
  return {
    pods: () => all().flatMap((kubelet) => podsOf(() => kubelet).pods()),
    sandboxId: (pod) => ownerOf(pod).sandboxId(pod),
    containerId: (pod, name) => ownerOf(pod).containerId(pod, name),
    logFile: (target) => {
      const kubelets = all();
      const isTarget = ({ metadata }: Pod) => metadata.namespace === target.namespace && metadata.name === target.pod;
      const owner = kubelets.find((kubelet) => kubelet.pods().some(isTarget)) ?? kubelets[0]!;
      const { startedAtMs, ...file } = owner.logFile(target);
      const { container } = target;
      const time = formatMicroTime(startedAtMs);
      return { ...file, text: simulatedLog({ pod: owner.pods().find(isTarget)!, container, time }) };
    },
  };
}

/** Streams by the runtime that has the container or sandbox. */
function runtimeOfAll(all: () => readonly SimulatedRuntime[]): ServedRuntime {
  const having = async (id: string) => {
    for (const runtime of all()) if ((await runtime.container(id)) ?? (await runtime.sandbox(id))) return runtime;
    throw new RuntimeError('not found', `no simulated node has ${id}`);
  };
  return {
    execStream: async (id, options) => (await having(id)).execStream(id, options),
    attachStream: async (id) => (await having(id)).attachStream(id),
    portForward: async (id, port) => (await having(id)).portForward(id, port),
    stats: async () => (await Promise.all(all().map((runtime) => runtime.stats()))).flat(),
  };
}
