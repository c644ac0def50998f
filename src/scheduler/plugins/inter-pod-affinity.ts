/**
 * InterPodAffinity: pods that want to be near other pods, or away from them; what pods that run already want of the new
 * one counts too. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
 */
import type { Node, Pod } from '#api/gen/core-v1.js';
import { type AffinityTerm, isAbout, mayBeAbout, type PodTerms, termsOf } from '../affinity-terms.js';
import { type ClusterChange, definePlugin, type PluginSpec, type Rejection, type Snapshot } from '../framework.js';
import type { NodeInfo } from '../node-info.js';
import type { DomainCounts } from '../pod-index.js';
import { increase } from '../tally.js';

/** Pods by domain of a topology: what the index knows, and what a trial has added to or taken from it. */
interface Counts {
  topologyKey: string;
  known: DomainCounts;
  trial: ReadonlyMap<string, number>;
}

export interface AffinityState {
  terms: PodTerms;
  /** One for each required term: pods that all those terms are about. */
  affinity: readonly Counts[];
  /** No pod is anywhere that the required affinity is about; then the pod itself may be the first. */
  isFirst: boolean;
  antiAffinity: readonly Counts[];
  /** Pods whose anti-affinity is about this pod. */
  repelling: readonly Counts[];
}

interface Attraction {
  topologyKey: string;
  weight: number;
  pods: DomainCounts;
}

export interface InterPodAffinityArgs {
  /** What a required affinity of a pod that is there draws like pods by. */
  hardPodAffinityWeight: number;
  ignorePreferredTermsOfExistingPods: boolean;
}

const reasons = {
  affinity: "node(s) didn't match pod affinity rules",
  antiAffinity: "node(s) didn't match pod anti-affinity rules",
  repelled: "node(s) didn't satisfy existing pods anti-affinity rules",
};

export default definePlugin<AffinityState>({
  ...withArgs({ hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false }),
  configure: (args) => withArgs(args as InterPodAffinityArgs),
});

function withArgs(args: InterPodAffinityArgs): PluginSpec<AffinityState> {
  return {
    name: 'InterPodAffinity',
    weight: 2,
    preFilter: (pod, snapshot) => {
      const state = countPods(pod, snapshot);
      const { requiredAffinity, requiredAntiAffinity } = state.terms;
      const nothingToFilter = requiredAffinity.length + requiredAntiAffinity.length + state.repelling.length === 0;
      return nothingToFilter ? 'skip' : { state };
    },
    adjust: (state, change) => adjusted(state, change),
    filter: ({ pod, state, snapshot }, node) => rejection({ pod, state, snapshot }, node),
    preScore: (pod, _feasible, snapshot) => {
      const state = attractions(pod, { snapshot, args });
      return state.length > 0 ? { state } : 'skip';
    },
    score: ({ state }, { labels }) => {
      let sum = 0;
      for (const { topologyKey, weight, pods } of state as Attraction[]) {
        const domain = labels[topologyKey];
        if (domain !== undefined) sum += weight * (pods.get(domain) ?? 0);
      }
      return sum;
    },
    normalize: (scores) => {
      let least = 0;
      let most = 0;
      for (const score of scores) {
        if (score < least) least = score;
        if (score > most) most = score;
      }
      const span = most - least;
      for (let index = 0; index < scores.length; index++) {
        scores[index] = span > 0 ? Math.floor(100 * ((scores[index]! - least) / span)) : 0;
      }
    },
    requeueOn: [
      'assigned pod added',
      'assigned pod removed',
      'assigned pod labels',
      'node added',
      'node labels',
      'pod updated',
    ],
    hint: mayHelp,
  };
}

/** Whether a pod that came, went or changed its labels, or a node's domains, can make a difference to the pod. */
function mayHelp(pod: Pod, { event, pod: other, oldPod, node, oldNode }: ClusterChange): boolean {
  const { requiredAffinity, requiredAntiAffinity } = termsOf(pod);
  if (node) {
    const domains = (of: Node | undefined, { topologyKey }: AffinityTerm) => of?.metadata.labels?.[topologyKey];
    const moved = (term: AffinityTerm) => domains(node, term) !== domains(oldNode, term);
    const joins = requiredAffinity.some((term) => domains(node, term) !== undefined && moved(term));
    // A node without the domain takes any pod that wants to be apart.
    return (
      joins || requiredAntiAffinity.some((term) => !oldNode || (domains(oldNode, term) !== undefined && moved(term)))
    );
  }
  if (!other || event === 'pod updated') return true;
  const areAbout = (terms: readonly AffinityTerm[], one: Pod) =>
    terms.length > 0 && terms.every((term) => mayBeAbout(term, one));
  if (event === 'assigned pod added') return areAbout(requiredAffinity, other);
  if (event === 'assigned pod removed')
    return areAbout(requiredAntiAffinity, other) || areAbout(termsOf(other).requiredAntiAffinity, pod);
  if (!oldPod) return true;
  return (
    (areAbout(requiredAffinity, other) && !areAbout(requiredAffinity, oldPod)) ||
    (areAbout(requiredAntiAffinity, oldPod) && !areAbout(requiredAntiAffinity, other))
  );
}

function countPods(pod: Pod, { index }: Snapshot): AffinityState {
  const terms = termsOf(pod);
  const { requiredAffinity, requiredAntiAffinity } = terms;
  const trial = new Map<string, number>();
  const like = requiredAffinity.length > 0 ? index.aboutAll(requiredAffinity) : undefined;
  const affinity = requiredAffinity.map(({ topologyKey }) => {
    return { topologyKey, known: like!.inDomains(topologyKey), trial };
  });
  const antiAffinity = requiredAntiAffinity.map((term) => {
    const { topologyKey } = term;
    return { topologyKey, known: index.aboutAll([term]).inDomains(topologyKey), trial };
  });
  const repelling = [...index.termsAbout(pod, 'required anti-affinity')].map(({ topologyKey, holders }) => {
    return { topologyKey, known: holders, trial };
  });
  return { terms, affinity, isFirst: affinity.every(isNowhere), antiAffinity, repelling };
}

function countIn({ known, trial }: Counts, domain: string): number {
  return (known.get(domain) ?? 0) + (trial.get(domain) ?? 0);
}

function isNowhere(counts: Counts): boolean {
  const { known, trial } = counts;
  if (trial.size === 0) return known.size === 0;
  return [...known.keys(), ...trial.keys()].every((domain) => countIn(counts, domain) === 0);
}

function rejection(
  { pod, state, snapshot }: { pod: Pod; state: AffinityState; snapshot: Snapshot },
  { labels }: NodeInfo,
): Rejection | undefined {
  const { affinity, antiAffinity, repelling } = state;
  let isNear = true;
  for (const counts of affinity) {
    const domain = labels[counts.topologyKey];
    if (domain === undefined) return { reasons: [reasons.affinity], unresolvable: true };
    if (countIn(counts, domain) <= 0) isNear = false;
  }
  if (!isNear && !mayBeFirst({ pod, state, snapshot })) return { reasons: [reasons.affinity], unresolvable: true };
  if (isInOne(antiAffinity, labels)) return { reasons: [reasons.antiAffinity] };
  if (isInOne(repelling, labels)) return { reasons: [reasons.repelled] };
  return undefined;
}

function mayBeFirst({ pod, state, snapshot }: { pod: Pod; state: AffinityState; snapshot: Snapshot }): boolean {
  const { isFirst, terms } = state;
  return (
    isFirst && terms.requiredAffinity.every((term) => isAbout(term, pod, (name) => snapshot.namespaceLabels(name)))
  );
}

function isInOne(all: readonly Counts[], labels: Record<string, string>): boolean {
  for (const counts of all) {
    const domain = labels[counts.topologyKey];
    if (domain !== undefined && countIn(counts, domain) > 0) return true;
  }
  return false;
}

/** As if the other pod came to the node, or left it. */
function adjusted(
  state: AffinityState,
  { pod, other, node, by, snapshot }: { pod: Pod; other: Pod; node: NodeInfo; by: 1 | -1; snapshot: Snapshot },
): AffinityState {
  const isAboutOther = (term: AffinityTerm) => isAbout(term, other, (name) => snapshot.namespaceLabels(name));
  const isAboutPod = (term: AffinityTerm) => isAbout(term, pod, (name) => snapshot.namespaceLabels(name));
  const changed = (counts: Counts): Counts => {
    const domain = node.labels[counts.topologyKey];
    if (domain === undefined) return counts;
    const trial = new Map(counts.trial);
    increase(trial, domain, by);
    return { ...counts, trial };
  };
  const { requiredAffinity, requiredAntiAffinity } = state.terms;
  const isLike = requiredAffinity.length > 0 && requiredAffinity.every(isAboutOther);
  const affinity = isLike ? state.affinity.map(changed) : state.affinity;
  const antiAffinity = state.antiAffinity.map((counts, at) =>
    isAboutOther(requiredAntiAffinity[at]!) ? changed(counts) : counts,
  );
  // Which pod repels does not matter, only how many do: what the other adds or takes is counted apart.
  const repelled = termsOf(other).requiredAntiAffinity.filter(isAboutPod);
  const repelling = repelled.reduce(
    (all, { topologyKey }) => withRepelling(all, { topologyKey, changed }),
    state.repelling,
  );
  return { ...state, affinity, isFirst: isLike ? affinity.every(isNowhere) : state.isFirst, antiAffinity, repelling };
}

/** Counts of one topology are one sum, so that what leaves one term's count can be taken from any. */
function withRepelling(
  all: readonly Counts[],
  { topologyKey, changed }: { topologyKey: string; changed: (counts: Counts) => Counts },
): readonly Counts[] {
  const same = all.filter((counts) => counts.topologyKey === topologyKey);
  const known = new Map<string, number>();
  const trial = new Map<string, number>();
  for (const counts of same) {
    for (const [domain, count] of counts.known) increase(known, domain, count);
    for (const [domain, count] of counts.trial) increase(trial, domain, count);
  }
  return [...all.filter((counts) => counts.topologyKey !== topologyKey), changed({ topologyKey, known, trial })];
}

function attractions(pod: Pod, { snapshot, args }: { snapshot: Snapshot; args: InterPodAffinityArgs }): Attraction[] {
  const { index } = snapshot;
  const own = termsOf(pod).preferred.map(({ weight, term }) => {
    return { topologyKey: term.topologyKey, weight, pods: index.aboutAll([term]).inDomains(term.topologyKey) };
  });
  if (own.length === 0 && args.ignorePreferredTermsOfExistingPods) return [];
  const found: Attraction[] = own;
  for (const [role, factor] of [
    ['preferred', 1],
    ['required affinity', args.hardPodAffinityWeight],
  ] as const) {
    for (const { topologyKey, weight, holders } of index.termsAbout(pod, role))
      found.push({ topologyKey, weight: weight * factor, pods: holders });
  }
  return found.filter(({ weight, pods }) => weight !== 0 && pods.size > 0);
}
