/** How many pods of one sort are on each node, and summed up in each domain of a topology; kept up as pods come and go. */
import type { NodeInfo } from './node-info.js';

export class Tally {
  readonly #byNode = new Map<string, number>();
  /** By topology key, then by the value of that label. Made when first asked for. */
  readonly #byDomain = new Map<string, Map<string, number>>();

  get isEmpty(): boolean {
    return this.#byNode.size === 0;
  }

  on(nodeName: string): number {
    return this.#byNode.get(nodeName) ?? 0;
  }

  change({ name, labels }: NodeInfo, by: number): void {
    increase(this.#byNode, name, by);
    for (const [topologyKey, counts] of this.#byDomain) {
      const domain = labels[topologyKey];
      if (domain !== undefined) increase(counts, domain, by);
    }
  }

  /** A domain without such pods is absent. */
  inDomains(topologyKey: string, node: (name: string) => NodeInfo | undefined): ReadonlyMap<string, number> {
    let counts = this.#byDomain.get(topologyKey);
    if (!counts) {
      counts = new Map();
      for (const [name, count] of this.#byNode) {
        const domain = node(name)?.labels[topologyKey];
        if (domain !== undefined) increase(counts, domain, count);
      }
      this.#byDomain.set(topologyKey, counts);
    }
    return counts;
  }
}

export function increase(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
