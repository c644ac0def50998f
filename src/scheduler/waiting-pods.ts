/**
 * Pods that have a node and wait for leave to be bound there: the Permit extension point.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/#permit
 */
import type { Pod } from '#api/gen/core-v1.js';
import { formatMilliseconds } from '#apimachinery/codec/time.js';
import type { Clock, Timer } from '#base/clock.js';

/** Upstream's bound of what a plugin may ask for. */
const waitMaxMs = 15 * 60_000;

export interface Dismissal {
  plugin: string;
  message: string;
}

export class WaitingPod {
  readonly pod: Pod;
  readonly #timers = new Map<string, Timer>();
  readonly #settle: (dismissal: Dismissal | undefined) => void;

  /** `waits` says of each plugin how long it lets the pod wait. */
  constructor(
    pod: Pod,
    {
      waits,
      clock,
      settle,
    }: {
      waits: ReadonlyMap<string, number>;
      clock: Clock;
      settle: (dismissal: Dismissal | undefined) => void;
    },
  ) {
    this.pod = pod;
    this.#settle = settle;
    for (const [plugin, askedMs] of waits) {
      const waitMs = Math.min(askedMs, waitMaxMs);
      const waited = formatMilliseconds(waitMs);
      const late = () => this.reject(plugin, `rejected due to timeout after waiting ${waited} at plugin ${plugin}`);
      this.#timers.set(plugin, clock.setTimer(waitMs, late));
    }
  }

  /** Those that have not given leave yet. */
  get pendingPlugins(): string[] {
    return [...this.#timers.keys()];
  }

  /** The pod goes on when all that asked it to wait allow it. */
  allow(plugin: string): void {
    const timer = this.#timers.get(plugin);
    if (!timer) return;
    timer.cancel();
    this.#timers.delete(plugin);
    if (this.#timers.size === 0) this.#settle(undefined);
  }

  reject(plugin: string, message: string): void {
    if (this.#timers.size === 0) return;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#settle({ plugin, message });
  }
}

export class WaitingPods {
  readonly #clock: Clock;
  readonly #byUid = new Map<string, WaitingPod>();

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock;
  }

  /** Resolves when the pod may be bound, or with who does not want it and why. */
  wait(pod: Pod, waits: ReadonlyMap<string, number>): Promise<Dismissal | undefined> {
    const uid = pod.metadata.uid!;
    return new Promise((resolve) => {
      const settle = (dismissal: Dismissal | undefined) => {
        this.#byUid.delete(uid);
        resolve(dismissal);
      };
      this.#byUid.set(uid, new WaitingPod(pod, { waits, clock: this.#clock, settle }));
    });
  }

  get(uid: string): WaitingPod | undefined {
    return this.#byUid.get(uid);
  }

  list(): WaitingPod[] {
    return [...this.#byUid.values()];
  }

  /** Whether the pod waited. */
  reject(uid: string, { message, plugin = '' }: { message: string; plugin?: string }): boolean {
    const waiting = this.#byUid.get(uid);
    waiting?.reject(plugin, message);
    return waiting !== undefined;
  }
}
