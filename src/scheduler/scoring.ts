/** Which of the nodes that can take a pod is the best: Score and NormalizeScore, summed by weight. */
import type { Pod } from '#api/gen/core-v1.js';
import { below, type Prng } from '#base/prng.js';
import type { Plugin, Snapshot } from './framework.js';
import type { NodeInfo } from './node-info.js';
import type { NodeMemo } from './node-memo.js';

export interface ScoreOptions {
  snapshot: Snapshot;
  plugins: readonly Plugin[];
  prng: Prng;
  /** What extenders add, by the node's name. */
  extra?: ReadonlyMap<string, number>;
  /** Of pods like this one; left out: all nodes are asked anew. */
  memo?: NodeMemo | undefined;
}

/** Ties between best nodes are broken by chance. */
export function best(pod: Pod, feasible: readonly NodeInfo[], options: ScoreOptions): NodeInfo {
  if (feasible.length === 1) return feasible[0]!;
  const totals = totalScores(pod, feasible, options);
  let bestIndex = 0;
  let ties = 1;
  for (let index = 1; index < totals.length; index++) {
    if (totals[index]! > totals[bestIndex]!) {
      bestIndex = index;
      ties = 1;
    } else if (totals[index] === totals[bestIndex] && below(options.prng, ++ties) === 0) bestIndex = index;
  }
  return feasible[bestIndex]!;
}

function totalScores(
  pod: Pod,
  feasible: readonly NodeInfo[],
  { snapshot, plugins, extra, memo }: ScoreOptions,
): Float64Array {
  const totals = new Float64Array(feasible.length);
  const scores = new Float64Array(feasible.length);
  if (extra) for (let index = 0; index < totals.length; index++) totals[index] = extra.get(feasible[index]!.name) ?? 0;
  const local: Scorer[] = [];
  for (const plugin of plugins) {
    if (!plugin.score) continue;
    const prepared = plugin.preScore ? plugin.preScore(pod, feasible, snapshot) : { state: undefined };
    if (prepared === 'skip') continue;
    const context = { pod, state: prepared.state };
    if (memo && plugin.scoresNodeAlone) {
      local.push({ plugin, context });
      continue;
    }
    for (let index = 0; index < scores.length; index++) scores[index] = plugin.score(context, feasible[index]!);
    normalize(scores, { how: plugin.normalize, state: prepared.state });
    const { weight = 1 } = plugin;
    for (let index = 0; index < scores.length; index++) totals[index]! += scores[index]! * weight;
  }
  if (memo && local.length > 0) addLocal(totals, feasible, { memo, local });
  return totals;
}

interface Scorer {
  plugin: Plugin;
  context: { pod: Pod; state: unknown };
}

/** As it was when a like pod asked, where the node has not changed since. */
function addLocal(
  totals: Float64Array,
  feasible: readonly NodeInfo[],
  { memo, local }: { memo: NodeMemo; local: readonly Scorer[] },
): void {
  for (let index = 0; index < totals.length; index++) {
    const node = feasible[index]!;
    const met = memo.of(node);
    if (Number.isNaN(met.score)) {
      met.score = 0;
      for (const { plugin, context } of local) met.score += plugin.score!(context, node) * (plugin.weight ?? 1);
    }
    totals[index]! += met.score;
  }
}

function normalize(scores: Float64Array, { how, state }: { how: Plugin['normalize']; state: unknown }): void {
  if (!how) return;
  if (typeof how === 'function') {
    how(scores, state);
    return;
  }
  let max = Number.NEGATIVE_INFINITY;
  for (const score of scores) if (score > max) max = score;
  for (let index = 0; index < scores.length; index++) {
    const share = max === 0 ? 0 : Math.floor((scores[index]! * 100) / max);
    scores[index] = how === 'up' ? share : 100 - share;
  }
}
