/** Daemons that ended by themselves are made again, but one that keeps failing on a node waits longer each time. */
import type { DaemonSet } from '#api/gen/apps-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import type { EventRecorder } from '#client/events.js';
import { nodeNameOf } from './placement.js';

const firstDelayMs = 1000;
const delayMsMax = 15 * 60_000;
/** A failure this long ago is forgotten. */
const forgetAfterMs = 2 * delayMsMax;
const keptMax = 10_000;

interface Failures {
  delayMs: number;
  lastMs: number;
}

export class EndedPods {
  readonly #clock: Clock;
  /** By set, its generation, and node: a changed template begins anew. */
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Which of the pods to delete now, told to the user, and when to look again for the others. */
  due(set: DaemonSet, ended: readonly Pod[], recorder: EventRecorder): { due: Pod[]; retryMs: number | undefined } {
    const due: Pod[] = [];
    let retryMs: number | undefined;
    for (const pod of ended) {
      const waitMs = pod.status?.phase === 'Failed' ? this.#waitMs(set, pod) : 0;
      if (waitMs > 0) {
        retryMs = Math.min(retryMs ?? waitMs, waitMs);
        continue;
      }
      due.push(pod);
      recorder.event(set, textOf(pod));
    }
    return { due, retryMs };
  }

  #waitMs({ metadata }: DaemonSet, pod: Pod): number {
    const key = `${metadata.uid}/${metadata.generation}/${nodeNameOf(pod)}`;
    const nowMs = this.#clock.monotonic();
    const before = this.#failures.get(key);
    if (before && nowMs - before.lastMs < before.delayMs) return before.delayMs - (nowMs - before.lastMs);
    const isKept = before && nowMs - before.lastMs < forgetAfterMs;
    this.#failures.delete(key);
    if (this.#failures.size >= keptMax) this.#failures.delete(this.#failures.keys().next().value!);
    const delayMs = isKept ? Math.min(before.delayMs * 2, delayMsMax) : firstDelayMs;
    this.#failures.set(key, { delayMs, lastMs: nowMs });
    return 0;
  }
}

function textOf(pod: Pod) {
  const { namespace, name } = pod.metadata;
  const place = `${namespace}/${name} on node ${nodeNameOf(pod)}`;
  return pod.status?.phase === 'Failed'
    ? {
        type: 'Warning' as const,
        reason: 'FailedDaemonPod',
        message: `Found failed daemon pod ${place}, will try to kill it`,
      }
    : {
        type: 'Normal' as const,
        reason: 'SucceededDaemonPod',
        message: `Found succeeded daemon pod ${place}, will try to delete it`,
      };
}
