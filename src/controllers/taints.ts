/** What taints mean to pods. https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
import { tolerates } from '#api/core/tolerations.js';
import type { Taint, Toleration } from '#api/gen/core-v1.js';

export const notReadyTaint = 'node.kubernetes.io/not-ready';
export const unreachableTaint = 'node.kubernetes.io/unreachable';
export const unschedulableTaint = 'node.kubernetes.io/unschedulable';
export const outOfServiceTaint = 'node.kubernetes.io/out-of-service';

export function sameTaint(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect;
}

export type Stay = 'unbounded' | { seconds: number };

/** How long a pod with these tolerations may stay under these NoExecute taints: as its least patient toleration says. */
export function stayUnder(taints: readonly Taint[], tolerations: readonly Toleration[]): Stay {
  let least: Stay = 'unbounded';
  for (const taint of taints) {
    const matching = tolerations.find((toleration) => tolerates(toleration, taint));
    if (!matching) return { seconds: 0 };
    if (matching.tolerationSeconds === undefined) continue;
    const seconds = Math.max(matching.tolerationSeconds, 0);
    if (least === 'unbounded' || seconds < least.seconds) least = { seconds };
  }
  return least;
}
