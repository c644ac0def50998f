/**
 * Decides how fast nodes may be emptied: when most of a zone is silent, the fault is more likely in between than in
 * the nodes. https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction
 */
import type { Node } from '#api/gen/core-v1.js';
import type { ControllerSettings } from '../settings.js';
import { readyOf } from './health.js';

export type Rates = Pick<
  ControllerSettings,
  'nodeEvictionRate' | 'secondaryNodeEvictionRate' | 'largeClusterSizeThreshold' | 'unhealthyZoneThreshold'
>;

const excludeLabel = 'node.kubernetes.io/exclude-disruption';

export function zoneOf({ metadata }: Node): string {
  const labels = metadata.labels ?? {};
  return `${labels['topology.kubernetes.io/region'] ?? ''}:${labels['topology.kubernetes.io/zone'] ?? ''}`;
}

/** Nodes may ask to be left out of account. */
export function isCounted({ metadata }: Node): boolean {
  return metadata.labels?.[excludeLabel] === undefined;
}

export interface Disruption {
  /** No zone has a ready node: we are cut off ourselves, and no pod is to be moved. */
  isTotal: boolean;
  /** Nodes a second that may be tainted NoExecute, by zone. */
  ratePerSecond: Map<string, number>;
}

export function disruptionOf(nodes: readonly Node[], rates: Rates): Disruption {
  const zones = new Map<string, { ready: number; notReady: number }>();
  for (const node of nodes) {
    if (!isCounted(node)) continue;
    const zone = zones.get(zoneOf(node)) ?? { ready: 0, notReady: 0 };
    zones.set(zoneOf(node), zone);
    if (readyOf(node)?.status === 'True') zone.ready++;
    else zone.notReady++;
  }
  const ratePerSecond = new Map([...zones].map(([name, counts]) => [name, rateOf(counts, rates)] as const));
  const isTotal = zones.size > 0 && [...zones.values()].every(({ ready }) => ready === 0);
  return { isTotal, ratePerSecond };
}

function rateOf({ ready, notReady }: { ready: number; notReady: number }, rates: Rates): number {
  const total = ready + notReady;
  const isPartlyDown = ready > 0 && notReady > 2 && notReady / total >= rates.unhealthyZoneThreshold;
  if (!isPartlyDown) return rates.nodeEvictionRate;
  return total > rates.largeClusterSizeThreshold ? rates.secondaryNodeEvictionRate : 0;
}
