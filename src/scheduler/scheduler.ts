/** Gives each pod a node: watches pods and nodes, decides by `cycle.ts`, and binds through the API. */

import replicaSets from '#api/apps/replicaset.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import type { Node, Pod, Service } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { controllerOf, formatTime } from '#apimachinery/object.js';
import { type LabelSelector, labelSelectorFrom } from '#apimachinery/selectors.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { Client } from '#client/client.js';
import { EventRecorder } from '#client/events.js';
import { InformerFactory } from '#client/informer.js';
import { SchedulerCache } from './cache.js';
import { type Failure, schedulePod } from './cycle.js';
import type { Snapshot } from './framework.js';
import { defaultProfile } from './profile.js';
import { type QueuedPod, SchedulingQueue } from './queue.js';

export interface SchedulerOptions {
  client: Client;
  clock: Clock;
  prng: Prng;
  log: Log;
  /** Pods name it in spec.schedulerName. Default: default-scheduler. */
  name?: string;
}

/** Bindings under way; more pods wait, so that a slow API server is not buried. */
const bindingsMax = 64;
/** How long decisions may follow each other before other work of the process gets a turn. */
const sliceMs = 5;

export class Scheduler {
  readonly #options: SchedulerOptions & { name: string };
  readonly #plugins = defaultProfile();
  readonly #cache = new SchedulerCache();
  readonly #queue: SchedulingQueue;
  readonly #informers: InformerFactory;
  readonly #recorder: EventRecorder;
  readonly #bindings = new Set<Promise<void>>();
  #startIndex = 0;

  constructor(options: SchedulerOptions) {
    const { name = 'default-scheduler', clock } = options;
    this.#options = { ...options, name };
    this.#queue = new SchedulingQueue({ clock, plugins: this.#plugins });
    this.#informers = new InformerFactory(options);
    this.#recorder = new EventRecorder({ ...options, component: name });
  }

  /** How many pods wait, and for what. */
  get queueSizes(): SchedulingQueue['sizes'] {
    return this.#queue.sizes;
  }

  /** Schedules until the signal aborts, then settles when bindings under way have ended. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#queue.close(), { once: true });
    this.#watch();
    this.#informers.start(signal);
    await Promise.race([this.#informers.synced(), aborted(signal)]);
    let sliceStartMs = this.#options.clock.monotonic();
    for (let queued = await this.#queue.pop(); queued; queued = await this.#queue.pop()) {
      this.#schedule(queued);
      while (this.#bindings.size >= bindingsMax) await Promise.race(this.#bindings);
      if (this.#options.clock.monotonic() - sliceStartMs > sliceMs) {
        await new Promise((resolve) => setImmediate(resolve));
        sliceStartMs = this.#options.clock.monotonic();
      }
    }
    await Promise.all(this.#bindings);
    await this.#informers.stopped();
    await this.#recorder.close();
  }

  #watch(): void {
    const alive = 'status.phase!=Succeeded,status.phase!=Failed';
    this.#informers.of(pods, { fieldSelector: alive }).onEvent({
      added: (pod) => this.#podChanged(pod),
      updated: (pod, old) => this.#podChanged(pod, old),
      deleted: (pod) => this.#podGone(pod),
    });
    this.#informers.of(nodes).onEvent({
      added: (node) => {
        this.#cache.setNode(node);
        this.#queue.moveOn('node added');
      },
      updated: (node, old) => this.#nodeChanged(node, old),
      deleted: (node) => {
        this.#cache.removeNode(node.metadata.name!);
        this.#queue.moveOn('node removed');
      },
    });
    this.#informers.of(services);
    this.#informers.of(replicaSets);
  }

  #podChanged(pod: Pod, old?: Pod): void {
    const uid = pod.metadata.uid!;
    if (pod.spec.nodeName) {
      this.#queue.remove(uid);
      // The assumed pod is replaced by the real one; only what counts in sums and selectors needs a new NodeInfo.
      if (!old?.spec.nodeName || changesPlacement(pod, old)) this.#cache.place(pod, pod.spec.nodeName);
      if (!old?.spec.nodeName) this.#queue.moveOn('assigned pod added');
    } else if (pod.spec.schedulerName === this.#options.name && !pod.metadata.deletionTimestamp) {
      if (!this.#cache.isPlaced(uid) && (!old || changesScheduling(pod, old))) this.#queue.add(pod);
    } else this.#queue.remove(uid);
  }

  #podGone(pod: Pod): void {
    const uid = pod.metadata.uid!;
    this.#queue.remove(uid);
    this.#cache.remove(uid);
    if (pod.spec.nodeName) this.#queue.moveOn('assigned pod removed');
  }

  #nodeChanged(node: Node, old: Node): void {
    const allocatable = !equal(node.status?.allocatable, old.status?.allocatable);
    const labels = !equal(node.metadata.labels, old.metadata.labels);
    const taints = !equal(node.spec, old.spec);
    const images = !equal(node.status?.images, old.status?.images);
    // Heartbeats change nothing that a decision reads.
    if (allocatable || labels || taints || images) this.#cache.setNode(node);
    if (allocatable) this.#queue.moveOn('node allocatable');
    if (labels) this.#queue.moveOn('node labels');
    if (taints) this.#queue.moveOn('node taints');
  }

  #schedule(queued: QueuedPod): void {
    const { pod } = queued;
    const snapshot: Snapshot = { nodes: this.#cache.nodes, defaultSelector: (one) => this.#defaultSelector(one) };
    const outcome = schedulePod(pod, snapshot, {
      plugins: this.#plugins,
      prng: this.#options.prng,
      startIndex: this.#startIndex,
    });
    this.#startIndex = outcome.nextIndex;
    if ('failure' in outcome) {
      const { rejectedBy } = outcome.failure;
      // Without a node nothing rejected the pod, and the next node is what it waits for.
      this.#queue.putBack(queued, rejectedBy.size > 0 ? rejectedBy : new Set(['NodeName']));
      this.#track(this.#reportFailure(pod, outcome.failure));
      return;
    }
    const nodeName = outcome.node.name;
    this.#cache.place(pod, nodeName);
    this.#track(this.#bind(queued, nodeName));
  }

  async #bind(queued: QueuedPod, nodeName: string): Promise<void> {
    const { name, namespace, uid } = queued.pod.metadata;
    try {
      await this.#options.client.of(pods).subresource({
        method: 'POST',
        name: name!,
        namespace: namespace!,
        subresource: 'binding',
        body: {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name, namespace, uid },
          target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
        },
      });
    } catch (error) {
      this.#cache.remove(uid!);
      // The informer will tell what became of a pod that is gone or was bound by another.
      if (isReason(error, 'NotFound', 'Conflict')) return;
      this.#options.log.warn('binding failed', { pod: `${namespace}/${name}`, node: nodeName, err: error });
      this.#queue.putBack(queued, new Set());
      return;
    }
    this.#recorder.event(queued.pod, {
      type: 'Normal',
      reason: 'Scheduled',
      message: `Successfully assigned ${namespace}/${name} to ${nodeName}`,
    });
  }

  async #reportFailure(pod: Pod, { message }: Failure): Promise<void> {
    this.#recorder.event(pod, { type: 'Warning', reason: 'FailedScheduling', message });
    const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (known?.status === 'False' && known.reason === 'Unschedulable' && known.message === message) return;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      observedGeneration: pod.metadata.generation,
      lastProbeTime: null,
      lastTransitionTime: known?.status === 'False' ? known.lastTransitionTime : formatTime(this.#options.clock.now()),
      reason: 'Unschedulable',
      message,
    };
    const { name, namespace, uid } = pod.metadata;
    try {
      const body = { metadata: { uid }, status: { conditions: [condition] } };
      await this.#options.client.of(pods).patch(name!, body, { namespace, type: 'strategic', subresource: 'status' });
    } catch (error) {
      if (isReason(error, 'NotFound', 'Conflict')) return; // gone, or another pod of this name by now
      this.#options.log.warn('pod condition not written', { pod: `${namespace}/${name}`, err: error });
    }
  }

  /** Labels that the pod's services and its ReplicaSet select by: its like, for spreading. */
  #defaultSelector(pod: Pod): LabelSelector | undefined {
    const { namespace, labels = {} } = pod.metadata;
    const matchLabels: Record<string, string> = {};
    for (const { metadata, spec } of this.#informers.of(services).list() as Service[]) {
      if (metadata.namespace !== namespace || !spec.selector) continue;
      const entries = Object.entries(spec.selector);
      if (entries.length > 0 && entries.every(([key, value]) => labels[key] === value))
        Object.assign(matchLabels, spec.selector);
    }
    const owner = controllerOf(pod);
    const set =
      owner?.kind === 'ReplicaSet' ? this.#informers.of(replicaSets).get(`${namespace}/${owner.name}`) : undefined;
    if (!set && Object.keys(matchLabels).length === 0) return undefined;
    const { selector } = set?.spec ?? {};
    return labelSelectorFrom({ ...selector, matchLabels: { ...matchLabels, ...selector?.matchLabels } });
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#bindings.delete(tracked));
    this.#bindings.add(tracked);
  }
}

function changesPlacement(pod: Pod, old: Pod): boolean {
  return (
    pod.metadata.generation !== old.metadata.generation ||
    !equal(pod.metadata.labels, old.metadata.labels) ||
    pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp
  );
}

/** What a scheduling attempt reads of the pod; a new status condition of our own must not bring it back. */
function changesScheduling(pod: Pod, old: Pod): boolean {
  return pod.metadata.generation !== old.metadata.generation || !equal(pod.metadata.labels, old.metadata.labels);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
