/** Which nodes can take a pod, and why the others cannot: PreFilter once a pod, Filter once a node. */
import type { Pod } from '#api/gen/core-v1.js';
import type { Plugin, Snapshot } from './framework.js';
import type { NodeInfo } from './node-info.js';
import type { NodeMemo, NodeMemos, NodeRejection } from './node-memo.js';

interface Filter {
  plugin: Plugin;
  state: unknown;
}

/** A pod and what its plugins have found out before they look at nodes. */
export interface Prepared {
  pod: Pod;
  snapshot: Snapshot;
  /** Those that read nothing but the node; they come first, and what they said of it is remembered. */
  local: readonly Filter[];
  filters: readonly Filter[];
  /** The only nodes worth a look, and the plugins that say so; undefined: all. */
  only: { nodes: ReadonlySet<string>; plugins: readonly string[] } | undefined;
  /** What like pods have met on nodes that have not changed since. */
  memo: NodeMemo | undefined;
}

export interface RejectedNode {
  node: NodeInfo;
  rejection: NodeRejection;
}

/** No node can take the pod, whatever the node. */
export interface Refusal {
  plugins: readonly string[];
  reasons: readonly string[];
  /** Those that were asked. */
  reached: readonly string[];
}

export function prepare(
  pod: Pod,
  { snapshot, plugins, memos }: { snapshot: Snapshot; plugins: readonly Plugin[]; memos?: NodeMemos },
): Prepared | { refused: Refusal } {
  const filters: Filter[] = [];
  const reached: string[] = [];
  let only: Prepared['only'];
  for (const plugin of plugins) {
    let state: unknown;
    reached.push(plugin.name);
    if (plugin.preFilter) {
      const answer = plugin.preFilter(pod, snapshot);
      if (answer === 'skip') continue;
      if ('rejected' in answer)
        return { refused: { plugins: [plugin.name], reasons: answer.rejected.reasons, reached } };
      state = answer.state;
      const { nodes } = answer;
      if (nodes) {
        const both = only ? new Set([...only.nodes].filter((name) => nodes.has(name))) : nodes;
        only = { nodes: both, plugins: [...(only?.plugins ?? []), plugin.name] };
        if (both.size === 0) return { refused: { plugins: only.plugins, reasons: [noNodeFor(only.plugins)], reached } };
      }
    }
    if (plugin.filter) filters.push({ plugin, state });
  }
  const others = filters.findIndex(({ plugin }) => !plugin.readsNodeAlone);
  const local = others < 0 ? filters : filters.slice(0, others);
  return { pod, snapshot, local, filters: others < 0 ? [] : filters.slice(others), only, memo: memos?.of(pod) };
}

/** What a plugin's preFilter has found out. */
export function stateOf(prepared: Prepared | undefined, name: string): unknown {
  const one = ({ plugin }: Filter) => plugin.name === name;
  return (prepared?.filters.find(one) ?? prepared?.local.find(one))?.state;
}

function noNodeFor(plugins: readonly string[]): string {
  const [first, ...others] = plugins;
  if (others.length === 0) return `node(s) didn't satisfy plugin ${first}`;
  return `node(s) didn't satisfy plugin(s) [${plugins.join(' ')}] simultaneously`;
}

export interface Feasible {
  nodes: NodeInfo[];
  /** Nodes that no filter looked at are absent. */
  rejected: RejectedNode[];
  evaluated: number;
}

/** Looks at nodes in turn from `startIndex` on, until `wanted` have passed. */
export function findFeasible(
  prepared: Prepared,
  { startIndex, wanted }: { startIndex: number; wanted: (nodes: number) => number },
): Feasible {
  const { snapshot, only } = prepared;
  const candidates = only ? [...only.nodes].flatMap((name) => snapshot.node(name) ?? []) : snapshot.nodes;
  const nodes: NodeInfo[] = [];
  const rejected: RejectedNode[] = [];
  const enough = wanted(candidates.length);
  let evaluated = 0;
  for (; evaluated < candidates.length && nodes.length < enough; evaluated++) {
    const node = candidates[(startIndex + evaluated) % candidates.length]!;
    const rejection = reject(prepared, node);
    if (rejection) rejected.push({ node, rejection });
    else nodes.push(node);
  }
  return { nodes, rejected, evaluated };
}

/**
 * Pods of like or higher priority that were promised room here count as if they ran here; and since they may not come,
 * the pod must fit without them too.
 */
export function reject(prepared: Prepared, node: NodeInfo): NodeRejection | undefined {
  const { pod, snapshot } = prepared;
  const guests = snapshot.nominated(node.name);
  if (guests.length > 0) {
    const { crowded, counted } = crowd(pod, { node, guests });
    let withGuests = prepared;
    for (const guest of counted) withGuests = adjust(withGuests, { other: guest, node, by: 1 });
    const rejection = crowded === node ? undefined : runFilters(withGuests, crowded);
    if (rejection) return rejection;
  }
  return runFilters(prepared, node);
}

/** The node with those of its guests that count for the pod; the same one as long as node and guests are the same. */
export function crowd(
  pod: Pod,
  { node, guests }: { node: NodeInfo; guests: readonly Pod[] },
): { crowded: NodeInfo; counted: readonly Pod[] } {
  const counts = (guest: Pod) => priorityOf(guest) >= priorityOf(pod) && guest.metadata.uid !== pod.metadata.uid;
  const areAll = guests.every(counts);
  const known = crowds.get(node);
  if (areAll && known?.guests === guests) return { crowded: known.crowded, counted: guests };
  const counted = areAll ? guests : guests.filter(counts);
  const crowded = counted.reduce((info, guest) => info.withPod(guest), node);
  if (areAll) crowds.set(node, { guests, crowded });
  return { crowded, counted };
}

const crowds = new WeakMap<NodeInfo, { guests: readonly Pod[]; crowded: NodeInfo }>();

function runFilters(prepared: Prepared, node: NodeInfo): NodeRejection | undefined {
  const { local, filters, memo } = prepared;
  const met = memo?.of(node);
  let verdict = met?.verdict;
  if (verdict === undefined) {
    verdict = firstRejection(prepared, { filters: local, node }) ?? 'fits';
    if (met) met.verdict = verdict;
  }
  if (verdict !== 'fits') return verdict;
  return filters.length > 0 ? firstRejection(prepared, { filters, node }) : undefined;
}

function firstRejection(
  { pod, snapshot }: Prepared,
  { filters, node }: { filters: readonly Filter[]; node: NodeInfo },
): NodeRejection | undefined {
  for (const { plugin, state } of filters) {
    const rejection = plugin.filter!({ pod, state, snapshot }, node);
    if (rejection) return { ...rejection, plugin: plugin.name };
  }
  return undefined;
}

/** What the plugins would have found with the other pod on the node, or gone from it. */
export function adjust(prepared: Prepared, change: { other: Pod; node: NodeInfo; by: 1 | -1 }): Prepared {
  const { pod, snapshot, filters } = prepared;
  // Those that read the node alone have nothing to adjust.
  if (!filters.some(({ plugin }) => plugin.adjust)) return prepared;
  const adjusted = filters.map(({ plugin, state }) =>
    plugin.adjust ? { plugin, state: plugin.adjust(state, { pod, snapshot, ...change }) } : { plugin, state },
  );
  return { ...prepared, filters: adjusted };
}

export function priorityOf({ spec }: Pod): number {
  return spec.priority ?? 0;
}
