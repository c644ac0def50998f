/** Gives each pod a node: takes waiting pods in turn, decides by `cycle.ts`, and binds through the API. */
import { hostname } from 'node:os';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { Client } from '#client/client.js';
import { InformerFactory, keyOf } from '#client/informer.js';
import { SeriesRecorder } from '#client/series-recorder.js';
import { BindingCycle, type BindingFailure, type Placed } from './binding-cycle.js';
import { ClusterWatch, changesScheduling } from './cluster-watch.js';
import { defaultConfiguration, type SchedulerConfiguration } from './configuration.js';
import { decide, type Failure, type Outcome, schedulePod } from './cycle.js';
import { ClaimWrites } from './devices/claim-writes.js';
import { mayWantDevices } from './devices/pod-claims.js';
import { decideWith } from './extenders/ask.js';
import { Extender } from './extenders/extender.js';
import { priorityOf } from './filtering.js';
import { type Effects, SchedulerError, type Snapshot } from './framework.js';
import type { AttemptResult, SchedulerMetrics } from './metrics.js';
import type { NodeInfo } from './node-info.js';
import { PodWrites } from './pod-writes.js';
import { type Profile, preemptionName } from './profile.js';
import { type QueuedPod, SchedulingQueue } from './queue.js';
import { usesClaims } from './volumes.js';
import { WaitingPods } from './waiting-pods.js';

export interface SchedulerOptions {
  client: Client;
  clock: Clock;
  prng: Prng;
  log: Log;
  metrics?: SchedulerMetrics;
  /** Pods name one of its profiles in spec.schedulerName. Default: one profile, default-scheduler. */
  configuration?: SchedulerConfiguration;
}

/** A pod on its way to a node. */
interface Placement {
  queued: QueuedPod;
  placed: Placed;
  undo: () => void;
  startMs: number;
}

/** Writes under way; more pods wait, so that a slow API server is not buried. */
const writesMax = 64;
/** How long decisions may follow each other before other work of the process gets a turn. */
const sliceMs = 5;

export class Scheduler {
  /** Those that plugins made wait at Permit, for who allows or rejects them. */
  readonly waitingPods: WaitingPods;
  readonly #options: SchedulerOptions;
  readonly #profiles: ReadonlyMap<string, Profile>;
  readonly #queue: SchedulingQueue;
  readonly #informers: InformerFactory;
  readonly #cluster: ClusterWatch;
  readonly #recorders: ReadonlyMap<string, SeriesRecorder>;
  readonly #pods: PodWrites;
  readonly #effects: Effects;
  readonly #extenders: readonly Extender[];
  readonly #binding: BindingCycle;
  readonly #writes = new Set<Promise<void>>();
  /** Pods that have a node and are not bound yet, since something must be done or waited for first. */
  readonly #placements = new Set<Promise<void>>();
  #signal = new AbortController().signal;
  #startIndex = 0;

  constructor(options: SchedulerOptions) {
    const { configuration = defaultConfiguration(), clock } = options;
    const { profiles, initialBackoffMs, maxBackoffMs, extenders } = configuration;
    this.#options = options;
    this.#extenders = extenders.map((settings) => new Extender(settings, options));
    this.#profiles = new Map(profiles.map((profile) => [profile.schedulerName, profile]));
    const pluginsFor = (pod: Pod) => this.#profileOf(pod).plugins;
    this.waitingPods = new WaitingPods(options);
    this.#informers = new InformerFactory(options);
    this.#recorders = new Map(
      profiles.map(({ schedulerName: controller }) => {
        return [controller, new SeriesRecorder({ ...options, controller, instance: `${controller}-${hostname()}` })];
      }),
    );
    this.#pods = new PodWrites({ ...options, signal: () => this.#signal });
    this.#cluster = new ClusterWatch({
      ...options,
      informers: this.#informers,
      signal: () => this.#signal,
      isOurs: ({ spec }) => this.#profiles.has(spec.schedulerName ?? ''),
      onPending: (pod, old) => {
        if (!old || changesScheduling(pod, old)) this.#queue.add(pod);
        else this.#queue.refresh(pod);
      },
      onSettled: (uid) => {
        this.#queue.remove(uid);
        this.waitingPods.reject(uid, { message: 'removed' });
      },
      onChange: (change) => {
        if (change.event === 'device class changed') for (const { memos } of profiles) memos.forget();
        this.#queue.moveOn(change);
      },
    });
    const { devices } = this.#cluster;
    this.#queue = new SchedulingQueue({ clock, pluginsFor, initialBackoffMs, maxBackoffMs, devices });
    this.#effects = {
      volumes: this.#cluster.volumes,
      devices: new ClaimWrites({
        ...options,
        signal: () => this.#signal,
        watch: devices,
        onAttaching: (pod, nodeName) => this.#tellAttaching(pod, nodeName),
      }),
      pods: this.#pods,
      waiting: this.waitingPods,
    };
    this.#binding = new BindingCycle({ effects: this.#effects, extenders: this.#extenders, log: options.log });
    options.metrics?.watch(
      () => this.queueSizes,
      () => ({ ...this.#cluster.cache.sizes, assumed_pods: this.#placements.size }),
    );
  }

  /** How many pods wait, and for what. */
  get queueSizes(): SchedulingQueue['sizes'] {
    return this.#queue.sizes;
  }

  /** Schedules until the signal aborts, then settles when writes under way have ended. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => {
      this.#queue.close();
      for (const waiting of this.waitingPods.list()) waiting.reject('', 'context canceled');
    };
    signal.addEventListener('abort', stop, { once: true });
    this.#signal = signal;
    this.#informers.start(signal);
    await Promise.race([this.#informers.synced(), aborted(signal)]);
    let sliceStartMs = this.#options.clock.monotonic();
    for (let queued = await this.#queue.pop(); queued; queued = await this.#queue.pop()) {
      const learning = this.#learnFor(queued, signal);
      if (learning && !(await learning)) continue;
      const asking = this.#schedule(queued);
      if (asking) await asking;
      while (this.#writes.size >= writesMax) await Promise.race(this.#writes);
      if (this.#options.clock.monotonic() - sliceStartMs > sliceMs) {
        await new Promise((resolve) => setImmediate(resolve));
        sliceStartMs = this.#options.clock.monotonic();
      }
    }
    await Promise.all([...this.#writes, ...this.#placements]);
    for (const extender of this.#extenders) extender.close();
    await this.#informers.stopped();
    await Promise.all([...this.#recorders.values()].map((recorder) => recorder.close()));
  }

  /**
   * Storage and devices are watched from the first pod on that wants some. False: the pod cannot be looked at now;
   * undefined: all that concerns it is known.
   */
  #learnFor(queued: QueuedPod, signal: AbortSignal): Promise<boolean> | undefined {
    const { volumes, devices } = this.#cluster;
    const needed = usesClaims(queued.pod) ? [volumes] : [];
    const all = !devices.isReady && mayWantDevices(queued.pod) ? [...needed, devices] : needed;
    return all.length > 0 ? this.#learn(queued, { sources: all, signal }) : undefined;
  }

  async #learn(
    queued: QueuedPod,
    { sources, signal }: { sources: readonly { ready(): Promise<void> }[]; signal: AbortSignal },
  ): Promise<boolean> {
    await Promise.race([Promise.all(sources.map((source) => source.ready())), aborted(signal)]);
    if (sources.includes(this.#cluster.devices)) this.#queue.gateAgain();
    // Meanwhile it may have changed, gone, or come into the queue anew.
    const pod = this.#cluster.waiting(queued.pod);
    if (signal.aborted || !pod || this.#queue.has(pod.metadata.uid!)) return false;
    queued.pod = pod;
    const isGated = this.#queue.isGated(pod);
    if (isGated) this.#queue.add(pod);
    return !isGated;
  }

  /** The pods after it are decided once extenders have answered what this one asks them. */
  #schedule(queued: QueuedPod): Promise<void> | undefined {
    const { pod } = queued;
    // Two versions of it were queued, while storage was being read.
    if (this.#cluster.cache.isPlaced(pod.metadata.uid!)) return undefined;
    const startMs = this.#options.clock.monotonic();
    const snapshot = this.#cluster.snapshot();
    const options = { profile: this.#profileOf(pod), prng: this.#options.prng, startIndex: this.#startIndex };
    const conclude = (outcome: Outcome) => this.#conclude(queued, { snapshot, outcome, startMs });
    const extenders = this.#extenders.filter((extender) => extender.isInterested(pod));
    try {
      if (extenders.length === 0) {
        conclude(schedulePod(pod, snapshot, options));
        return undefined;
      }
      const decision = decide(pod, snapshot, { ...options, isExtended: true });
      const decided = decideWith(decision, { pod, extenders, log: this.#options.log });
      return decided.then(conclude).catch((error: unknown) => this.#giveUp(queued, { error, startMs }));
    } catch (error) {
      this.#giveUp(queued, { error, startMs });
      return undefined;
    }
  }

  #conclude(
    queued: QueuedPod,
    { snapshot, outcome, startMs }: { snapshot: Snapshot; outcome: Outcome; startMs: number },
  ): void {
    this.#startIndex = outcome.nextIndex;
    const { metrics, clock } = this.#options;
    metrics?.decided((clock.monotonic() - startMs) / 1000);
    if ('failure' in outcome) {
      this.#fail(queued, outcome.failure);
      this.#count(queued.pod, { result: 'unschedulable', startMs });
    } else this.#place(queued, { snapshot, node: outcome.node, startMs });
  }

  /** A decision that could not be made; bugs are thrown on. */
  #giveUp(queued: QueuedPod, { error, startMs }: { error: unknown; startMs: number }): void {
    if (!(error instanceof SchedulerError)) throw error;
    this.#count(queued.pod, { result: 'error', startMs });
    this.#tellFailure(queued, { message: error.message, reason: 'SchedulerError', rejectedBy: new Set() });
  }

  /** `nominatedNodeName` as for setUnschedulable. */
  #tellFailure(
    queued: QueuedPod,
    { message, reason, rejectedBy, nominatedNodeName }: BindingFailure & { nominatedNodeName?: string },
  ): void {
    const { pod } = queued;
    if (this.#signal.aborted || !this.#cluster.waiting(pod)) return;
    this.#recordFailure(pod, message);
    this.#track(this.#unlessGone(pod, this.#pods.setUnschedulable(pod, { message, reason, nominatedNodeName })));
    this.#queue.putBack(queued, rejectedBy);
  }

  #count({ spec }: Pod, { result, startMs }: { result: AttemptResult; startMs: number }): void {
    const { metrics, clock } = this.#options;
    metrics?.attempted(spec.schedulerName!, result, (clock.monotonic() - startMs) / 1000);
  }

  #place(
    queued: QueuedPod,
    { snapshot, node, startMs }: { snapshot: Snapshot; node: NodeInfo; startMs: number },
  ): void {
    const { pod } = queued;
    const profile = this.#profileOf(pod);
    this.#cluster.assume(pod, node.name);
    const undone = profile.reserving.flatMap(({ reserve }) => reserve!({ pod, snapshot }, node, this.#effects) ?? []);
    const undo = () => {
      for (const one of undone) one();
      this.#cluster.cache.remove(pod.metadata.uid!);
      // What counted as taken is free again.
      this.#queue.moveOn({ event: 'assigned pod removed', pod });
    };
    const placement = { queued, placed: { pod, nodeName: node.name, profile }, undo, startMs };
    const preparing = this.#binding.prepare(placement.placed);
    if (!preparing) this.#track(this.#bind(placement));
    else {
      // It may take long, and does not keep others waiting.
      const prepared = preparing.then((failure) => {
        if (failure) this.#abandon(placement, failure);
        else this.#track(this.#bind(placement));
      });
      track(this.#placements, prepared);
    }
  }

  async #bind(placement: Placement): Promise<void> {
    const { placed, startMs } = placement;
    const { pod, nodeName } = placed;
    const failure = await this.#binding.bind(placed);
    if (failure) {
      this.#abandon(placement, failure);
      return;
    }
    this.#count(pod, { result: 'scheduled', startMs });
    const { attempts, readyAtMs } = placement.queued;
    this.#options.metrics?.scheduled(attempts, (this.#options.clock.now() - readyAtMs) / 1000);
    const { name, namespace } = pod.metadata;
    this.#recorderOf(pod).event(pod, {
      type: 'Normal',
      reason: 'Scheduled',
      action: 'Binding',
      note: `Successfully assigned ${namespace}/${name} to ${nodeName}`,
    });
  }

  /** The pod gives its node back. */
  #abandon({ queued, undo, startMs }: Placement, failure: BindingFailure | 'gone'): void {
    const { pod } = queued;
    this.#count(pod, {
      result: failure === 'gone' || failure.rejectedBy.size === 0 ? 'error' : 'unschedulable',
      startMs,
    });
    undo();
    if (failure !== 'gone') this.#tellFailure(queued, { ...failure, nominatedNodeName: '' });
    // It has a node by now, or is no more, as the informer will tell; or else the refusal was of the moment.
    else if (this.#cluster.waiting(pod)) this.#queue.putBack(queued, new Set());
  }

  #fail(queued: QueuedPod, { message, rejectedBy, preemption, effects }: Failure): void {
    const { pod } = queued;
    // It may have gone while extenders were asked.
    if (this.#extenders.length > 0 && !this.#cluster.waiting(pod)) return;
    // Without a node nothing rejected the pod, and the next node is what it waits for.
    this.#queue.putBack(queued, rejectedBy.size > 0 ? rejectedBy : new Set(['NodeName']));
    this.#recordFailure(pod, message);
    const nominatedNodeName = preemption === 'hopeless' ? '' : preemption?.nodeName;
    if (nominatedNodeName !== undefined) this.#cluster.nominations.set(pod, nominatedNodeName);
    const write = this.#pods.setUnschedulable(pod, { message, reason: 'Unschedulable', nominatedNodeName });
    this.#track(this.#unlessGone(pod, write));
    if (preemption && preemption !== 'hopeless') this.#track(this.#makeRoom(pod, preemption));
    for (const effect of effects) this.#track(this.#unlessGone(pod, effect(this.#effects)));
  }

  /** The pod is not tried again before all its victims have been told to go. */
  async #makeRoom(pod: Pod, { nodeName, victims }: { nodeName: string; victims: readonly Pod[] }): Promise<void> {
    const { uid } = pod.metadata;
    this.#options.metrics?.preempted(victims.length);
    const leaving = victims.filter(({ metadata }) => !metadata.deletionTimestamp);
    if (leaving.length === 0) return;
    this.#queue.hold(uid!);
    // What pods of lower priority were promised here goes to this one; they look for another place.
    const displaced = this.#cluster.nominations.on(nodeName).filter((other) => priorityOf(other) < priorityOf(pod));
    for (const other of displaced) {
      this.#cluster.nominations.delete(other.metadata.uid!);
      this.#track(this.#unlessGone(other, this.#pods.clearNomination(other)));
      this.#queue.activate(other.metadata.uid!);
    }
    const evicted = await Promise.all(leaving.map((victim) => this.#evict(victim, { pod, nodeName })));
    this.#queue.release(uid!, { failed: evicted.includes(false) });
  }

  async #evict(victim: Pod, { pod, nodeName }: { pod: Pod; nodeName: string }): Promise<boolean> {
    // One that is not bound yet need not go; it only gives its node back.
    const rejected = this.waitingPods.reject(victim.metadata.uid!, { plugin: preemptionName, message: 'preempted' });
    const done = rejected
      ? 'done'
      : await this.#unlessGone(victim, this.#pods.evict(victim, { schedulerName: pod.spec.schedulerName! }));
    if (done === 'done') {
      const who = `Preempted by pod ${pod.metadata.uid} on node ${nodeName}`;
      const note = rejected ? `${who} (in kube-scheduler memory).` : who;
      this.#recorderOf(pod).event(victim, { type: 'Normal', reason: 'Preempted', action: 'Preempting', note });
    }
    return done !== 'failed';
  }

  async #unlessGone(pod: Pod, write: Promise<void>): Promise<'done' | 'gone' | 'failed'> {
    try {
      await write;
      return 'done';
    } catch (error) {
      if (isReason(error, 'NotFound')) return 'gone';
      // A Conflict is of the moment, or says that another pod has this name by now.
      if (!isReason(error, 'Conflict')) this.#options.log.warn('pod not written', { pod: keyOf(pod), err: error });
      return 'failed';
    }
  }

  /** Only pods of our profiles are queued. */
  #profileOf({ spec }: Pod): Profile {
    return this.#profiles.get(spec.schedulerName ?? '')!;
  }

  #recorderOf({ spec }: Pod): SeriesRecorder {
    return this.#recorders.get(spec.schedulerName ?? '')!;
  }

  #tellAttaching(pod: Pod, nodeName: string): void {
    const note = `waiting for binding conditions for device on node ${nodeName}`;
    const what = { type: 'Normal', reason: 'BindingConditionsPending', action: 'Scheduling' } as const;
    this.#recorderOf(pod).event(pod, { ...what, note });
  }

  #recordFailure(pod: Pod, note: string): void {
    this.#recorderOf(pod).event(pod, { type: 'Warning', reason: 'FailedScheduling', action: 'Scheduling', note });
  }

  #track(work: Promise<unknown>): void {
    track(this.#writes, work);
  }
}

/** Kept until it has ended; a bug in it is thrown to whoever waits. */
function track(set: Set<Promise<void>>, work: Promise<unknown>): void {
  const tracked = work.then(() => {}).finally(() => set.delete(tracked));
  set.add(tracked);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
