/** Resizes of this node's pods that wait for room, and the order in which they are tried again. */
import type { Pod } from '#api/gen/core-v1.js';
import type { Clock, Timer } from '#base/clock.js';
import { qosClass } from '../qos.js';

export interface PendingResize {
  pod: Pod;
  /** Whether it asks for more than it has. */
  isMore: boolean;
  /** Since when it waits (monotonic). */
  sinceMs: number;
  retry: () => void;
}

/** Room may also come from where nobody tells: the node's capacity may change. */
const retryMs = 180_000;
const qosRank = { Guaranteed: 0, Burstable: 1, BestEffort: 2 };

export class PendingResizes {
  readonly #clock: Clock;
  /** By pod uid. */
  readonly #waiting = new Map<string, PendingResize>();
  #timer?: Timer;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(resize: PendingResize): void {
    this.#waiting.set(resize.pod.metadata.uid!, resize);
    this.#timer ??= this.#clock.setTimer(retryMs, () => {
      this.#timer = undefined;
      this.retry();
    });
  }

  remove(uid: string): void {
    this.#waiting.delete(uid);
    if (this.#waiting.size === 0) this.stop();
  }

  /** There may be room: each is tried, those first that shrink, then by priority, class and time. */
  retry(): void {
    for (const { retry } of [...this.#waiting.values()].sort(byUrgency)) retry();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

function byUrgency(a: PendingResize, b: PendingResize): number {
  return (
    Number(a.isMore) - Number(b.isMore) ||
    (b.pod.spec.priority ?? 0) - (a.pod.spec.priority ?? 0) ||
    qosRank[qosClass(a.pod)] - qosRank[qosClass(b.pod)] ||
    a.sinceMs - b.sinceMs
  );
}
