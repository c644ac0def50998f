/** A control plane in this process on virtual time, for scenarios of controllers; a stand-in for kubelets runs the pods. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import type { UserInfo } from '#apiserver/authentication/authenticator.js';
import { VirtualClock } from '#base/clock.js';
import { type Log, silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { Client } from '#client/client.js';
import { InformerFactory } from '#client/informer.js';
import { ControlPlane } from '#cluster/control-plane.js';
import { openPki } from '#cluster/pki.js';
import { openMemoryStore } from '#storage/memory.js';

const admin = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] };
export const nodeName = 'n1';

export interface TestClusterOptions {
  /** How long a pod takes to be Ready once it exists; undefined: it never is. Default: 2 s. */
  readyAfterMs?: (pod: Pod) => number | undefined;
  /** How long a pod takes to end once it is deleted. Default: 1 s. */
  endAfterMs?: number;
}

export class TestCluster {
  readonly clock = new VirtualClock();
  readonly client: Client;
  readonly informers: InformerFactory;
  /** What controllers logged as errors: bugs. */
  readonly errors: unknown[];
  readonly #end: () => Promise<void>;

  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const directory = await mkdtemp(join(tmpdir(), 't8s-controllers-'));
    const clock = new VirtualClock();
    const prng = new SeededPrng(1);
    const errors: unknown[] = [];
    const log: Log = {
      ...silentLog,
      error: (message, fields) => errors.push([message, fields?.err]),
      child: () => log,
    };
    const pki = await openPki({ directory, clock, prng });
    const store = openMemoryStore();
    const plane = new ControlPlane({
      store,
      pki,
      serviceCidr: '10.96.0.0/16',
      clusterDomain: 'cluster.local',
      advertiseAddress: '10.0.0.1',
      clock,
      prng,
      log,
      scheduler: false,
    });
    await plane.startWithoutPort(6443);
    plane.startComponents();
    const end = async () => {
      const stopping = plane.stop();
      await clock.advance(10_000);
      await stopping;
      await store.close();
      await rm(directory, { recursive: true });
    };
    const cluster = new TestCluster({ plane, clock, prng, log, errors, end });
    await cluster.#addNode();
    cluster.#runPods(options);
    void cluster.#heartbeats();
    await cluster.until(() => cluster.informers.of(pods).isSynced);
    return cluster;
  }

  private constructor(parts: {
    plane: ControlPlane;
    clock: VirtualClock;
    prng: SeededPrng;
    log: Log;
    errors: unknown[];
    end: () => Promise<void>;
  }) {
    const { plane, clock, prng, log, errors, end } = parts;
    this.#plane = plane;
    this.clock = clock;
    this.errors = errors;
    this.client = new Client(plane.server.transport(admin));
    this.informers = new InformerFactory({ client: this.client, clock, prng, log });
    this.#stop = new AbortController();
    this.informers.start(this.#stop.signal);
    this.#end = end;
  }

  readonly #stop: AbortController;
  readonly #plane: ControlPlane;

  /** A client that is this user. */
  as(user: UserInfo): Client {
    return this.#plane.client(user);
  }

  /** Lets time pass, in small steps, until it holds. Throws after `limitMs`. `watch` is called at every step. */
  async until(
    holds: () => boolean | Promise<boolean>,
    { limitMs = 120_000, stepMs = 100, watch }: { limitMs?: number; stepMs?: number; watch?: () => void } = {},
  ): Promise<void> {
    for (let spentMs = 0; spentMs <= limitMs; spentMs += stepMs) {
      if (await holds()) return;
      await this.clock.advance(stepMs);
      watch?.();
    }
    throw new Error(`not so after ${limitMs} ms: ${holds}`);
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
    const bugs = [...this.errors];
    await this.#end();
    if (bugs.length > 0) throw new Error(`a controller failed: ${bugs[0]}`, { cause: bugs });
  }

  async #addNode(): Promise<void> {
    const metadata = { name: nodeName, labels: { 'topology.kubernetes.io/zone': 'z' } };
    const node = await this.client.of(nodes).create({ apiVersion: 'v1', kind: 'Node', metadata, spec: {} });
    await this.client.of(nodes).updateStatus({ ...node, status: { conditions: [this.#ready('True')] } });
  }

  /** Set to true, the node's kubelet falls silent. */
  isNodeSilent = false;

  async #heartbeats(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.clock.sleep(10_000, this.#stop.signal).catch(() => {});
      if (!this.#stop.signal.aborted && !this.isNodeSilent) await this.#unlessGone(() => this.#beat());
    }
  }

  async #beat(): Promise<void> {
    const patch = { status: { conditions: [this.#ready('True')] } };
    await this.client.of(nodes).patch(nodeName, patch, { type: 'strategic', subresource: 'status' });
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
      }
    };
    this.informers.of(pods).onEvent({ added: step, updated: step });
  }

  async #bind({ metadata: { name = '', namespace } }: Pod): Promise<void> {
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace },
      target: { kind: 'Node', name: nodeName },
    };
    await this.#unlessGone(() =>
      this.client.of(pods).subresource({ method: 'POST', name, namespace, subresource: 'binding', body }),
    );
  }

  async #makeReady({ metadata: { name = '', namespace, uid } }: Pod, podIP: string): Promise<void> {
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: formatTime(this.clock.now()) }];
    const patch = { metadata: { uid }, status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions } };
    await this.#unlessGone(() =>
      this.client.of(pods).patch(name, patch, { type: 'strategic', namespace, subresource: 'status' }),
    );
  }

  async #endPod({ metadata: { name = '', namespace, uid } }: Pod): Promise<void> {
    await this.#unlessGone(() =>
      this.client.of(pods).delete(name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } }),
    );
  }

  async #unlessGone(call: () => Promise<unknown>): Promise<void> {
    try {
      await call();
    } catch (error) {
      if (!this.#stop.signal.aborted && !isReason(error, 'NotFound', 'Conflict')) this.errors.push(error);
    }
  }
}
