/** The decision: where should this pod go? A pure function of the pod, the snapshot and the plugins. */
import type { Pod } from '#api/gen/core-v1.js';
import { below, type Prng } from '#base/prng.js';
import type { Plugin, Rejection, Snapshot } from './framework.js';
import type { NodeInfo } from './node-info.js';

export interface CycleOptions {
  plugins: readonly Plugin[];
  prng: Prng;
  /** Where in the node list to begin, so that large clusters are looked at in turn. */
  startIndex: number;
}

export type Outcome =
  | { node: NodeInfo; evaluated: number; nextIndex: number }
  | { failure: Failure; evaluated: number; nextIndex: number };

export interface Failure {
  /** As `kubectl describe pod` shows it: `0/3 nodes are available: 3 Insufficient cpu.` */
  message: string;
  /** The plugins that rejected nodes; events that concern none of them do not requeue the pod. */
  rejectedBy: ReadonlySet<string>;
  /** Nodes that evicting pods would not help. */
  unresolvable: ReadonlySet<string>;
}

const nodesAlwaysScored = 100;

/** Decides for one pod. Ties between best nodes are broken by chance. */
export function schedulePod(pod: Pod, snapshot: Snapshot, options: CycleOptions): Outcome {
  const { nodes } = snapshot;
  if (nodes.length === 0) {
    const failure = {
      message: 'no nodes available to schedule pods',
      rejectedBy: new Set<string>(),
      unresolvable: new Set<string>(),
    };
    return { failure, evaluated: 0, nextIndex: 0 };
  }
  const prepared = prepare(pod, snapshot, options.plugins);
  if ('rejected' in prepared) {
    const { plugin, rejected } = prepared;
    const message = `0/${nodes.length} nodes are available: ${rejected.reasons.join(', ')}.`;
    const unresolvable = new Set(nodes.map(({ name }) => name));
    return {
      failure: { message, rejectedBy: new Set([plugin.name]), unresolvable },
      evaluated: 0,
      nextIndex: options.startIndex,
    };
  }
  const found = findFeasible(pod, { nodes, prepared, startIndex: options.startIndex });
  const { feasible, evaluated, nextIndex } = found;
  if (feasible.length === 0) {
    return { failure: explain(found.rejections, nodes.length), evaluated, nextIndex };
  }
  const node = feasible.length === 1 ? feasible[0]! : best(pod, feasible, { snapshot, ...options });
  return { node, evaluated, nextIndex };
}

interface Filter {
  plugin: Plugin;
  state: unknown;
}

interface Prepared {
  filters: Filter[];
  /** The only nodes worth a look, and the plugins that say so; undefined: all. */
  only: { nodes: ReadonlySet<string>; plugins: string[] } | undefined;
}

function prepare(
  pod: Pod,
  snapshot: Snapshot,
  plugins: readonly Plugin[],
): Prepared | { plugin: Plugin; rejected: Rejection } {
  const filters: Filter[] = [];
  let only: Prepared['only'];
  for (const plugin of plugins) {
    let state: unknown;
    if (plugin.preFilter) {
      const answer = plugin.preFilter(pod, snapshot);
      if (answer === 'skip') continue;
      if ('rejected' in answer) return { plugin, rejected: answer.rejected };
      state = answer.state;
      const { nodes } = answer;
      if (nodes) {
        const both = only ? new Set([...only.nodes].filter((name) => nodes.has(name))) : nodes;
        only = { nodes: both, plugins: [...(only?.plugins ?? []), plugin.name] };
      }
    }
    if (plugin.filter) filters.push({ plugin, state });
  }
  return { filters, only };
}

interface NodeRejection extends Rejection {
  node: string;
  plugin: string;
}

function findFeasible(
  pod: Pod,
  { nodes, prepared, startIndex }: { nodes: readonly NodeInfo[]; prepared: Prepared; startIndex: number },
): { feasible: NodeInfo[]; rejections: NodeRejection[]; evaluated: number; nextIndex: number } {
  const wanted = feasibleWanted(nodes.length);
  const feasible: NodeInfo[] = [];
  const rejections: NodeRejection[] = [];
  let evaluated = 0;
  for (; evaluated < nodes.length && feasible.length < wanted; evaluated++) {
    const node = nodes[(startIndex + evaluated) % nodes.length]!;
    const rejection = reject(pod, { node, prepared });
    if (rejection) rejections.push(rejection);
    else feasible.push(node);
  }
  return { feasible, rejections, evaluated, nextIndex: (startIndex + evaluated) % nodes.length };
}

/** Upstream's adaptive share: all of up to 100 nodes, then from 50 % falling by 1 % per 125 nodes to 5 %. */
function feasibleWanted(nodes: number): number {
  if (nodes < nodesAlwaysScored) return nodes;
  const percent = Math.max(5, 50 - Math.floor(nodes / 125));
  return Math.max(nodesAlwaysScored, Math.floor((nodes * percent) / 100));
}

function reject(pod: Pod, { node, prepared }: { node: NodeInfo; prepared: Prepared }): NodeRejection | undefined {
  const { only } = prepared;
  if (only && !only.nodes.has(node.name)) {
    const reasons = [`node(s) didn't satisfy plugin(s) [${only.plugins.join(' ')}]`];
    return { node: node.name, plugin: only.plugins.at(-1)!, reasons, unresolvable: true };
  }
  for (const { plugin, state } of prepared.filters) {
    const rejection = plugin.filter!({ pod, state }, node);
    if (rejection) return { ...rejection, node: node.name, plugin: plugin.name };
  }
  return undefined;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`, reasons in text order. */
function explain(rejections: NodeRejection[], nodesTotal: number): Failure {
  const counts = new Map<string, number>();
  for (const { reasons } of rejections) {
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return {
    message: `0/${nodesTotal} nodes are available: ${parts.join(', ')}.`,
    rejectedBy: new Set(rejections.map(({ plugin }) => plugin)),
    unresolvable: new Set(rejections.filter(({ unresolvable }) => unresolvable).map(({ node }) => node)),
  };
}

function best(
  pod: Pod,
  feasible: readonly NodeInfo[],
  { snapshot, plugins, prng }: CycleOptions & { snapshot: Snapshot },
): NodeInfo {
  const totals = new Array<number>(feasible.length).fill(0);
  for (const plugin of plugins) {
    if (!plugin.score) continue;
    const prepared = plugin.preScore ? plugin.preScore(pod, feasible, snapshot) : { state: undefined };
    if (prepared === 'skip') continue;
    const { state } = prepared;
    const scores = feasible.map((node) => plugin.score!({ pod, state }, node));
    normalize(scores, { how: plugin.normalize, state });
    for (let index = 0; index < scores.length; index++) totals[index]! += scores[index]! * (plugin.weight ?? 1);
  }
  let bestIndex = 0;
  let ties = 1;
  for (let index = 1; index < totals.length; index++) {
    if (totals[index]! > totals[bestIndex]!) {
      bestIndex = index;
      ties = 1;
    } else if (totals[index] === totals[bestIndex] && below(prng, ++ties) === 0) bestIndex = index;
  }
  return feasible[bestIndex]!;
}

function normalize(scores: number[], { how, state }: { how: Plugin['normalize']; state: unknown }): void {
  if (!how) return;
  if (typeof how === 'function') {
    how(scores, state);
    return;
  }
  const max = Math.max(...scores);
  for (let index = 0; index < scores.length; index++) {
    const share = max === 0 ? 0 : Math.floor((scores[index]! * 100) / max);
    scores[index] = how === 'up' ? share : 100 - share;
  }
}
