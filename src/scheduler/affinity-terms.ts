/**
 * The pods that an inter-pod affinity term is about: of which namespaces, with which labels.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
 */
import type { Pod, PodAffinityTerm } from '#api/gen/core-v1.js';
import { type LabelSelector, labelSelectorFrom } from '#apimachinery/selectors.js';

/** The labels of a namespace; undefined when it is not known (yet). */
export type NamespaceLabels = (namespace: string) => Record<string, string> | undefined;

export interface AffinityTerm {
  topologyKey: string;
  namespaces: readonly string[];
  /** Further namespaces, by their labels. */
  namespaceSelector: LabelSelector;
  selector: LabelSelector;
  /** Terms about the same pods have the same text. */
  podsKey: string;
}

export interface WeightedTerm {
  weight: number;
  term: AffinityTerm;
}

export interface PodTerms {
  requiredAffinity: readonly AffinityTerm[];
  requiredAntiAffinity: readonly AffinityTerm[];
  /** Weights of anti-affinity are negative. */
  preferred: readonly WeightedTerm[];
}

const none: PodTerms = { requiredAffinity: [], requiredAntiAffinity: [], preferred: [] };
const known = new WeakMap<Pod, PodTerms>();

/** Creation has merged matchLabelKeys and mismatchLabelKeys into the selectors, so that only those are read. */
export function termsOf(pod: Pod): PodTerms {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (!podAffinity && !podAntiAffinity) return none;
  let terms = known.get(pod);
  if (!terms) {
    const { namespace = '' } = pod.metadata;
    const weighted = (sign: 1 | -1, affinity = podAffinity) =>
      (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) => ({
        weight: sign * weight,
        term: termOf(podAffinityTerm, namespace),
      }));
    const required = (affinity = podAffinity) =>
      (affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => termOf(term, namespace));
    terms = {
      requiredAffinity: required(),
      requiredAntiAffinity: podAntiAffinity ? required(podAntiAffinity) : [],
      preferred: [...weighted(1), ...(podAntiAffinity ? weighted(-1, podAntiAffinity) : [])],
    };
    known.set(pod, terms);
  }
  return terms;
}

/** Without namespaces and a selector of them, a term is about the pod's own namespace. */
function termOf(term: PodAffinityTerm, ownNamespace: string): AffinityTerm {
  const { topologyKey, labelSelector, namespaceSelector } = term;
  const given = term.namespaces ?? [];
  const namespaces = given.length === 0 && !namespaceSelector ? [ownNamespace] : [...given].sort();
  const selector = labelSelectorFrom(labelSelector);
  const byLabels = labelSelectorFrom(namespaceSelector);
  const podsKey = [namespaces.join(','), textOf(byLabels), textOf(selector)].join('|');
  return { topologyKey, namespaces, namespaceSelector: byLabels, selector, podsKey };
}

/** The text of a selector, other for the one that matches nothing than for the one that matches everything. */
export function textOf(selector: LabelSelector): string {
  return selector.isNothing ? '!' : selector.toString();
}

export function isAbout(term: AffinityTerm, pod: Pod, namespaceLabels: NamespaceLabels): boolean {
  const { namespaces, namespaceSelector, selector } = term;
  const { namespace = '', labels } = pod.metadata;
  return (
    (namespaces.includes(namespace) || selects(namespaceSelector, namespaceLabels(namespace))) &&
    selector.matches(labels)
  );
}

/** The same where the labels of namespaces are not at hand: it may be, then. */
export function mayBeAbout({ namespaces, namespaceSelector, selector }: AffinityTerm, { metadata }: Pod): boolean {
  const isInNamespace = !namespaceSelector.isNothing || namespaces.includes(metadata.namespace ?? '');
  return isInNamespace && selector.matches(metadata.labels);
}

/** The empty selector takes all namespaces, also one whose labels are not known yet. */
function selects(selector: LabelSelector, labels: Record<string, string> | undefined): boolean {
  if (selector.isNothing) return false;
  return selector.isEverything || (labels !== undefined && selector.matches(labels));
}
