/**
 * Answers how many pods of a sort are where, and which terms of pods on nodes are about a given pod, without a look at
 * each pod: counts are kept up as pods come and go, so that a decision costs the same however many pods there are.
 */
import type { Pod } from '#api/gen/core-v1.js';
import type { LabelSelector } from '#apimachinery/selectors.js';
import { type AffinityTerm, isAbout, type NamespaceLabels, termsOf, textOf } from './affinity-terms.js';
import type { NodeInfo } from './node-info.js';
import { Tally } from './tally.js';

/** Sorts of pods that are counted at a time; the one asked for longest ago goes first, and is counted anew if asked. */
const sortsMax = 4096;

export type DomainCounts = ReadonlyMap<string, number>;

export type TermRole = 'required affinity' | 'required anti-affinity' | 'preferred';

/** A term that some pods on nodes have, and where those are. */
interface HeldTerm {
  term: AffinityTerm;
  role: TermRole;
  weight: number;
  holders: Tally;
}

interface Sort {
  /** undefined: pods of any namespace may belong to it. */
  namespaces: readonly string[] | undefined;
  takes(pod: Pod): boolean;
  tally: Tally;
}

export class PodIndex {
  readonly #nodes: ReadonlyMap<string, NodeInfo>;
  readonly #namespaceLabels: NamespaceLabels;
  readonly #sorts = new Map<string, Sort>();
  readonly #sortsByNamespace = new ByNamespace<Sort>();
  readonly #held = new Map<string, HeldTerm>();
  readonly #heldByNamespace = new ByNamespace<HeldTerm>();

  constructor({ nodes, namespaceLabels }: { nodes: ReadonlyMap<string, NodeInfo>; namespaceLabels: NamespaceLabels }) {
    this.#nodes = nodes;
    this.#namespaceLabels = namespaceLabels;
  }

  add(pod: Pod, node: NodeInfo): void {
    this.#count(pod, node, 1);
    for (const held of heldBy(pod)) {
      const key = keyOfHeld(held);
      let known = this.#held.get(key);
      if (!known) {
        known = { ...held, holders: new Tally() };
        this.#held.set(key, known);
        this.#heldByNamespace.add(namespacesOf(held.term), known);
      }
      known.holders.change(node, 1);
    }
  }

  remove(pod: Pod, node: NodeInfo): void {
    this.#count(pod, node, -1);
    for (const held of heldBy(pod)) {
      const key = keyOfHeld(held);
      const known = this.#held.get(key);
      if (!known) continue;
      known.holders.change(node, -1);
      if (!known.holders.isEmpty) continue;
      this.#held.delete(key);
      this.#heldByNamespace.delete(namespacesOf(held.term), known);
    }
  }

  /** Another set of labels of a namespace may bring it into, or out of, what terms are about. */
  namespaceChanged(): void {
    for (const [key, { namespaces }] of this.#sorts) if (!namespaces) this.#forget(key);
  }

  /** Pods that each of the terms is about. */
  aboutAll(terms: readonly AffinityTerm[]): { inDomains(topologyKey: string): DomainCounts } {
    const key = terms.map(({ podsKey }) => podsKey).join('&');
    const named = terms.map(namespacesOf).find((namespaces) => namespaces);
    const takes = (pod: Pod) => terms.every((term) => isAbout(term, pod, this.#namespaceLabels));
    const tally = this.#tallyOf(`terms ${key}`, { namespaces: named, takes });
    return { inDomains: (topologyKey) => tally.inDomains(topologyKey, (name) => this.#nodes.get(name)) };
  }

  /** Pods of a namespace with these labels that are not on their way out. */
  living(namespace: string, selector: LabelSelector): Tally {
    const takes = ({ metadata }: Pod) =>
      metadata.namespace === namespace && !metadata.deletionTimestamp && selector.matches(metadata.labels);
    return this.#tallyOf(`living ${namespace}|${textOf(selector)}`, { namespaces: [namespace], takes });
  }

  /** The terms of pods on nodes that are about this pod, and in which domains those pods are. */
  *termsAbout(pod: Pod, role: TermRole): Generator<{ topologyKey: string; weight: number; holders: DomainCounts }> {
    for (const held of this.#heldByNamespace.of(pod.metadata.namespace ?? '')) {
      const { term, weight, holders } = held;
      if (held.role !== role || !isAbout(term, pod, this.#namespaceLabels)) continue;
      const { topologyKey } = term;
      yield { topologyKey, weight, holders: holders.inDomains(topologyKey, (name) => this.#nodes.get(name)) };
    }
  }

  #count(pod: Pod, node: NodeInfo, by: number): void {
    for (const { takes, tally } of this.#sortsByNamespace.of(pod.metadata.namespace ?? '')) {
      if (takes(pod)) tally.change(node, by);
    }
  }

  #tallyOf(key: string, rule: Omit<Sort, 'tally'>): Tally {
    const known = this.#sorts.get(key);
    if (known) {
      this.#sorts.delete(key);
      this.#sorts.set(key, known);
      return known.tally;
    }
    const sort = { ...rule, tally: new Tally() };
    for (const node of this.#nodes.values()) {
      for (const pod of node.pods) if (sort.takes(pod)) sort.tally.change(node, 1);
    }
    this.#sorts.set(key, sort);
    this.#sortsByNamespace.add(sort.namespaces, sort);
    if (this.#sorts.size > sortsMax) this.#forget(this.#sorts.keys().next().value!);
    return sort.tally;
  }

  #forget(key: string): void {
    const sort = this.#sorts.get(key)!;
    this.#sorts.delete(key);
    this.#sortsByNamespace.delete(sort.namespaces, sort);
  }
}

/** Things that concern pods of some namespaces, or, where none are named, of any. */
class ByNamespace<T> {
  readonly #any = new Set<T>();
  readonly #named = new Map<string, Set<T>>();

  add(namespaces: readonly string[] | undefined, thing: T): void {
    if (!namespaces) this.#any.add(thing);
    for (const namespace of namespaces ?? []) {
      const things = this.#named.get(namespace);
      if (things) things.add(thing);
      else this.#named.set(namespace, new Set([thing]));
    }
  }

  delete(namespaces: readonly string[] | undefined, thing: T): void {
    this.#any.delete(thing);
    for (const namespace of namespaces ?? []) {
      const things = this.#named.get(namespace);
      things?.delete(thing);
      if (things?.size === 0) this.#named.delete(namespace);
    }
  }

  *of(namespace: string): Generator<T> {
    yield* this.#any;
    yield* this.#named.get(namespace) ?? [];
  }
}

function* heldBy(pod: Pod): Generator<Omit<HeldTerm, 'holders'>> {
  const { requiredAffinity, requiredAntiAffinity, preferred } = termsOf(pod);
  for (const term of requiredAntiAffinity) yield { term, role: 'required anti-affinity', weight: 1 };
  for (const term of requiredAffinity) yield { term, role: 'required affinity', weight: 1 };
  for (const { term, weight } of preferred) yield { term, role: 'preferred', weight };
}

function keyOfHeld({ term, role, weight }: Omit<HeldTerm, 'holders'>): string {
  return `${role}|${weight}|${term.topologyKey}|${term.podsKey}`;
}

/** undefined when labels of namespaces decide. */
function namespacesOf({ namespaces, namespaceSelector }: AffinityTerm): readonly string[] | undefined {
  return namespaceSelector.isNothing ? namespaces : undefined;
}
