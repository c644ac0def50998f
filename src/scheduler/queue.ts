/**
 * Pods that wait for a node: ready ones by priority, those that failed in a back-off, and those that nothing helps
 * until the cluster changes (https://kubernetes.io/docs/concepts/scheduling-eviction/scheduler-perf-tuning/).
 */
import type { Pod } from '#api/gen/core-v1.js';
import type { Clock, Timer } from '#base/clock.js';
import type { ClusterEvent, Plugin } from './framework.js';

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

const initialBackoffMs = 1000;
const maxBackoffMs = 10_000;
/** A pod is tried again after this long even when no event seems to help it: upstream's safety net. */
const unschedulableMaxMs = 5 * 60_000;
const flushIntervalMs = 30_000;

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #plugins: readonly Plugin[];
  /** Sorted so that the next pod stands last. */
  readonly #active: QueuedPod[] = [];
  readonly #backoff = new Map<string, { queued: QueuedPod; timer: Timer }>();
  readonly #unschedulable = new Map<string, QueuedPod>();
  readonly #gated = new Map<string, QueuedPod>();
  #wake: (() => void) | undefined;
  #flush: Timer | undefined;
  #closed = false;

  constructor({ clock, plugins }: { clock: Clock; plugins: readonly Plugin[] }) {
    this.#clock = clock;
    this.#plugins = plugins;
  }

  /** How many pods are ready, backing off, waiting for a change, and gated. */
  get sizes(): { active: number; backoff: number; unschedulable: number; gated: number } {
    return {
      active: this.#active.length,
      backoff: this.#backoff.size,
      unschedulable: this.#unschedulable.size,
      gated: this.#gated.size,
    };
  }

  /** Queues a new pod, or gives the newer version of one that waits. */
  add(pod: Pod): void {
    const uid = pod.metadata.uid!;
    const known = this.#take(uid);
    const queued = known?.queued ?? {
      pod,
      attempts: 0,
      readyAtMs: this.#clock.now(),
      failedAtMs: 0,
      rejectedBy: new Set<string>(),
    };
    queued.pod = pod;
    if (this.#isGated(pod)) this.#gated.set(uid, queued);
    else if (known?.place === 'unschedulable' && !this.#helps('pod updated', queued)) {
      this.#unschedulable.set(uid, queued);
      this.#armFlush();
    } else this.#activateAfterBackoff(queued);
  }

  remove(uid: string): void {
    this.#take(uid);
  }

  /** The next pod, when there is one; undefined once the queue is closed. */
  async pop(): Promise<QueuedPod | undefined> {
    while (this.#active.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#closed) return undefined;
    const queued = this.#active.pop()!;
    queued.attempts++;
    return queued;
  }

  /** Takes back a pod that found no node. With no plugin to blame it is tried again after its back-off. */
  putBack(queued: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    queued.rejectedBy = rejectedBy;
    queued.failedAtMs = this.#clock.now();
    if (rejectedBy.size === 0) this.#activateAfterBackoff(queued);
    else {
      this.#unschedulable.set(queued.pod.metadata.uid!, queued);
      this.#armFlush();
    }
  }

  /** Something in the cluster changed: pods that it may help are ready again, after their back-off. */
  moveOn(event: ClusterEvent): void {
    for (const [uid, queued] of this.#unschedulable) {
      if (!this.#helps(event, queued)) continue;
      this.#unschedulable.delete(uid);
      this.#activateAfterBackoff(queued);
    }
  }

  close(): void {
    this.#closed = true;
    this.#flush?.cancel();
    for (const { timer } of this.#backoff.values()) timer.cancel();
    this.#wake?.();
  }

  #isGated(pod: Pod): boolean {
    return this.#plugins.some((plugin) => plugin.preEnqueue?.(pod) !== undefined);
  }

  /** A plugin that does not say what helps is asked again after every event. */
  #helps(event: ClusterEvent, { rejectedBy }: QueuedPod): boolean {
    return this.#plugins.some(({ name, requeueOn }) => rejectedBy.has(name) && (requeueOn?.includes(event) ?? true));
  }

  #activateAfterBackoff(queued: QueuedPod): void {
    const waitMs = queued.attempts === 0 ? 0 : queued.failedAtMs + backoffMs(queued.attempts) - this.#clock.now();
    if (waitMs <= 0) {
      this.#activate(queued);
      return;
    }
    const uid = queued.pod.metadata.uid!;
    const timer = this.#clock.setTimer(waitMs, () => {
      this.#backoff.delete(uid);
      this.#activate(queued);
    });
    this.#backoff.set(uid, { queued, timer });
  }

  #activate(queued: QueuedPod): void {
    queued.readyAtMs = this.#clock.now();
    let low = 0;
    let high = this.#active.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (goesBefore(queued, this.#active[middle]!)) low = middle + 1;
      else high = middle;
    }
    this.#active.splice(low, 0, queued);
    this.#wake?.();
    this.#wake = undefined;
  }

  #take(uid: string): { queued: QueuedPod; place: 'active' | 'backoff' | 'unschedulable' | 'gated' } | undefined {
    const waiting = this.#backoff.get(uid);
    if (waiting) {
      waiting.timer.cancel();
      this.#backoff.delete(uid);
      return { queued: waiting.queued, place: 'backoff' };
    }
    for (const [place, map] of [
      ['unschedulable', this.#unschedulable],
      ['gated', this.#gated],
    ] as const) {
      const queued = map.get(uid);
      if (!queued) continue;
      map.delete(uid);
      return { queued, place };
    }
    const index = this.#active.findIndex(({ pod }) => pod.metadata.uid === uid);
    return index < 0 ? undefined : { queued: this.#active.splice(index, 1)[0]!, place: 'active' };
  }

  #armFlush(): void {
    this.#flush ??= this.#clock.setTimer(flushIntervalMs, () => {
      this.#flush = undefined;
      const now = this.#clock.now();
      for (const [uid, queued] of this.#unschedulable) {
        if (now - queued.failedAtMs < unschedulableMaxMs) continue;
        this.#unschedulable.delete(uid);
        this.#activateAfterBackoff(queued);
      }
      if (this.#unschedulable.size > 0) this.#armFlush();
    });
  }
}

/** 1 s, doubling with each attempt to 10 s. */
function backoffMs(attempts: number): number {
  return Math.min(initialBackoffMs * 2 ** (attempts - 1), maxBackoffMs);
}

/** PrioritySort: higher priority first, then the one that waits longer. */
function goesBefore(a: QueuedPod, b: QueuedPod): boolean {
  const [left, right] = [a.pod.spec.priority ?? 0, b.pod.spec.priority ?? 0];
  return left === right ? a.readyAtMs < b.readyAtMs : left > right;
}
