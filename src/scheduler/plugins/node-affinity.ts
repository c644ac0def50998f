/** NodeAffinity: nodeSelector and required node affinity filter, preferred node affinity scores. */

import { matchesNodeSelector, matchesTerm } from '#api/core/node-selector.js';
import type { Node, NodeSelectorTerm, PreferredSchedulingTerm } from '#api/gen/core-v1.js';
import type { NodeAffinityArgs } from '#api/gen/kubescheduler-v1.js';
import { definePlugin, type PluginSpec } from '../framework.js';
import type { NodeInfo } from '../node-info.js';

export default definePlugin<Required>({
  ...withArgs({}),
  configure: (args) => withArgs(args as NodeAffinityArgs),
});

/** What a profile adds holds for all its pods, beside what they ask for themselves. */
function withArgs({ addedAffinity: added }: Pick<NodeAffinityArgs, 'addedAffinity'>): PluginSpec<Required> {
  const enforced = added?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const wished = added?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return {
    name: 'NodeAffinity',
    readsNodeAlone: true,
    weight: 2,
    preFilter: ({ spec }) => {
      const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
      if (!terms && !spec.nodeSelector && !enforced) return 'skip';
      const nodes = terms && namedNodes(terms);
      if (nodes?.size === 0) return { rejected: { reasons: ['pod affinity terms conflict'], unresolvable: true } };
      return { state: { selector: spec.nodeSelector ?? {}, terms }, nodes };
    },
    filter: ({ state }, node) => {
      if (enforced && !matchesNodeSelector(enforced, node.node))
        return { reasons: ["node(s) didn't match scheduler-enforced node affinity"], unresolvable: true };
      if (matchesRequired(state, node)) return undefined;
      return { reasons: ["node(s) didn't match Pod's node affinity/selector"], unresolvable: true };
    },
    preScore: ({ spec }) => {
      const preferred = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
      return preferred.length + wished.length > 0 ? { state: [...wished, ...preferred] } : 'skip';
    },
    score: ({ state }, { node }) => {
      let sum = 0;
      for (const { weight, preference } of state as PreferredSchedulingTerm[]) {
        if (matchesTerm(preference, node)) sum += weight;
      }
      return sum;
    },
    normalize: 'up',
    requeueOn: ['node added', 'node labels', 'pod updated'],
    hint: ({ spec }, { node, oldNode }) => {
      if (!node) return true;
      const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
      const matches = (one: Node) => isRequired({ selector: spec.nodeSelector ?? {}, terms }, one);
      if (enforced && !matchesNodeSelector(enforced, node)) return false;
      return matches(node) && !(oldNode && matches(oldNode));
    },
  };
}

export interface Required {
  selector: Record<string, string>;
  terms: readonly NodeSelectorTerm[] | undefined;
}

function isRequired(required: Required, node: Node): boolean {
  return matchesRequired(required, { node, labels: node.metadata.labels ?? {} });
}

function matchesRequired({ selector, terms }: Required, { node, labels }: Pick<NodeInfo, 'node' | 'labels'>): boolean {
  for (const key in selector) if (labels[key] !== selector[key]) return false;
  return !terms || matchesNodeSelector(terms, node);
}

/** When every term names its nodes, as a DaemonSet's pods do, no other node needs a look. */
function namedNodes(terms: readonly NodeSelectorTerm[]): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  for (const { matchFields } of terms) {
    const named = (matchFields ?? []).filter(({ key, operator }) => key === 'metadata.name' && operator === 'In');
    if (named.length === 0) return undefined;
    const [first, ...others] = named.map(({ values = [] }) => values);
    for (const name of first!) if (others.every((values) => values.includes(name))) names.add(name);
  }
  return names;
}
