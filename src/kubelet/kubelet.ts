/** Runs the pods of one node: a worker for each, fed by the API's watch, the runtime's events and slow relists. */
import { readFile } from 'node:fs/promises';
import nodes from '#api/core/node.js';
import services from '#api/core/service.js';
import type { Node, Pod, Service, Taint } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { Client } from '#client/client.js';
import { Informer } from '#client/informer.js';
import { AdmissionGate } from './admission/gate.js';
import { CgroupTree, noCgroups } from './cgroup-tree.js';
import { ConfigObjects } from './config-objects.js';
import type { ClusterDns } from './dns.js';
import { parseResolvConf } from './dns.js';
import { thresholdsOf } from './eviction/thresholds.js';
import { Housekeeping } from './housekeeping.js';
import { ImagePuller } from './image-puller.js';
import { KubeletError } from './kubelet-error.js';
import { KubeletMetrics, type NodeCounts } from './kubelet-metrics.js';
import { LifecycleHooks } from './lifecycle-hooks.js';
import { type LogFile, logFile } from './log-file.js';
import type { NodeContext } from './node-context.js';
import { type NodeAmounts, type NodeFacts, nodeAmounts, readMachine } from './node-facts.js';
import { keepLease } from './node-lease.js';
import { NodeReporter } from './node-status.js';
import { defaultPaths, type KubeletPaths } from './paths.js';
import { type EventSink, podEvents } from './pod-events.js';
import { OwnPods, type PodHandlers, type PodSource } from './pod-source.js';
import { PodStates } from './pod-states.js';
import type { Verdict } from './pod-status.js';
import { PodWorker } from './pod-worker.js';
import { machineProber, type Prober, simulatedProber } from './probes/probe.js';
import { PendingResizes } from './resize/pending-resizes.js';
import type { Runtime } from './runtime/runtime.js';
import { RuntimeWatch } from './runtime-watch.js';
import { ServiceAccountTokens } from './service-account-tokens.js';
import { type ConfiguredKubelet, defaultKubeletSettings, type KubeletSettings } from './settings.js';
import { fromApi, mirroredHash } from './static-pods/origin.js';
import { StaticPods } from './static-pods/static-pods.js';
import { KubeletUsage } from './stats/kubelet-usage.js';
import type { UsageSource } from './stats/usage.js';
import { StatusManager } from './status-manager.js';
import { LocalVolumes } from './volumes/local-volumes.js';
import { CheckedVolumes, type Volumes } from './volumes/volumes.js';

export interface KubeletOptions {
  client: Client;
  runtime: Runtime;
  nodeName: string;
  clock: Clock;
  prng: Prng;
  log: Log;
  events: EventSink;
  /** `machine`: pods have directories, mounts and cgroups here. `simulated`: nothing outside the process is touched. */
  mode: 'machine' | 'simulated';
  /** The first is the node's own. */
  addresses: readonly string[];
  cluster: ClusterDns;
  /** `v1.36.0+t8s.0.1.0` */
  version: string;
  paths?: Partial<KubeletPaths>;
  /** Default: what the machine says. Simulated nodes must have it. */
  facts?: NodeFacts;
  labels?: Record<string, string>;
  taints?: readonly Taint[];
  /** Of the kubelet's server, shown in the node's status. Default: none. */
  port?: number;
  /** Default: a watch of this node's own. Many nodes in one process share one. */
  podSource?: PodSource;
  /** Default: an informer of this node's own. */
  services?: Informer<Service>;
  /** Default: an informer of this node alone. */
  nodes?: Informer<Node>;
  /** Resolves when a pod may be looked at. Default: at once. Many nodes in one process take turns. */
  turn?: () => Promise<void>;
  config?: ConfigObjects;
  prober?: Prober;
  /** Keep secrets on a tmpfs. Default: true where we may mount (root). */
  confidentialInMemory?: boolean;
  settings?: Partial<KubeletSettings>;
}

export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #settings: KubeletSettings;
  readonly #stop = new AbortController();
  /** By pod uid. */
  readonly #workers = new Map<string, PodWorker>();
  readonly #tasks = new Set<Promise<unknown>>();
  readonly #metrics: KubeletMetrics;
  #context!: NodeContext;
  #measured: Measured | undefined;
  #housekeeping: Housekeeping | undefined;
  #startedAtMs = 0;

  constructor(options: KubeletOptions) {
    const { clock, nodeName, runtime } = options;
    this.#metrics = new KubeletMetrics({ clock, nodeName, counts: () => this.#counts() });
    this.#options = { ...options, runtime: this.#metrics.counted(runtime) };
    this.#settings = { ...defaultKubeletSettings, ...options.settings };
  }

  /** Resolves when the node is registered and its pods are taken over; Ready follows as soon as the runtime is. */
  async start(): Promise<void> {
    const { nodeName, clock, client, events, log, runtime } = this.#options;
    this.#startedAtMs = clock.now();
    const { signal } = this.#stop;
    const paths = { ...defaultPaths, ...this.#options.paths };
    const machine = this.#options.mode === 'machine';
    const facts = this.#options.facts ?? (machine ? await readMachine('/') : missingFacts());
    const nodeWatch = this.#options.nodes ?? this.#ownNode();
    const amounts = nodeAmounts(facts, thresholdsOf(this.#settings));
    const reporter = this.#reporter(facts, amounts, () => nodeWatch.get(nodeName));
    const node = { kind: 'Node', name: nodeName, uid: nodeName, apiVersion: 'v1' };
    events.event(node, { type: 'Normal', reason: 'Starting', message: 'Starting kubelet.' });
    const registered = new Promise<void>((resolve) => this.#run('node status', reporter.run(signal, resolve)));
    this.#context = await this.#makeContext({ facts, amounts, paths }, () => reporter.node);
    const { context } = this;
    const usage = new KubeletUsage({ nodeName, startedAtMs: this.#startedAtMs, context, pods: () => this.pods() });
    const configured = { ...this.#options, settings: this.#settings, podsMax: facts.pods };
    this.#measured = { usage, facts, metrics: this.#metrics, configured };
    this.#housekeeping = this.#keepHouse(usage);
    const watch = new RuntimeWatch({
      runtime,
      clock,
      log,
      states: this.#context.states,
      changed: (uid) => this.#wake(uid),
      relisted: (tookMs) => this.#metrics.countRelist(tookMs),
    });
    await watch.relist(signal);
    await Promise.all([registered, this.#followServices(), this.#context.volumes.start(), this.#startCgroups(facts)]);
    if (signal.aborted) return;
    if (!this.#options.nodes) this.#run('node watch', nodeWatch.start(signal));
    this.#run('lease', keepLease({ client, clock, log, nodeName, node: () => reporter.node }, signal));
    this.#run('runtime watch', watch.run(signal));
    const source = this.#options.podSource ?? new OwnPods(client, this.#options);
    const statics = this.#makeStaticPods(() => reporter.node);
    await source.follow(nodeName, this.#handlers(statics), signal);
    await statics.start();
    this.#run('static pods', statics.run(signal));
    for (const [name, task] of this.#housekeeping.tasks(signal)) this.#run(name, task);
  }

  /** Leaves all containers running: the next kubelet takes them over. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#context?.config.stop();
    this.#context?.resizes.stop();
    await Promise.allSettled([...this.#workers.values()].map((worker) => worker.stop()));
    await Promise.allSettled(this.#tasks);
  }

  /** After `stop`, for a node that is to leave nothing behind: volumes, mounts and cgroups go, whatever still uses them. */
  async purge(): Promise<void> {
    const { volumes, cgroups, isMachine } = this.#context;
    await volumes.purge();
    if (isMachine) await cgroups.purge();
  }

  /** The pods that this node is to run, as the API last showed them. */
  pods(): Pod[] {
    return [...this.#workers.values()].map(({ pod }) => pod);
  }

  /** Throws KubeletError 'not found'. */
  pod(namespace: string, name: string): Pod {
    const found = this.pods().find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
    if (!found) throw new KubeletError('not found', `pod "${name}" not found in namespace "${namespace}"`);
    return found;
  }

  /** For `readLogs`. Throws KubeletError 'not found' for the pod, StatusError BadRequest for the container. */
  logFile(target: { namespace: string; pod: string; container: string; previous: boolean }): LogFile {
    const pod = this.pod(target.namespace, target.pod);
    return logFile(this.#context, { pod, container: target.container, previous: target.previous });
  }

  /** What the parts of the kubelet's server need: states by pod uid, paths, the runtime. Only after `start`. */
  get context(): Readonly<NodeContext> {
    return this.#context;
  }

  /** undefined before the node is registered. */
  get measured(): Measured | undefined {
    return this.#measured;
  }

  #changed(pod: Pod): void {
    const uid = pod.metadata.uid!;
    const known = this.#workers.get(uid);
    this.#context.statuses.observe(pod);
    if (known) {
      known.update(pod);
      return;
    }
    const worker = new PodWorker({ context: this.#context, pod, takenOverBeforeMs: this.#startedAtMs });
    this.#workers.set(uid, worker);
    worker.wake();
  }

  async #remove({ metadata }: Pod): Promise<void> {
    const uid = metadata.uid!;
    await this.#workers
      .get(uid)
      ?.remove()
      .finally(() => {
        this.#workers.delete(uid);
        this.#context.resizes.retry();
      });
  }

  /** Mirrors of static pods are no pods to run. */
  #handlers(statics: StaticPods): PodHandlers {
    return {
      changed: (pod) => {
        if (mirroredHash(pod) === undefined) this.#changed(fromApi(pod));
        else statics.observe(pod);
      },
      deleted: (pod) => {
        if (mirroredHash(pod) === undefined) this.#run('pod removal', this.#remove(pod));
        else statics.forget(pod);
      },
    };
  }

  #makeStaticPods(node: () => Node | undefined): StaticPods {
    return new StaticPods({
      ...this.#options,
      settings: this.#settings,
      statuses: this.#context.statuses,
      node,
      changed: (pod) => this.#changed(pod),
      ended: (pod) => this.#remove(pod),
    });
  }

  #wake(uid: string): void {
    this.#workers.get(uid)?.wake();
  }

  /** Resolves when nothing of it runs any more. */
  async #evict(pod: Pod, verdict: Verdict, annotations?: Record<string, string>): Promise<void> {
    podEvents(this.#options.events, pod).warning(verdict.reason, verdict.message, annotations);
    await this.#workers.get(pod.metadata.uid!)?.evict(verdict);
  }

  #keepHouse(usage: UsageSource): Housekeeping {
    return new Housekeeping({
      nodeName: this.#options.nodeName,
      startedAtMs: this.#startedAtMs,
      context: this.#context,
      settings: this.#settings,
      usage,
      pods: () => this.pods(),
      active: this.#admitted,
      isKnown: (uid) => this.#workers.has(uid),
      evict: (pod, verdict, annotations) => this.#evict(pod, verdict, annotations),
    });
  }

  readonly #admitted = () => [...this.#workers.values()].filter(({ isAdmitted }) => isAdmitted).map(({ pod }) => pod);
  readonly #pressure = () => this.#housekeeping?.conditions ?? [];

  #ownNode(): Informer<Node> {
    const { client, nodeName } = this.#options;
    return new Informer(client.of(nodes), { ...this.#options, fieldSelector: `metadata.name=${nodeName}` });
  }

  async #followServices(): Promise<void> {
    const { client } = this.#options;
    const given = this.#options.services;
    const informer = given ?? new Informer(client.of(services), this.#options);
    if (!given) this.#run('services', informer.start(this.#stop.signal));
    await informer.synced;
    this.#context.services = (namespace) => {
      const own = informer.inNamespace(namespace);
      const apiServer = namespace === 'default' ? undefined : informer.get('default/kubernetes');
      return apiServer ? [...own, apiServer] : own;
    };
  }

  async #startCgroups({ cpus, memoryBytes }: NodeFacts): Promise<void> {
    await this.#context.cgroups.start({ milliCpu: cpus * 1000, memoryBytes });
  }

  #reporter(facts: NodeFacts, amounts: NodeAmounts, seen: () => Node | undefined): NodeReporter {
    const { labels = {}, taints = [], port = 0 } = this.#options;
    return new NodeReporter({ ...this.#options, facts, amounts, labels, taints, port, pressure: this.#pressure, seen });
  }

  #admission(facts: NodeFacts, node: () => Node | undefined): AdmissionGate {
    const { client, clock, nodeName } = this.#options;
    const { operatingSystem } = facts.info;
    return new AdmissionGate({
      client,
      clock,
      nodeName,
      operatingSystem,
      node,
      pressure: this.#pressure,
      allowedSysctls: this.#settings.allowedUnsafeSysctls,
      admitted: this.#admitted,
      evict: (pod, verdict) => this.#evict(pod, verdict),
    });
  }

  async #makeContext(
    { facts, amounts, paths }: { facts: NodeFacts; amounts: NodeAmounts; paths: KubeletPaths },
    node: () => Node | undefined,
  ): Promise<NodeContext> {
    const { client, runtime, clock, log, prng, mode, cluster } = this.#options;
    const isMachine = mode === 'machine';
    const config = this.#options.config ?? new ConfigObjects(this.#options);
    const prober = this.#options.prober ?? (isMachine ? machineProber({ runtime, clock }) : simulatedProber(runtime));
    const readOptional = (path: string) => (isMachine ? readFile(path, 'utf8').catch(() => '') : '');
    const [resolvConf, nodeHosts, runtimeName] = await Promise.all([
      readOptional(paths.resolvConf),
      readOptional(paths.hosts),
      runtimeNameOf(runtime),
    ]);
    return {
      client,
      runtime,
      runtimeName,
      clock,
      prng,
      log,
      events: this.#options.events,
      paths,
      states: new PodStates(),
      admission: this.#admission(facts, node),
      resizes: new PendingResizes(clock),
      statuses: new StatusManager({ client, clock, log, signal: this.#stop.signal }),
      images: new ImagePuller({ runtime, clock }),
      volumes: this.#makeVolumes(config, paths),
      cgroups: isMachine ? new CgroupTree({ root: paths.cgroupRoot, log }) : noCgroups,
      config,
      hooks: new LifecycleHooks({ runtime, clock, hasNetwork: isMachine }),
      prober,
      metrics: this.#metrics,
      cluster,
      hostDns: parseResolvConf(resolvConf),
      nodeHosts,
      hostIPs: this.#options.addresses,
      memoryBytes: facts.memoryBytes,
      allocatable: amounts.allocatable,
      services: () => [],
      turn: this.#options.turn ?? (() => Promise.resolve()),
      isMachine,
    };
  }

  #counts(): NodeCounts {
    const pods = this.pods();
    const states = pods.map(({ metadata }) => this.#context.states.of(metadata.uid!));
    const containers = new Map<string, number>();
    for (const { state } of states.flatMap((one) => one.containers))
      containers.set(state, (containers.get(state) ?? 0) + 1);
    const runningPods = states.filter(({ sandboxes }) => sandboxes.some(({ ready }) => ready)).length;
    return { desiredPods: pods.length, runningPods, containers };
  }

  #makeVolumes(config: ConfigObjects, paths: KubeletPaths): Volumes {
    if (this.#options.mode === 'simulated') return new CheckedVolumes();
    const { client, clock, prng, log, confidentialInMemory = process.getuid?.() === 0 } = this.#options;
    const tokens = new ServiceAccountTokens({ client, clock });
    const renew = (uid: string) => this.#workers.get(uid)?.refreshVolumes();
    return new LocalVolumes({ paths, client, config, tokens, clock, prng, log, confidentialInMemory, renew });
  }

  #run(what: string, task: Promise<unknown>): void {
    const watched = task
      .catch((err) => this.#options.log.error(`${what} ended`, { err }))
      .finally(() => this.#tasks.delete(watched));
    this.#tasks.add(watched);
  }
}

/** What the metrics of the node are made of. */
export interface Measured {
  usage: UsageSource;
  facts: NodeFacts;
  metrics: KubeletMetrics;
  configured: ConfiguredKubelet;
}

function missingFacts(): never {
  throw new KubeletError('machine', 'a simulated node must be given its facts');
}

async function runtimeNameOf(runtime: Runtime): Promise<string> {
  try {
    return (await runtime.status()).versionText.split('://')[0]!;
  } catch {
    // Not ready yet, which the node's status says; the name is the same for every runtime we speak to so far.
    return 'containerd';
  }
}
