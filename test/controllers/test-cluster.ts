/** A cluster of the testing library without kubelets, for scenarios of controllers: a stand-in runs the pods as told. */
import { inspect } from 'node:util';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import type { Client } from '#client/client.js';
import { InformerFactory, keyOf } from '#client/informer.js';
import * as testing from '#testing/index.js';

export const nodeName = 'n1';

/** The node that a daemon's pod names in its affinity. */
function nodeMeantFor({ spec }: Pod): string | undefined {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0];
}

const isNotReady = ({ status }: Pod) =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'False');

const isOver = (pod: Pod | undefined) => ['Succeeded', 'Failed'].includes(pod?.status?.phase ?? '');

export interface TestClusterOptions {
  /** How long a pod takes to be Ready once it exists; undefined: it never is. Default: 2 s. */
  readyAfterMs?: (pod: Pod) => number | undefined;
  /** How long a pod takes to end once it is deleted. Default: 1 s. */
  endAfterMs?: number;
  /** Names of those that run. Default: all. */
  controllers?: readonly string[];
  /** Of controllers, of which one leads. Default: 1. */
  copies?: number;
  /** What goes wrong, by the chance of `seed`. */
  faults?: testing.FaultPlan;
  seed?: number;
  /** The wall time at which it begins. Default: as a VirtualClock's. */
  startMs?: number;
  onDone?: (done: testing.DoneRequest) => void;
}

export class TestCluster {
  readonly clock: VirtualClock;
  readonly client: Client;
  readonly informers: InformerFactory;
  /** What went wrong in the stand-in. */
  readonly errors: unknown[] = [];
  readonly #cluster: testing.TestCluster;
  readonly #stop = new AbortController();
  readonly #nodes: string[] = [];
  #bound = 0;

  static async start({
    controllers,
    copies,
    faults,
    seed,
    startMs,
    onDone,
    ...options
  }: TestClusterOptions = {}): Promise<TestCluster> {
    const clock = new VirtualClock(startMs);
    const chosen = { nodes: 0, scheduler: false, controllers, copies, faults, seed, onDone, clock };
    const cluster = new TestCluster(await testing.startTestCluster(chosen), clock);
    await cluster.addNode(nodeName);
    cluster.#runPods(options);
    void cluster.#heartbeats();
    await cluster.until(() => cluster.informers.of(pods).isSynced);
    return cluster;
  }

  private constructor(cluster: testing.TestCluster, clock: VirtualClock) {
    this.#cluster = cluster;
    this.clock = clock;
    this.client = cluster.client();
    const { client } = this;
    this.informers = new InformerFactory({ client, clock, prng: new SeededPrng(2), log: silentLog });
    this.informers.start(this.#stop.signal);
  }

  /** A client that is this user. */
  as(user: testing.TestUser): Client {
    return this.#cluster.client(user);
  }

  advance(ms: number): Promise<void> {
    return this.#cluster.advance(ms);
  }

  /** Copies of controllers, which can be put to sleep. */
  get copies(): testing.TestCluster['copies'] {
    return this.#cluster.copies;
  }

  /** From now on no fault happens, and nobody sleeps. */
  calm(): void {
    this.#cluster.faults?.calm();
    for (const copy of this.copies) copy.wake();
  }

  restartControllers(): Promise<void> {
    return this.#cluster.restartControllers();
  }

  /** Lets time pass, in small steps, until it holds. Throws after `limitMs`. `watch` is called at every step. */
  async until(
    holds: () => boolean | Promise<boolean>,
    { watch, limitMs = 120_000, stepMs }: testing.UntilOptions & { watch?: () => void } = {},
  ): Promise<void> {
    const watched = async () => {
      watch?.();
      return await holds();
    };
    await this.#cluster.until(watch ? watched : holds, { limitMs, stepMs });
  }

  async get<T extends KubeObject>(ref: ResourceRef<T>, name: string, namespace = 'default'): Promise<T> {
    return await this.client.of(ref).get(name, { namespace: ref.namespaced ? namespace : undefined });
  }

  async list<T extends KubeObject>(ref: ResourceRef<T>, namespace = 'default'): Promise<T[]> {
    return (await this.client.of(ref).list({ namespace: ref.namespaced ? namespace : undefined })).items;
  }

  async exists(ref: ResourceRef, name: string, namespace = 'default'): Promise<boolean> {
    try {
      await this.get(ref, name, namespace);
      return true;
    } catch (error) {
      if (isReason(error, 'NotFound')) return false;
      throw error;
    }
  }

  /** Throws the first bug that a controller logged. */
  async end(): Promise<void> {
    this.#stop.abort();
    const bugs = [...this.#cluster.errors, ...this.errors];
    await this.#cluster.stop();
    if (bugs.length > 0) throw new Error(`a controller failed: ${inspect(bugs[0])}`, { cause: bugs });
  }

  /** A node that is ready and stays so. */
  async addNode(name: string, labels: Record<string, string> = {}): Promise<void> {
    const metadata = { name, labels: { 'topology.kubernetes.io/zone': 'z', ...labels } };
    await this.client.of(nodes).create({ apiVersion: 'v1', kind: 'Node', metadata, spec: {} });
    this.#nodes.push(name);
    this.#wake(name);
    await this.#beat(name);
  }

  /** Set to true, all kubelets fall silent. */
  isNodeSilent = false;
  /** Of silent nodes, and of those that are gone: what waits for them. */
  readonly #silent = new Map<string, (() => void)[]>();

  readonly #everSilent = new Set<string>();

  /** Nothing is heard of the node until it wakes, and what is asked of its pods waits. */
  silence(name: string): void {
    this.#everSilent.add(name);
    if (this.#nodes.includes(name) && !this.#silent.has(name)) this.#silent.set(name, []);
  }

  wakeAll(): void {
    for (const name of this.silentNodes) this.#wake(name);
  }

  #wake(name: string): void {
    const waiting = this.#silent.get(name) ?? [];
    this.#silent.delete(name);
    for (const act of waiting) act();
  }

  get silentNodes(): readonly string[] {
    return this.#nodes.filter((name) => this.#silent.has(name));
  }

  /** The machine is gone, and its Node is deleted. Its pods wait for one that comes under its name. */
  async removeNode(name: string): Promise<void> {
    this.silence(name);
    this.#nodes.splice(this.#nodes.indexOf(name), 1);
    await this.client.of(nodes).delete(name);
  }

  async #heartbeats(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.clock.sleep(10_000, this.#stop.signal).catch(() => {});
      if (this.#stop.signal.aborted || this.isNodeSilent) continue;
      const heard = this.#nodes.filter((name) => !this.#silent.has(name));
      for (const name of heard) await this.#unlessGone(() => this.#beat(name));
    }
  }

  async #beat(name: string): Promise<void> {
    const patch = { status: { conditions: [this.#ready('True')] } };
    await this.client.of(nodes).patch(name, patch, { type: 'strategic', subresource: 'status' });
  }

  #ready(status: string) {
    const now = formatTime(this.clock.now());
    return { type: 'Ready', status, reason: 'KubeletReady', lastHeartbeatTime: now, lastTransitionTime: now };
  }

  #runPods({ readyAfterMs = () => 2000, endAfterMs = 1000 }: TestClusterOptions): void {
    const begun = new Set<string>();
    const ending = new Set<string>();
    let address = 0;
    const step = (pod: Pod) => {
      const { uid = '' } = pod.metadata;
      if (pod.metadata.deletionTimestamp) {
        if (ending.has(uid) || pod.metadata.finalizers?.length) return;
        ending.add(uid);
        this.clock.setTimer(endAfterMs, () => void this.#endPod(pod));
      } else if (!begun.has(uid)) {
        begun.add(uid);
        void this.#bind(pod);
        const delayMs = readyAfterMs(pod);
        const podIP = `10.244.0.${++address}`;
        if (delayMs !== undefined) this.clock.setTimer(delayMs, () => void this.#makeReady(pod, podIP));
      } else if (this.#everSilent.has(pod.spec.nodeName ?? '') && isNotReady(pod)) {
        // As a kubelet that finds its pods called not ready since nothing was heard of them.
        void this.#makeReady(pod, pod.status?.podIP ?? '');
      }
    };
    this.informers.of(pods).onEvent({ added: step, updated: step });
  }

  async #bind(pod: Pod): Promise<void> {
    const { name = '', namespace } = pod.metadata;
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace },
      target: { kind: 'Node', name: nodeMeantFor(pod) ?? this.#nextNode() },
    };
    await this.#unlessGone(() =>
      this.client.of(pods).subresource({ method: 'POST', name, namespace, subresource: 'binding', body }),
    );
  }

  /** Each of those that are heard of in turn. */
  #nextNode(): string {
    const heard = this.#nodes.filter((name) => !this.#silent.has(name));
    return heard[this.#bound++ % heard.length] ?? nodeName;
  }

  /** True if the pod's node sleeps; then the work is done when it wakes. */
  #sleeps({ metadata }: Pod, act: () => void): boolean {
    const bound = this.informers.of(pods).get(`${metadata.namespace}/${metadata.name}`);
    const name = bound?.spec.nodeName;
    if (!name) return false;
    this.#silent.get(name)?.push(act);
    return this.#silent.has(name);
  }

  async #makeReady(pod: Pod, podIP: string): Promise<void> {
    if (this.#sleeps(pod, () => void this.#makeReady(pod, podIP))) return;
    const { name = '', namespace, uid } = pod.metadata;
    // What has ended before it was ready does not run again.
    if (isOver(this.informers.of(pods).get(keyOf(pod)))) return;
    const now = formatTime(this.clock.now());
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: now }];
    const startTime = pod.status?.startTime ?? now;
    const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], startTime, conditions };
    const patch = { metadata: { uid }, status };
    await this.#unlessGone(() =>
      this.client.of(pods).patch(name, patch, { type: 'strategic', namespace, subresource: 'status' }),
    );
  }

  async #endPod(pod: Pod): Promise<void> {
    if (this.#sleeps(pod, () => void this.#endPod(pod))) return;
    const { name = '', namespace, uid } = pod.metadata;
    await this.#unlessGone(() =>
      this.client.of(pods).delete(name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } }),
    );
  }

  async #unlessGone(call: () => Promise<unknown>): Promise<void> {
    try {
      await call();
    } catch (error) {
      // Invalid: by its uid, which a pod that came under the name of ours does not have.
      if (!this.#stop.signal.aborted && !isReason(error, 'NotFound', 'Conflict', 'Invalid')) this.errors.push(error);
    }
  }
}
