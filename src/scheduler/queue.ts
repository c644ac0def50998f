/**
 * Pods that wait for a node: ready ones by priority, those that failed in a back-off, and those that nothing helps
 * until the cluster changes (https://kubernetes.io/docs/concepts/scheduling-eviction/scheduler-perf-tuning/).
 */
import type { Pod } from '#api/gen/core-v1.js';
import type { Clock, Timer } from '#base/clock.js';
import { type DeviceView, noDevices } from './devices/view.js';
import { type ClusterChange, extenderName, type Plugin } from './framework.js';
import { Heap } from './heap.js';

export interface QueuedPod {
  pod: Pod;
  attempts: number;
  /** When it first came, or last became ready: ties of priority go to the older. */
  readyAtMs: number;
  /** When the last attempt failed, for the back-off. */
  failedAtMs: number;
  /** The plugins that stand in its way; empty after an error that a retry may mend. */
  rejectedBy: ReadonlySet<string>;
}

export interface QueueOptions {
  clock: Clock;
  /** The plugins that decide about the pod: those of its profile. */
  pluginsFor: (pod: Pod) => readonly Plugin[];
  initialBackoffMs?: number;
  maxBackoffMs?: number;
  /** What PreEnqueue reads. Default: nothing is known. */
  devices?: DeviceView;
}

type Place = 'active' | 'backoff' | 'unschedulable' | 'gated';

interface Entry extends QueuedPod {
  place: Place | undefined;
  /** Its place in a heap; another ticket of the same pod there is void. */
  ticket: Ticket | undefined;
  /** Its victims are being evicted; it must not be tried before that is done. */
  held: 'no' | 'held' | 'held, and helped meanwhile';
}

interface Ticket {
  entry: Entry;
  priority: number;
  /** When it became ready, or will be. */
  atMs: number;
  /** Of those ready at the same time, the one that came first. */
  serial: number;
}

/** A pod is tried again after this long even when no event seems to help it: upstream's safety net. */
const unschedulableMaxMs = 5 * 60_000;
const flushIntervalMs = 30_000;

export class SchedulingQueue {
  readonly #options: Required<QueueOptions>;
  readonly #entries = new Map<string, Entry>();
  readonly #active = new Heap<Ticket>(goesBefore);
  readonly #backoff = new Heap<Ticket>((a, b) => a.atMs < b.atMs);
  /** Back-offs that an error began; they are waited out. */
  readonly #errors = new Heap<Ticket>((a, b) => a.atMs < b.atMs);
  readonly #unschedulable = new Map<string, Entry>();
  readonly #gated = new Map<string, Entry>();
  /** How many are gated under the plugins of each profile. */
  readonly #gatedUnder = new Map<readonly Plugin[], number>();
  #backoffTimer: { atMs: number; timer: Timer } | undefined;
  #flush: Timer | undefined;
  #wake: (() => void) | undefined;
  #closed = false;
  #serial = 0;

  constructor(options: QueueOptions) {
    this.#options = { initialBackoffMs: 1000, maxBackoffMs: 10_000, devices: noDevices, ...options };
  }

  /** How many pods are ready, backing off, waiting for a change, and gated. */
  get sizes(): Record<Place, number> {
    const sizes = { active: 0, backoff: 0, unschedulable: 0, gated: 0 };
    for (const { place } of this.#entries.values()) if (place) sizes[place]++;
    return sizes;
  }

  /** Queues a new pod, or gives the newer version of one that waits. */
  add(pod: Pod): void {
    const uid = pod.metadata.uid!;
    const known = this.#entries.get(uid);
    const before = known?.place;
    const entry = known ?? this.#entryOf({ pod, attempts: 0, failedAtMs: 0, rejectedBy: new Set() });
    entry.pod = pod;
    this.#entries.set(uid, entry);
    this.#move(entry, undefined);
    if (this.isGated(pod)) this.#move(entry, 'gated');
    else if (before === 'unschedulable') {
      this.#move(entry, 'unschedulable');
      if (this.#helps({ event: 'pod updated', pod }, entry)) this.#help(entry);
    } else this.#activateAfterBackoff(entry);
  }

  /** A version of a waiting pod that is new, and changes nothing about where it can go. */
  refresh(pod: Pod): void {
    const entry = this.#entries.get(pod.metadata.uid!);
    if (entry) entry.pod = pod;
  }

  /** Ready at once, whatever stood in its way. */
  activate(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry && entry.place !== 'gated') this.#move(entry, 'active');
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#move(entry, undefined);
    this.#entries.delete(uid);
  }

  /**
   * The next pod, when there is one; undefined once the queue is closed. Where none is ready, one that backs off need
   * not wait longer, unless an error held it up (KEP-5142).
   */
  async pop(): Promise<QueuedPod | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      const ticket = this.#active.first(isValid) ?? this.#backoff.first(isValid);
      if (ticket) {
        const { entry } = ticket;
        this.#move(entry, undefined);
        this.#entries.delete(entry.pod.metadata.uid!);
        entry.attempts++;
        return entry;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Takes back a pod that found no node. With no plugin to blame it is tried again after its back-off. */
  putBack(queued: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    const uid = queued.pod.metadata.uid!;
    const entry = this.#entryOf({ ...queued, rejectedBy, failedAtMs: this.#options.clock.now() });
    this.#entries.set(uid, entry);
    if (rejectedBy.size === 0) this.#activateAfterBackoff(entry);
    else this.#move(entry, 'unschedulable');
  }

  /** Keeps a pod from being tried until what it has begun is done. */
  hold(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry) entry.held = 'held';
  }

  /** With `failed`, the pod is ready at once: nothing may come that helps it. */
  release(uid: string, { failed }: { failed: boolean }): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    const helped = failed || entry.held === 'held, and helped meanwhile';
    entry.held = 'no';
    if (helped && entry.place === 'unschedulable') this.#activateAfterBackoff(entry);
  }

  /** Something in the cluster changed: pods that it may help are ready again, after their back-off. */
  moveOn(change: ClusterChange): void {
    for (const entry of [...this.#unschedulable.values()]) if (this.#helps(change, entry)) this.#help(entry);
    // Most changes open no gate, and thousands of pods may be gated.
    for (const plugins of this.#gatedUnder.keys()) {
      if (!plugins.some((plugin) => mayOpen(plugin, change))) continue;
      this.#open(change);
      break;
    }
  }

  close(): void {
    this.#closed = true;
    this.#flush?.cancel();
    this.#backoffTimer?.timer.cancel();
    this.#wake?.();
  }

  #entryOf(queued: Omit<QueuedPod, 'readyAtMs'>): Entry {
    const readyAtMs = this.#options.clock.now();
    return { ...queued, readyAtMs, place: undefined, ticket: undefined, held: 'no' };
  }

  has(uid: string): boolean {
    return this.#entries.has(uid);
  }

  /** PreEnqueue: whether it must wait before it is even looked at. */
  isGated(pod: Pod): boolean {
    return this.#options.pluginsFor(pod).some((plugin) => plugin.preEnqueue?.(pod, this.#options) !== undefined);
  }

  /** PreEnqueue anew, of pods that came when less was known. */
  gateAgain(): void {
    for (const entry of this.#entries.values())
      if ((entry.place === 'active' || entry.place === 'backoff') && this.isGated(entry.pod))
        this.#move(entry, 'gated');
  }

  /** A pod that is not gated any more is ready; what gates leave by a change of the pod itself is seen when it comes. */
  #open(change: ClusterChange): void {
    for (const entry of [...this.#gated.values()]) {
      const { pod } = entry;
      const isHelped = (plugin: Plugin) => mayOpen(plugin, change) && (plugin.hint?.(pod, change) ?? true);
      if (this.#options.pluginsFor(pod).some(isHelped) && !this.isGated(pod)) this.add(pod);
    }
  }

  #countGated({ pod }: Entry, by: number): void {
    const plugins = this.#options.pluginsFor(pod);
    const count = (this.#gatedUnder.get(plugins) ?? 0) + by;
    if (count > 0) this.#gatedUnder.set(plugins, count);
    else this.#gatedUnder.delete(plugins);
  }

  /** A plugin that does not say what helps is asked again after every event. */
  #helps(change: ClusterChange, { pod, rejectedBy }: Entry): boolean {
    // What extenders wait for is not known here.
    if (rejectedBy.has(extenderName)) return true;
    return this.#options
      .pluginsFor(pod)
      .some(
        ({ name, requeueOn, hint }) =>
          rejectedBy.has(name) && (requeueOn?.includes(change.event) ?? true) && (hint?.(pod, change) ?? true),
      );
  }

  #help(entry: Entry): void {
    if (entry.held === 'no') this.#activateAfterBackoff(entry);
    else entry.held = 'held, and helped meanwhile';
  }

  #activateAfterBackoff(entry: Entry): void {
    const { initialBackoffMs, maxBackoffMs, clock } = this.#options;
    const waitMs = entry.attempts === 0 ? 0 : Math.min(initialBackoffMs * 2 ** (entry.attempts - 1), maxBackoffMs);
    const endsMs = entry.failedAtMs + waitMs;
    if (waitMs === 0 || endsMs <= clock.now()) this.#move(entry, 'active');
    else this.#move(entry, 'backoff', endsMs);
  }

  /** Heaps forget the ticket of an entry that has moved on when they next come upon it. */
  #move(entry: Entry, place: Place | undefined, atMs = this.#options.clock.now()): void {
    const { pod } = entry;
    if (entry.place === 'unschedulable') this.#unschedulable.delete(pod.metadata.uid!);
    else if (entry.place === 'gated') {
      this.#gated.delete(pod.metadata.uid!);
      this.#countGated(entry, -1);
    }
    entry.place = place;
    entry.ticket = undefined;
    if (place === 'gated') {
      this.#gated.set(pod.metadata.uid!, entry);
      this.#countGated(entry, 1);
    }
    if (place === 'unschedulable') {
      this.#unschedulable.set(pod.metadata.uid!, entry);
      this.#armFlush();
    }
    if (place !== 'active' && place !== 'backoff') return;
    entry.ticket = { entry, priority: pod.spec.priority ?? 0, atMs, serial: this.#serial++ };
    if (place === 'active') {
      entry.readyAtMs = atMs;
      this.#active.push(entry.ticket);
    } else {
      (entry.rejectedBy.size > 0 ? this.#backoff : this.#errors).push(entry.ticket);
      this.#armBackoff();
    }
    this.#wake?.();
    this.#wake = undefined;
  }

  #armBackoff(): void {
    const waiting = [this.#backoff, this.#errors];
    const atMs = Math.min(...waiting.map((heap) => heap.first(isValid)?.atMs ?? Number.POSITIVE_INFINITY));
    if (this.#backoffTimer && this.#backoffTimer.atMs <= atMs) return;
    this.#backoffTimer?.timer.cancel();
    this.#backoffTimer = undefined;
    if (atMs === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#options;
    const timer = clock.setTimer(Math.max(0, atMs - clock.now()), () => {
      this.#backoffTimer = undefined;
      for (const heap of waiting) {
        for (let due = heap.first(isValid); due && due.atMs <= clock.now(); due = heap.first(isValid))
          this.#move(due.entry, 'active');
      }
      this.#armBackoff();
    });
    this.#backoffTimer = { atMs, timer };
  }

  #armFlush(): void {
    const { clock } = this.#options;
    this.#flush ??= clock.setTimer(flushIntervalMs, () => {
      this.#flush = undefined;
      const now = clock.now();
      for (const entry of [...this.#unschedulable.values()])
        if (now - entry.failedAtMs >= unschedulableMaxMs) this.#help(entry);
      if (this.#unschedulable.size > 0) this.#armFlush();
    });
  }
}

function mayOpen({ preEnqueue, requeueOn }: Plugin, { event }: ClusterChange): boolean {
  return preEnqueue !== undefined && (requeueOn?.includes(event) ?? false);
}

function isValid(ticket: Ticket): boolean {
  return ticket.entry.ticket === ticket;
}

/** PrioritySort: higher priority first, then the one that waits longer. */
function goesBefore(a: Ticket, b: Ticket): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  return a.atMs === b.atMs ? a.serial < b.serial : a.atMs < b.atMs;
}
